/**
 * What a run finds out about its own values. A graph result `[least, greatest]` that callers do not see is read with the
 * others; where it leaves the range, the run fails with a typed error instead of returning numbers that are wrong.
 */
import { UserError, type UserErrorOrigin } from "../errors.ts";
import type { IndexRange } from "./index-checks.ts";

export interface RunCheck {
  /** Position among the graph's results. */
  readonly output: number;
  readonly range: Pick<IndexRange, "least" | "greatest">;
  readonly code: "index" | "overflow";
  /** What is out of range: `embedding: an index of f32[8000,64]`. */
  readonly what: string;
  readonly remedy: string;
  readonly origin: UserErrorOrigin;
}

/** @throws UserError where the values that a run found leave the range */
export function expectInRange(found: ArrayLike<number>, check: RunCheck): void {
  const { least, greatest } = check.range;
  const outside = Array.from(found).find((value) => !(value >= least && value <= greatest));
  if (outside === undefined) return;
  throw new UserError(
    check.code,
    `${check.what} is ${outside}, expected ${least} to ${greatest}.${check.remedy === "" ? "" : ` ${check.remedy}`}`,
    check.origin,
  );
}
