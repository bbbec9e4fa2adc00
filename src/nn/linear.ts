/** The fully connected layer. */
import { Parameter } from "../ir/stored-tensor.ts";
import { linear } from "./functional.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { settingsText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** What linear layers may be told. */
export interface LinearOptions {
  /** A bias for each feature of the result; true. */
  readonly bias?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const linearArguments = {
  known: { bias: "boolean", random: "function" },
  order: ["bias"],
} as const satisfies ArgumentNames<LinearOptions>;

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
    ...rest: OptionArguments<LinearOptions, typeof linearArguments.order>
  ) {
    super();
    const options = readOptions<LinearOptions>(
      "Linear",
      ["inFeatures", "outFeatures"],
      linearArguments,
      rest,
    );
    checkCounts("Linear", { inFeatures, outFeatures });
    const bound = defaultBound(inFeatures);
    this.weight = new Parameter(uniform([outFeatures, inFeatures], bound, options.random));
    this.bias = options.bias === false ? null : new Parameter(uniform([outFeatures], bound, options.random));
  }

  protected override settings(): string {
    const { inFeatures, outFeatures, bias } = this;
    return settingsText({ in_features: inFeatures, out_features: outFeatures, bias: bias !== null });
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
