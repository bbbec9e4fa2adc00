/** Max pooling that also says where the maxima are. */
import { windowCount } from "../ir/ops/window.ts";
import { elementCount, rowMajorStrides } from "../ir/shape.ts";
import { maxPool } from "./functional.ts";
import type { PerDimension } from "./per-dimension.ts";
import { poolAttributes, type PoolOptions } from "./pool-arguments.ts";
import { arange, gatherAt, gatherWindows, integerTable } from "./positions.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Maxima of windows over the last `rank` dimensions of `x [N, C, …]` or `[C, …]`, and their i32 positions, which count
 * the elements of one map `[…]`: what `maxUnpool` takes.
 */
export function maxPoolWithIndices(
  x: Tensor,
  rank: number,
  kernelSize: PerDimension,
  options: PoolOptions & { readonly dilation?: PerDimension } = {},
): {
  /** The maxima. */
  readonly values: Tensor;
  /** Where in the input's last dimensions they are, counted row-major. */
  readonly indices: Tensor;
} {
  const window = poolAttributes("max_pool", x, kernelSize, rank, options);
  const values = maxPool(x, rank, kernelSize, options);
  const isUnbatched = x.rank === rank + 1;
  const input = isUnbatched ? x.unsqueeze(0) : x;
  const counts = window.kernel.map((size, i) =>
    windowCount(
      input.shape[i + 2]!,
      size,
      window.stride[i]!,
      window.padding[i]!,
      window.dilation[i]!,
      window.ceilMode,
    ),
  );
  const indices = maximaPositions(input, window, counts, rowMajorStrides(input.shape.slice(2)));
  return { values, indices: isUnbatched ? indices.squeeze(0) : indices };
}

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

/**
 * Positions of the maxima of windows within each map of `x [N, C, …]`: `[N, C, …counts]`, `counts` windows along each
 * dimension. Dimensions of a map are `strides` apart.
 */
export function maximaPositions(
  x: Tensor,
  { kernel, stride, dilation, padding }: Window,
  counts: readonly number[],
  strides: readonly number[],
): Tensor {
  const spatial = x.shape.slice(2);
  // Far enough for windows that begin inside but end outside (ceilMode).
  const reach = kernel.map((size, i) => (counts[i]! - 1) * stride[i]! + dilation[i]! * (size - 1) + 1);
  const after = spatial.map((size, i) => Math.max(0, reach[i]! - size - padding[i]![0]));
  const padded = x.pad(
    padding.flatMap((_, i) => [padding[padding.length - 1 - i]![0], after[after.length - 1 - i]!]),
    -Infinity,
  );
  const ordered = gatherWindows(padded, { kernel, stride, dilation }, counts);
  const tap = ordered
    .reshape([...ordered.shape.slice(0, 2 + kernel.length), elementCount(kernel)])
    .argMax(-1);
  const tapStrides = rowMajorStrides(kernel);
  const offsets = Array.from({ length: elementCount(kernel) }, (_, at) =>
    kernel.reduce((sum, size, i) => {
      const k = Math.floor(at / tapStrides[i]!) % size;
      return sum + k * dilation[i]! * strides[i]!;
    }, 0),
  );
  const rank = 2 + kernel.length;
  const taken = gatherAt(integerTable(x, offsets, [offsets.length]), 0, tap);
  return counts.reduce<Tensor>((sum, count, i) => {
    const starts = arange(x, count, i + 2, rank)
      .mul(stride[i]!)
      .sub(padding[i]![0]);
    return sum.add(starts.mul(strides[i]!));
  }, taken);
}
