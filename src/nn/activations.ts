/** Activation layers. */
import { UserError } from "../errors.ts";
import { checkKind } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import {
  celu,
  elu,
  glu,
  hardshrink,
  hardtanh,
  logSigmoid,
  mish,
  prelu,
  rrelu,
  selu,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from "./activation-functions.ts";
import { filled } from "./init.ts";
import { Module } from "./module.ts";
import {
  checkCounts,
  inplaceArguments,
  readOptions,
  type ArgumentNames,
  type InplaceOptions,
  type OptionArguments,
} from "./option-arguments.ts";
import { floatText, settingsText } from "./python-text.ts";
import { dimArguments, type SoftmaxOptions } from "./softmax-layers.ts";
import type { Tensor } from "./tensor.ts";

const inplaceText = (inplace: boolean): string => (inplace ? "inplace=True" : "");
const withInplace = (settings: string, inplace: boolean): string =>
  inplace ? `${settings}, inplace=True` : settings;

/** Activations that compute in place in PyTorch, and have nothing else to be told. */
abstract class InplaceActivation extends Module {
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;
  constructor(...rest: OptionArguments<InplaceOptions, ["inplace"]>) {
    super();
    const options = readOptions<InplaceOptions>(this.constructor.name, [], inplaceArguments, rest);
    this.inplace = options.inplace ?? false;
  }
  protected override settings(): string {
    return inplaceText(this.inplace);
  }
}

/** `max(x, 0)` */
export class ReLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return x.relu();
  }
}
/** `min(max(x, 0), 6)` */
export class ReLU6 extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return x.clamp(0, 6);
  }
}
/** What LeakyReLU may be told. */
export interface LeakyReLUOptions extends InplaceOptions {
  /** What negative elements are multiplied by; 0.01. */
  readonly negativeSlope?: number;
}
const leakyReLUArguments = {
  known: { negativeSlope: "number", inplace: "boolean" },
  order: ["negativeSlope", "inplace"],
} as const satisfies ArgumentNames<LeakyReLUOptions>;
/** `x` where positive, else `negativeSlope x` */
export class LeakyReLU extends Module {
  /** What negative elements are multiplied by; 0.01. */
  readonly negativeSlope: number;
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;
  constructor(...rest: OptionArguments<LeakyReLUOptions, typeof leakyReLUArguments.order>) {
    super();
    const options = readOptions<LeakyReLUOptions>("LeakyReLU", [], leakyReLUArguments, rest);
    this.negativeSlope = options.negativeSlope ?? 0.01;
    this.inplace = options.inplace ?? false;
  }
  protected override settings(): string {
    return withInplace(`negative_slope=${floatText(this.negativeSlope)}`, this.inplace);
  }
  override forward(x: Tensor): Tensor {
    return x.leakyRelu(this.negativeSlope);
  }
}
/** `1 / (1 + exp(−x))` */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}
/** The hyperbolic tangent. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return x.tanh();
  }
}
/** `x sigmoid(x)` */
export class SiLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return x.silu();
  }
}
/** What GELU may be told. */
export interface GELUOptions {
  /** By tanh, or not at all (`"none"`, the default). */
  readonly approximate?: "none" | "tanh";
}
const geluArguments = {
  known: { approximate: ["none", "tanh"] },
  order: ["approximate"],
} as const satisfies ArgumentNames<GELUOptions>;
/** `x Φ(x)`, Φ the normal distribution's cumulative function, or its approximation by tanh */
export class GELU extends Module {
  /** By tanh, or not at all. */
  readonly approximate: "none" | "tanh";
  constructor(...rest: OptionArguments<GELUOptions, typeof geluArguments.order>) {
    super();
    this.approximate = readOptions<GELUOptions>("GELU", [], geluArguments, rest).approximate ?? "none";
  }
  protected override settings(): string {
    return `approximate='${this.approximate}'`;
  }
  override forward(x: Tensor): Tensor {
    return x.gelu(this.approximate);
  }
}
/** `x hardsigmoid(x)` */
export class Hardswish extends InplaceActivation {
  /** Nothing, as in PyTorch. */
  protected override settings(): string {
    return "";
  }
  override forward(x: Tensor): Tensor {
    return x.hardswish();
  }
}
/** `min(max(x / 6 + 1/2, 0), 1)` */
export class Hardsigmoid extends InplaceActivation {
  /** Nothing, as in PyTorch. */
  protected override settings(): string {
    return "";
  }
  override forward(x: Tensor): Tensor {
    return x.hardsigmoid();
  }
}
/** What ELU may be told. */
export interface ELUOptions extends InplaceOptions {
  /** What the exponential is multiplied by; 1. */
  readonly alpha?: number;
}
/** What CELU may be told. */
export type CELUOptions = ELUOptions;
const alphaArguments = {
  known: { alpha: "number", inplace: "boolean" },
  order: ["alpha", "inplace"],
} as const satisfies ArgumentNames<ELUOptions>;
/** Activations with an exponential below zero. */
abstract class ExponentialActivation extends Module {
  /** What the exponential is multiplied by; 1. */
  readonly alpha: number;
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;
  constructor(...rest: OptionArguments<ELUOptions, typeof alphaArguments.order>) {
    super();
    const options = readOptions<ELUOptions>(this.constructor.name, [], alphaArguments, rest);
    this.alpha = options.alpha ?? 1;
    this.inplace = options.inplace ?? false;
  }
  protected override settings(): string {
    return withInplace(`alpha=${floatText(this.alpha)}`, this.inplace);
  }
}
/** `x` where positive, else `α (exp(x) − 1)` */
export class ELU extends ExponentialActivation {
  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}
