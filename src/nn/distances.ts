/** Vectors brought to length one, and how far and in how different directions two of them point. */
import { checkOptions } from "../ir/check-options.ts";
import { broadcastShapes, formatShape } from "../ir/shape.ts";
import { Module } from "./module.ts";
import { readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { norm } from "./statistics.ts";
import type { Axes, Tensor } from "./tensor.ts";

/** What `normalize` may be told. */
export interface NormalizeOptions {
  /** Which norm; 2. */
  readonly p?: number;
  /** Along what; 1. */
  readonly axis?: Axes;
  /** The least divisor; 1e-12. */
  readonly eps?: number;
}

/** x / max(‖x‖ₚ, ε) along one dimension. */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  checkOptions<NormalizeOptions>("normalize", options, { p: "number", axis: "sizes", eps: "number" });
  const { p = 2, axis = 1, eps = 1e-12 } = options;
  return x.div(norm(x, p, axis, true).clamp(eps));
}

/** What a cosine similarity may be told. */
export interface CosineSimilarityOptions {
  /** Along what; 1. */
  readonly axis?: number;
  /** The least norm that is divided by; 1e-8. */
  readonly eps?: number;
}

/** a · b / (max(‖a‖, ε) · max(‖b‖, ε)) along one dimension, which goes; the others broadcast. */
export function cosineSimilarity(a: Tensor, b: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  checkOptions<CosineSimilarityOptions>("cosineSimilarity", options, cosineArguments.known);
  const { axis = 1, eps = 1e-8 } = options;
  const shape =
    broadcastShapes(a.shape, b.shape) ??
    a.trace.fail(
      "shape",
      `cosineSimilarity: ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast.`,
    );
  const [left, right] = [a.expand(shape), b.expand(shape)];
  const length = (x: Tensor) => norm(x, 2, axis).clamp(eps);
  return left
    .mul(right)
    .sum(axis)
    .div(length(left).mul(length(right)));
}

/** What a pairwise distance may be told. */
export interface PairwiseDistanceOptions {
  /** Which norm; 2. */
  readonly p?: number;
  /** Added to every difference; 1e-6. */
  readonly eps?: number;
  /** Keep the dimension, with size 1; false. */
  readonly keepDims?: boolean;
}

/** ‖a − b + ε‖ₚ over the last dimension. */
export function pairwiseDistance(a: Tensor, b: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  checkOptions<PairwiseDistanceOptions>("pairwiseDistance", options, pairwiseArguments.known);
  const { p = 2, eps = 1e-6, keepDims = false } = options;
  return norm(a.sub(b).add(eps), p, -1, keepDims);
}

const cosineArguments = {
  known: { axis: "number", eps: "number" },
  order: ["axis", "eps"],
} as const satisfies ArgumentNames<CosineSimilarityOptions>;

const pairwiseArguments = {
  known: { p: "number", eps: "number", keepDims: "boolean" },
  order: ["p", "eps", "keepDims"],
} as const satisfies ArgumentNames<PairwiseDistanceOptions>;

/** The cosine of the angle between two inputs along a dimension. */
export class CosineSimilarity extends Module {
  /** As given. */
  readonly options: CosineSimilarityOptions;
  constructor(...rest: OptionArguments<CosineSimilarityOptions, typeof cosineArguments.order>) {
    super();
    this.options = readOptions<CosineSimilarityOptions>("CosineSimilarity", [], cosineArguments, rest);
  }
  override forward(a: Tensor, b: Tensor): Tensor {
    return cosineSimilarity(a, b, this.options);
  }
}

/** The p-norm of the difference of two inputs along the last dimension. */
export class PairwiseDistance extends Module {
  /** As given. */
  readonly options: PairwiseDistanceOptions;
  constructor(...rest: OptionArguments<PairwiseDistanceOptions, typeof pairwiseArguments.order>) {
    super();
    this.options = readOptions<PairwiseDistanceOptions>("PairwiseDistance", [], pairwiseArguments, rest);
  }
  override forward(a: Tensor, b: Tensor): Tensor {
    return pairwiseDistance(a, b, this.options);
  }
}
