/**
 * How many threads the embedded CPU device takes. In: what was asked for, else `HEDDLE_CPU_THREADS`, else the
 * hardware's threads. Out: a number, and where it is less than wanted, why.
 */
import { UserError } from "../../errors.ts";
import { shortText } from "../../ir/short-text.ts";
import { importAtRuntime, isNode } from "../import-at-runtime.ts";

/** Beyond this many, dispatches are too short to divide; who wants more asks for them. */
const mostByDefault = 16;
const mostThreads = 256;

export interface ThreadCount {
  readonly threads: number;
  /** Why there is only the calling thread, where more were wanted. */
  readonly without?: string;
}

export async function chooseThreadCount(asked: number | undefined): Promise<ThreadCount> {
  const threads = asked === undefined ? await defaultCount() : checkCount(asked, "threads", asked);
  const without = threads > 1 ? whyNoThreads() : undefined;
  return without === undefined ? { threads } : { threads: 1, without };
}

async function defaultCount(): Promise<number> {
  const named = isNode() ? process.env["HEDDLE_CPU_THREADS"] : undefined;
  if (named !== undefined && named !== "") return checkCount(Number(named), "HEDDLE_CPU_THREADS", named);
  return Math.min(mostByDefault, Math.max(1, await hardwareThreads()));
}

async function hardwareThreads(): Promise<number> {
  if (!isNode()) return globalThis.navigator?.hardwareConcurrency ?? 1;
  const { availableParallelism } = await importAtRuntime<typeof import("node:os")>("node:os");
  return availableParallelism();
}

function checkCount(count: number, name: string, given: unknown): number {
  if (Number.isInteger(count) && count >= 1 && count <= mostThreads) return count;
  throw new UserError(
    "argument",
    `${name}: expected a whole number of threads from 1 to ${mostThreads}, got ${shortText(given)}.`,
  );
}

function whyNoThreads(): string | undefined {
  // Browsers hide shared memory from pages that are not cross-origin isolated, or refuse to send it.
  if (!isNode() && globalThis.crossOriginIsolated !== true)
    return "threads need a cross-origin-isolated page";
  if (typeof SharedArrayBuffer === "undefined") return "this JavaScript engine has no shared memory";
  return undefined;
}
