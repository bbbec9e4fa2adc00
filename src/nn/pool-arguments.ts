/** What pooling functions are told, checked against their input. */
import type { KnownOptions } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import type { Tensor } from "./tensor.ts";

/** Where windows lie. */
export interface PoolOptions {
  /** By default the kernel size. */
  readonly stride?: PerDimension;
  /** What surrounds the input; 0. */
  readonly padding?: PerDimension;
  /** Whether windows that reach over the end count; false. */
  readonly ceilMode?: boolean;
}

/** Names and kinds of these options. */
export const poolOptions: KnownOptions<PoolOptions> = {
  stride: "sizes",
  padding: "sizes",
  ceilMode: "boolean",
};

/** Refuses what is neither `[N, C, …]` nor `[C, …]` with `rank` dimensions after the channels. */
export function expectSpatialRank(name: string, x: Tensor, rank: number): void {
  if (x.rank !== rank + 2 && x.rank !== rank + 1) {
    x.trace.fail(
      "shape",
      `${name}: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${rank + 2} (or ${rank + 1} without a batch).`,
    );
  }
}

/** What the pooling ops need to know, checked against `x`. */
export function poolAttributes(
  name: string,
  x: Tensor,
  kernelSize: PerDimension,
  rank: number,
  options: PoolOptions & { readonly dilation?: PerDimension },
) {
  expectSpatialRank(name, x, rank);
  const kernel = perDimension(kernelSize, rank, `${name}: kernel size`);
  return {
    kernel,
    stride: perDimension(options.stride ?? kernel, rank, `${name}: stride`),
    padding: perDimension(options.padding ?? 0, rank, `${name}: padding`).map(
      (size) => [size, size] as const,
    ),
    dilation: perDimension(options.dilation ?? 1, rank, `${name}: dilation`),
    ceilMode: options.ceilMode ?? false,
  };
}

/** Applies `pool` to a batch, adding and removing the batch dimension where `x` has none. */
export function batched(x: Tensor, rank: number, pool: (x: Tensor) => Tensor): Tensor {
  return x.rank === rank + 1 ? pool(x.unsqueeze(0)).squeeze(0) : pool(x);
}

/** Sizes of an adaptive pool's result; null keeps a dimension's size. */
export type AdaptiveSize = number | readonly (number | null)[];

/** Those sizes in numbers, for the last `rank` dimensions of `x`. */
export function adaptiveSizes(name: string, x: Tensor, rank: number, outputSize: AdaptiveSize) {
  const sizes = typeof outputSize === "number" ? new Array<number>(rank).fill(outputSize) : outputSize;
  const spatial = x.shape.slice(-rank);
  return perDimension(
    sizes.map((size, i) => size ?? spatial[i]!),
    rank,
    `${name}: output size`,
  );
}