/** `scale (max(0, x) + min(0, α (exp(x) − 1)))`, with the constants of self-normalising networks */
export class SELU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return selu(x);
  }
}
/** `max(0, x) + min(0, α (exp(x / α) − 1))` */
export class CELU extends ExponentialActivation {
  override forward(x: Tensor): Tensor {
    return celu(x, this.alpha);
  }
}
/** What PReLU may be told. */
export interface PReLUOptions {
  /** Slopes: one, the default, or one for each channel. */
  readonly numParameters?: number;
  /** Where slopes begin; 0.25. */
  readonly init?: number;
}
const preluArguments = {
  known: { numParameters: "number", init: "number" },
  order: ["numParameters", "init"],
} as const satisfies ArgumentNames<PReLUOptions>;
/** A learnt slope below zero: one, or one for each channel (dimension 1). */
export class PReLU extends Module {
  /** The slopes. */
  readonly weight: Parameter;
  /** Slopes: one, or one for each channel. */
  readonly numParameters: number;
  constructor(...rest: OptionArguments<PReLUOptions, typeof preluArguments.order>) {
    super();
    const { numParameters = 1, init = 0.25 } = readOptions<PReLUOptions>("PReLU", [], preluArguments, rest);
    checkCounts("PReLU", { numParameters });
    this.numParameters = numParameters;
    this.weight = new Parameter(filled([numParameters], init));
  }
  protected override settings(): string {
    return `num_parameters=${this.numParameters}`;
  }
  override forward(x: Tensor): Tensor {
    const channels = x.rank < 2 ? 1 : x.shape[1]!;
    if (this.numParameters !== 1 && this.numParameters !== channels) {
      x.trace.fail(
        "shape",
        `PReLU: input ${formatShape(x.shape)} has ${channels} channels, expected ${this.numParameters}, one for each slope.`,
      );
    }
    return prelu(x, this.weight);
  }
}
/** What Softplus may be told. */
export interface SoftplusOptions {
  /** The sharpness β; 1. */
  readonly beta?: number;
  /** Above this `β x` the result is `x`; 20. */
  readonly threshold?: number;
}
const softplusArguments = {
  known: { beta: "number", threshold: "number" },
  order: ["beta", "threshold"],
} as const satisfies ArgumentNames<SoftplusOptions>;
/** `log(1 + exp(β x)) / β` */
export class Softplus extends Module {
  /** The sharpness β. */
  readonly beta: number;
  /** Above this `β x` the result is `x`. */
  readonly threshold: number;
  constructor(...rest: OptionArguments<SoftplusOptions, typeof softplusArguments.order>) {
    super();
    const options = readOptions<SoftplusOptions>("Softplus", [], softplusArguments, rest);
    this.beta = options.beta ?? 1;
    this.threshold = options.threshold ?? 20;
  }
  protected override settings(): string {
    return settingsText({ beta: this.beta, threshold: this.threshold });
  }
  override forward(x: Tensor): Tensor {
    return softplus(x, this.beta, this.threshold);
  }
}
/** `x / (1 + |x|)` */
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return softsign(x);
  }
}
/** `log(1 / (1 + exp(−x)))` */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}
/** `x tanh(softplus(x))` */
export class Mish extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return mish(x);
  }
}
/** What Hardtanh may be told. */
export interface HardtanhOptions extends InplaceOptions {
  /** The least result; −1. */
  readonly min?: number;
  /** The greatest result; 1. */
  readonly max?: number;
}
const hardtanhArguments = {
  known: { min: "number", max: "number", inplace: "boolean" },
  order: ["min", "max", "inplace"],
} as const satisfies ArgumentNames<HardtanhOptions>;
/** `x`, cut off below `min` and above `max` */
export class Hardtanh extends Module {
  /** The least result. */
  readonly min: number;
  /** The greatest result. */
  readonly max: number;
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;
  constructor(...rest: OptionArguments<HardtanhOptions, typeof hardtanhArguments.order>) {
    super();
    const options = readOptions<HardtanhOptions>("Hardtanh", [], hardtanhArguments, rest);
    this.min = options.min ?? -1;
    this.max = options.max ?? 1;
    this.inplace = options.inplace ?? false;
  }
  protected override settings(): string {
    return withInplace(`min_val=${floatText(this.min)}, max_val=${floatText(this.max)}`, this.inplace);
  }
  override forward(x: Tensor): Tensor {
    return hardtanh(x, this.min, this.max);
  }
}
/** Its input where it is above `threshold`, `value` elsewhere. */
export class Threshold extends Module {
  constructor(
    /** What an element must exceed to stay. */
    readonly threshold: number,
    /** What elements at or below the threshold become. */
    readonly value: number,
    ...rest: OptionArguments<InplaceOptions, ["inplace"]>
  ) {
    super();
    const options = readOptions<InplaceOptions>("Threshold", ["threshold", "value"], inplaceArguments, rest);
    checkKind("Threshold", "threshold", threshold, "number");
    checkKind("Threshold", "value", value, "number");
    this.inplace = options.inplace ?? false;
  }
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;
  protected override settings(): string {
    return withInplace(settingsText({ threshold: this.threshold, value: this.value }), this.inplace);
  }
  override forward(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value);
  }
}
/** What Hardshrink may be told. */
export interface HardshrinkOptions {
  /** The threshold λ; 0.5. */
  readonly lambda?: number;
}
/** What Softshrink may be told. */
export type SoftshrinkOptions = HardshrinkOptions;
const lambdaArguments = {
  known: { lambda: "number" },
  order: ["lambda"],
} as const satisfies ArgumentNames<HardshrinkOptions>;
/** Activations that are 0 within a threshold of 0. */
abstract class Shrinking extends Module {
  /** The threshold λ; 0.5. */
  readonly lambda: number;
  constructor(...rest: OptionArguments<HardshrinkOptions, typeof lambdaArguments.order>) {
    super();
    const options = readOptions<HardshrinkOptions>(this.constructor.name, [], lambdaArguments, rest);
    this.lambda = options.lambda ?? 0.5;
  }
  protected override settings(): string {
    return floatText(this.lambda);
  }
}
/** `x` where its magnitude exceeds λ, else 0 */
export class Hardshrink extends Shrinking {
  override forward(x: Tensor): Tensor {
    return hardshrink(x, this.lambda);
  }
}
/** `x` moved towards 0 by λ, and 0 within λ of it */
export class Softshrink extends Shrinking {
  override forward(x: Tensor): Tensor {
    return softshrink(x, this.lambda);
  }
}
/** `x − tanh(x)` */
export class Tanhshrink extends Module {
  override forward(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}
/** One half of a dimension times the sigmoid of the other. */
export class GLU extends Module {
  /** The dimension. */
  readonly dim: number;
  constructor(...rest: OptionArguments<Partial<SoftmaxOptions>, ["dim"]>) {
    super();
    this.dim = readOptions<{ readonly dim?: number }>("GLU", [], dimArguments, rest).dim ?? -1;
  }
  protected override settings(): string {
    return `dim=${this.dim}`;
  }
  override forward(x: Tensor): Tensor {
    return glu(x, this.dim);
  }
}
/** What RReLU may be told. */
export interface RReLULayerOptions extends InplaceOptions {
  /** The least slope that is drawn; 1/8. */
  readonly lower?: number;
  /** The greatest slope that is drawn; 1/3. */
  readonly upper?: number;
}
const rreluArguments = {
  known: { lower: "number", upper: "number", inplace: "boolean" },
  order: ["lower", "upper", "inplace"],
} as const satisfies ArgumentNames<RReLULayerOptions>;
/** A leaky ReLU with slopes between `lower` and `upper`; in eval mode their middle, the only mode there is. */
export class RReLU extends Module {
  /** The least slope that is drawn. */
  readonly lower: number;
  /** The greatest slope that is drawn. */
  readonly upper: number;
  /** Without effect: values of a graph never change. */
  readonly inplace: boolean;
  constructor(...rest: OptionArguments<RReLULayerOptions, typeof rreluArguments.order>) {
    super();
    const options = readOptions<RReLULayerOptions>("RReLU", [], rreluArguments, rest);
    const { lower = 1 / 8, upper = 1 / 3, inplace = false } = options;
    this.lower = lower;
    this.upper = upper;
    this.inplace = inplace;
    if (!(lower <= upper))
      throw new UserError("argument", `RReLU: expected lower ≤ upper, got ${lower} and ${upper}.`);
  }
  protected override settings(): string {
    return withInplace(`lower=${floatText(this.lower)}, upper=${floatText(this.upper)}`, this.inplace);
  }
  override forward(x: Tensor): Tensor {
    return rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }
}
