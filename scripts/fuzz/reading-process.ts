/**
 * The process that reads files: started by `reader.ts`, one case a message. It answers what reading a case came to, and how
 * far memory rose above what was resident before. It may crash, hang or run out of memory: whoever started it sees that.
 */
import { UserError } from "../../src/errors.ts";
import { formatRecords, type Format } from "./formats.ts";
import { CaseMaker } from "./make-case.ts";
import { forgetPeak, peakBytes, residentBytes } from "./memory.ts";

export interface CaseRequest {
  readonly number: number;
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

const format = process.argv[2] as Format;
const maker = new CaseMaker(format);
const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

process.on("disconnect", () => process.exit());
process.on("message", (message) => {
  void answer(message as CaseRequest).then((result) => process.send!(result));
});
process.send!("ready");

async function answer({ number, alone }: CaseRequest): Promise<CaseAnswer> {
  const bytes = maker.make(number);
  if (alone) {
    for (const seed of maker.seeds.slice(0, 20)) await outcomeOf(seed.slice());
    collect();
  }
  const measured = forgetPeak();
  const before = residentBytes();
  const start = performance.now();
  const outcome = await outcomeOf(bytes);
  const elapsedMs = performance.now() - start;
  const grownBytes = measured ? Math.max(0, peakBytes() - before) : undefined;
  return { ...outcome, fileBytes: bytes.length, grownBytes, elapsedMs };
}

async function outcomeOf(bytes: Uint8Array<ArrayBuffer>): Promise<Pick<CaseAnswer, "outcome" | "problem">> {
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
