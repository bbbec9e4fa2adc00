/**
 * What a run finds out about its own values. A graph result that callers do not see holds `[least, greatest]` for each
 * check; where one leaves its range, the run fails with a typed error instead of returning numbers that are wrong.
 */
import { UserError, type UserErrorOrigin } from "../errors.ts";
import type { IndexRange } from "./index-checks.ts";

export interface RunCheck {
  readonly range: Pick<IndexRange, "least" | "greatest">;
  readonly code: "index" | "overflow";
  /** What is out of range: `embedding: an index of f32[8000,64]`. */
  readonly what: string;
  readonly remedy: string;
  readonly origin: UserErrorOrigin;
}

/**
 * @param found the least and the greatest value of each check
 * @throws UserError for the first that leaves its range
 */
export function expectInRange(found: ArrayLike<number>, checks: readonly RunCheck[]): void {
  checks.forEach(({ range: { least, greatest }, code, what, remedy, origin }, i) => {
    const extremes = [found[2 * i]!, found[2 * i + 1]!];
    const outside = extremes.find((value) => !(value >= least && value <= greatest));
    if (outside === undefined) return;
    const detail = code === "overflow" ? "" : ` is ${outside}, expected ${least} to ${greatest}`;
    throw new UserError(code, `${what}${detail}.${remedy === "" ? "" : ` ${remedy}`}`, origin);
  });
}
