/** Normalisation by neighbouring channels (Krizhevsky et al., 2012). */
import { formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** What LocalResponseNorm may be told. */
export interface LocalResponseNormOptions {
  /** Weight of the mean square; 1e-4. */
  readonly alpha?: number;
  /** Exponent of the divisor; 0.75. */
  readonly beta?: number;
  /** Added to the weighted mean square; 1. */
  readonly k?: number;
}

/**
 * x / (k + α · m)^β for `x [N, C, …]`, m being the mean of x² over `size` channels: ⌊size / 2⌋ before, the channel
 * itself, ⌊(size − 1) / 2⌋ after; channels that do not exist count as zeros.
 */
export function localResponseNorm(x: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  if (x.rank < 3)
    x.trace.fail(
      "shape",
      `localResponseNorm: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected at least 3.`,
    );
  if (!Number.isInteger(size) || size < 1)
    x.trace.fail("argument", `localResponseNorm: size must be an integer ≥ 1, got ${size}.`);
  return byNeighbours(x, size, Math.floor(size / 2), options);
}

/** The same with `before` of the `size` channels before the channel itself. */
export function byNeighbours(
  x: Tensor,
  size: number,
  before: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions,
): Tensor {
  const channels = x.shape[1]!;
  const padding = [...new Array<number>(2 * (x.rank - 2)).fill(0), before, size - 1 - before];
  const squares = x.square().pad(padding);
  const terms = Array.from({ length: size }, (_, i) => squares.slice(1, i, i + channels));
  const sum = terms.reduce((total, term) => total.add(term));
  return x.div(
    sum
      .mul(alpha / size)
      .add(k)
      .pow(beta),
  );
}

/** Divides by what neighbouring channels of `[N, C, …]` have. */
export class LocalResponseNorm extends Module {
  constructor(
    /** Neighbouring channels that are added up. */
    readonly size: number,
    /** As given. */
    readonly options: LocalResponseNormOptions = {},
  ) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }
}
