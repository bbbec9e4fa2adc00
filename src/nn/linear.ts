/** The fully connected layer. */
import { Parameter } from "../ir/stored-tensor.ts";
import { linear } from "./functional.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** `y = x · weightᵀ + bias` over the last dimension; weight is `[out, in]`. */
export class Linear extends Module {
  /** `(out, in)`. */
  readonly weight: Parameter;
  /** The bias, or null. */
  readonly bias: Parameter | null;

  constructor(
    /** Features of the input. */
    readonly inFeatures: number,
    /** Features of the result. */
    readonly outFeatures: number,
    options: { readonly bias?: boolean; readonly random?: RandomSource } = {},
  ) {
    super();
    const bound = defaultBound(inFeatures);
    this.weight = new Parameter(uniform([outFeatures, inFeatures], bound, options.random));
    this.bias = options.bias === false ? null : new Parameter(uniform([outFeatures], bound, options.random));
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
