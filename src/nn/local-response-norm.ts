/** Normalisation by neighbouring channels (Krizhevsky et al., 2012). */
import { checkOptions } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { floatText } from "./python-text.ts";
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
  checkOptions<LocalResponseNormOptions>("localResponseNorm", options, localResponseNormArguments.known);
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

const localResponseNormArguments = {
  known: { alpha: "number", beta: "number", k: "number" },
  order: ["alpha", "beta", "k"],
} as const satisfies ArgumentNames<LocalResponseNormOptions>;

/** Divides by what neighbouring channels of `[N, C, …]` have. */
export class LocalResponseNorm extends Module {
  /** As given. */
  readonly options: LocalResponseNormOptions;
  constructor(
    /** Neighbouring channels that are added up. */
    readonly size: number,
    ...rest: OptionArguments<LocalResponseNormOptions, typeof localResponseNormArguments.order>
  ) {
    super();
    const name = "LocalResponseNorm";
    this.options = readOptions<LocalResponseNormOptions>(name, ["size"], localResponseNormArguments, rest);
    checkCounts(name, { size });
  }
  protected override settings(): string {
    const { alpha = 1e-4, beta = 0.75, k = 1 } = this.options;
    return `${this.size}, alpha=${floatText(alpha)}, beta=${floatText(beta)}, k=${floatText(k)}`;
  }
  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }
}
