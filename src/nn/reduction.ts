/** What becomes of losses. */
import type { Tensor } from "./tensor.ts";

/** All of them, their mean, or their sum. */
export type Reduction = "none" | "mean" | "sum";

/** The same, as values. */
export const reductions = ["none", "mean", "sum"] as const;

export function reduced(losses: Tensor, reduction: Reduction = "mean"): Tensor {
  switch (reduction) {
    case "none":
      return losses;
    case "mean":
      return losses.mean();
    case "sum":
      return losses.sum();
    default:
      // From JavaScript anything can come.
      return losses.trace.fail(
        "argument",
        `reduction is ${String(reduction satisfies never)}, expected none, mean or sum.`,
      );
  }
}
