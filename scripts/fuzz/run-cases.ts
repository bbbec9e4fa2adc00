/**
 * Reads many changed files, and says of which the reader crashed, hung, threw something else than a `UserError`, or took
 * more memory than a file of that size explains.
 */
import type { Format } from "./formats.ts";
import type { CaseResult, Reader, ReaderLimits } from "./reader.ts";

export interface FuzzFailure {
  readonly number: number;
  readonly kind: "crash" | "hang" | "untyped error" | "memory";
  readonly problem: string;
}

export interface FuzzCounts {
  read: number;
  refused: number;
  longestMs: number;
  /** Of all cases, as far as it rose above what was resident. */
  mostGrownBytes: number;
  readonly failures: FuzzFailure[];
}

export const limits: ReaderLimits = { timeMs: 10_000, heapMiB: 512 };

/** Memory that reading a file may take. */
export function allowedBytes(fileBytes: number): number {
  return 64 * 2 ** 20 + 8 * fileBytes;
}

/** @param reader whoever made it closes it */
export async function runCases(
  format: Format,
  first: number,
  count: number,
  reader: Reader,
  onFailure: (failure: FuzzFailure) => void = () => undefined,
): Promise<FuzzCounts> {
  const counts: FuzzCounts = { read: 0, refused: 0, longestMs: 0, mostGrownBytes: 0, failures: [] };
  for (let number = first; number < first + count; number++) {
    let result = await reader.read({ format, from: number, alone: false });
    // Garbage of the cases before may have been in the way.
    if (isGreedy(result)) {
      reader.close();
      result = await reader.read({ format, from: number, alone: true });
    }
    const kind = kindOf(result);
    if (result.outcome === "read" || result.outcome === "refused") counts[result.outcome]++;
    counts.longestMs = Math.max(counts.longestMs, result.elapsedMs);
    if ("grownBytes" in result)
      counts.mostGrownBytes = Math.max(counts.mostGrownBytes, result.grownBytes ?? 0);
    if (kind === undefined) continue;
    const failure = { number, kind, problem: problemOf(result) };
    counts.failures.push(failure);
    onFailure(failure);
  }
  return counts;
}

export function isGreedy(result: CaseResult): boolean {
  return "grownBytes" in result && (result.grownBytes ?? 0) > allowedBytes(result.fileBytes);
}

function kindOf(result: CaseResult): FuzzFailure["kind"] | undefined {
  if (result.outcome === "crashed") return "crash";
  if (result.outcome === "hung") return "hang";
  if (result.outcome === "failed") return "untyped error";
  return isGreedy(result) ? "memory" : undefined;
}

function problemOf(result: CaseResult): string {
  if ("grownBytes" in result && isGreedy(result))
    return `${result.grownBytes} bytes more for a file of ${result.fileBytes} (${result.outcome})`;
  return result.problem ?? "";
}
