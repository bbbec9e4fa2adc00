/**
 * The process that reads files: started by `reader.ts`, one case a message. It answers what reading a case came to, and how
 * far memory rose above what was resident before. It may crash, hang or run out of memory: whoever started it sees that.
 */
import { readFileSync } from "node:fs";
import { UserError } from "../../src/errors.ts";
import { formatRecords, type Format } from "./formats.ts";
import { CaseMaker } from "./make-case.ts";
import { forgetPeak, peakBytes, residentBytes } from "./memory.ts";

export interface CaseRequest {
  readonly format: Format;
  /** A case by its number, or a file by its path. */
  readonly from: number | string;
  /** Reads sound files first and collects garbage, so that memory is that of this case alone. */
  readonly alone: boolean;
}

export interface CaseAnswer {
  readonly outcome: "read" | "refused" | "failed";
  /** Of what was thrown, where that is no `UserError`, or one that nobody can read. */
  readonly problem?: string;
  readonly fileBytes: number;
  /** Undefined where the system does not tell. */
  readonly grownBytes: number | undefined;
  readonly elapsedMs: number;
}

/** Longer messages are no messages. */
const longestMessage = 10_000;

const makers = new Map<Format, CaseMaker>();

function makerOf(format: Format): CaseMaker {
  const maker = makers.get(format) ?? new CaseMaker(format);
  makers.set(format, maker);
  return maker;
}

const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

process.on("disconnect", () => process.exit());
process.on("message", (message) => {
  void answer(message as CaseRequest).then((result) => process.send!(result));
});
process.send!("ready");

async function answer({ format, from, alone }: CaseRequest): Promise<CaseAnswer> {
  const maker = makerOf(format);
  const bytes = typeof from === "number" ? maker.make(from) : new Uint8Array(readFileSync(from));
  if (alone) {
    for (const seed of maker.seeds.slice(0, 20)) await outcomeOf(format, seed.slice());
    collect();
  }
  const measured = forgetPeak();
  const before = residentBytes();
  const start = performance.now();
  const outcome = await outcomeOf(format, bytes);
  const elapsedMs = performance.now() - start;
  const grownBytes = measured ? Math.max(0, peakBytes() - before) : undefined;
  return { ...outcome, fileBytes: bytes.length, grownBytes, elapsedMs };
}

async function outcomeOf(
  format: Format,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Pick<CaseAnswer, "outcome" | "problem">> {
  try {
    await formatRecords[format].read(bytes);
    return { outcome: "read" };
  } catch (error) {
    if (!(error instanceof UserError))
      return {
        outcome: "failed",
        problem: error instanceof Error ? (error.stack ?? error.message) : String(error),
      };
    if (error.message.length > longestMessage)
      return {
        outcome: "failed",
        problem: `a message of ${error.message.length} characters: ${error.message.slice(0, 200)}`,
      };
    return { outcome: "refused" };
  }
}
