/** Power-average pooling, as `torch.nn.functional.lp_pool2d` has it. */
import { checkOptions } from "../ir/check-options.ts";
import { elementCount } from "../ir/shape.ts";
import { avgPool } from "./functional.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import type { Tensor } from "./tensor.ts";

/** What pooling by a power mean may be told. */
export interface LpPoolOptions {
  /** By default the kernel size. */
  readonly stride?: PerDimension;
  /** Whether windows that reach over the end count; false. */
  readonly ceilMode?: boolean;
}

/**
 * (Σ xᵖ)^(1/p) over windows of the last `rank` dimensions of `x [N, C, …]` or `[C, …]`, p being `normType`. As in
 * PyTorch, no absolute values are taken (an odd p wants x ≥ 0), and windows that `ceilMode` lets end outside count
 * as if they were full of what they have.
 */
export function lpPool(
  x: Tensor,
  rank: number,
  normType: number,
  kernelSize: PerDimension,
  options: LpPoolOptions = {},
): Tensor {
  checkOptions<LpPoolOptions>("lpPool", options, { stride: "sizes", ceilMode: "boolean" });
  if (!(Number.isFinite(normType) && normType > 0))
    x.trace.fail("argument", `lp_pool: expected a positive power, got ${normType}.`);
  const size = elementCount(perDimension(kernelSize, rank, "lp_pool: kernel size"));
  const { stride, ceilMode } = options;
  const means = avgPool(x.pow(normType), rank, kernelSize, {
    ...(stride === undefined ? {} : { stride }),
    ...(ceilMode === undefined ? {} : { ceilMode }),
  });
  return normFromMean(means, normType, size);
}

/** (n · mean)^(1/p): a norm from the mean of `count` powers. */
export function normFromMean(mean: Tensor, p: number, count: number): Tensor {
  return mean.mul(count).pow(1 / p);
}
