/** Maxima over as many windows as are asked for, as `torch.nn.functional.adaptive_max_pool2d` has them. */
import { formatShape } from "../ir/shape.ts";
import { maxPool } from "./functional.ts";
import { adaptiveSizes, expectSpatialRank, type AdaptiveSize } from "./pool-arguments.ts";
import { takeAlong } from "./positions.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Maxima of windows ⌊i · in / out⌋ … ⌈(i + 1) · in / out⌉ along each of the last `rank` dimensions of `x [N, C, …]`
 * or `[C, …]`. A maximum over a box is one of maxima, so dimensions go one after the other.
 */
export function adaptiveMaxPool(x: Tensor, rank: number, outputSize: AdaptiveSize): Tensor {
  expectSpatialRank("adaptive_max_pool", x, rank);
  const wanted = adaptiveSizes("adaptive_max_pool", x, rank, outputSize);
  const spatial = x.shape.slice(-rank);
  wanted.forEach((size, i) => {
    if (!Number.isInteger(size) || size < 1 || spatial[i] === 0)
      x.trace.fail(
        "argument",
        `adaptive_max_pool: output size ${formatShape(wanted)} for input ${formatShape(x.shape)}; expected integers ≥ 1 and an input that is not empty.`,
      );
  });
  if (wanted.every((size, i) => spatial[i]! % size === 0))
    return maxPool(
      x,
      rank,
      wanted.map((size, i) => spatial[i]! / size),
    );
  return wanted.reduce(
    (y, size, i) => (size === spatial[i] ? y : maximaAlong(y, y.rank - rank + i, size)),
    x,
  );
}

/** Windows are as long as the longest: shorter ones name their last element again, which changes no maximum. */
function maximaAlong(x: Tensor, axis: number, size: number): Tensor {
  const extent = x.shape[axis]!;
  const windows = Array.from({ length: size }, (_, i) => {
    const start = Math.floor((i * extent) / size);
    return { start, end: Math.ceil(((i + 1) * extent) / size) };
  });
  const longest = Math.max(...windows.map(({ start, end }) => end - start));
  const positions = windows.flatMap(({ start, end }) =>
    Array.from({ length: longest }, (_, k) => Math.min(start + k, end - 1)),
  );
  const split = [...x.shape.slice(0, axis), size, longest, ...x.shape.slice(axis + 1)];
  return takeAlong(x, axis, positions)
    .reshape(split)
    .max(axis + 1);
}
