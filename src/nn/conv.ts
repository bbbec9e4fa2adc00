/** Convolution layers. Weights are `[out, in / groups, …kernel]`. */
import { UserError } from "../errors.ts";
import { checkKind } from "../ir/check-options.ts";
import { elementCount, formatShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { conv, convPadding, type ConvOptions } from "./functional.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { padByEdge, type PaddingMode } from "./pad.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import { pythonText } from "./python-text.ts";
import type { Tensor } from "./tensor.ts";

/** What convolutions may be told. */
export interface ConvLayerOptions extends ConvOptions {
  /** A bias for each output channel, or null. */
  readonly bias?: boolean;
  /** What `padding` holds; zeros. */
  readonly paddingMode?: "zeros" | PaddingMode;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

/** Names and order of what convolutions take after their kernel size. */
export const convArguments = {
  known: {
    stride: "sizes",
    padding: "any",
    dilation: "sizes",
    groups: "number",
    bias: "boolean",
    paddingMode: ["zeros", "reflect", "replicate", "circular"],
    random: "function",
  },
  order: ["stride", "padding", "dilation", "groups", "bias", "paddingMode"],
} as const satisfies ArgumentNames<ConvLayerOptions>;

/** The same, as a type. */
export type ConvArguments = OptionArguments<ConvLayerOptions, typeof convArguments.order>;

/** What `settings` says of a convolution. */
export interface ConvSettings {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | "same" | "valid";
  readonly outputPadding?: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly bias: unknown;
  readonly paddingMode?: string;
}

/** What PyTorch prints of a convolution: settings at their defaults only where it does. */
export function convSettings(layer: ConvSettings): string {
  const { inChannels, outChannels, kernelSize, stride, padding, outputPadding = [], dilation } = layer;
  const { groups, bias, paddingMode = "zeros" } = layer;
  const isAll = (sizes: readonly number[], value: number) => sizes.every((size) => size === value);
  return [
    `${inChannels}, ${outChannels}, kernel_size=${pythonText(kernelSize)}, stride=${pythonText(stride)}`,
    ...(typeof padding !== "string" && isAll(padding, 0) ? [] : [`padding=${pythonText(padding)}`]),
    ...(isAll(dilation, 1) ? [] : [`dilation=${pythonText(dilation)}`]),
    ...(isAll(outputPadding, 0) ? [] : [`output_padding=${pythonText(outputPadding)}`]),
    ...(groups === 1 ? [] : [`groups=${groups}`]),
    ...(bias === null ? ["bias=False"] : []),
    ...(paddingMode === "zeros" ? [] : [`padding_mode=${paddingMode}`]),
  ].join(", ");
}

class ConvNd extends Module {
  /** `(out, in / groups, …kernel)`. */
  readonly weight: Parameter;
  /** A bias for each output channel, or null. */
  readonly bias: Parameter | null;
  /** Sizes of the kernel. */
  readonly kernelSize: readonly number[];
  /** Distance of the windows. */
  readonly stride: readonly number[];
  /** Zeros on both sides, or how they follow from the kernel. */
  readonly padding: readonly number[] | "same" | "valid";
  /** Distance of the kernel's taps. */
  readonly dilation: readonly number[];
  /** Groups that channels are divided into. */
  readonly groups: number;
  /** What `padding` holds. */
  readonly paddingMode: "zeros" | PaddingMode;
  readonly #rank: number;

  constructor(
    rank: number,
    /** Channels of the input. */
    readonly inChannels: number,
    /** Channels of the result. */
    readonly outChannels: number,
    kernelSize: PerDimension,
    rest: ConvArguments,
  ) {
    super();
    const name = `Conv${rank}d`;
    const leading = ["inChannels", "outChannels", "kernelSize"];
    const options = readOptions<ConvLayerOptions>(name, leading, convArguments, rest);
    checkCounts(name, { inChannels, outChannels });
    const groups = options.groups ?? 1;
    if (groups < 1 || inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new UserError(
        "argument",
        `${name}: ${inChannels} input and ${outChannels} output channels must both divide into groups=${groups}.`,
      );
    }
    const kernel = perDimension(kernelSize, rank, `${name}: kernel size`);
    const shape = [outChannels, inChannels / groups, ...kernel];
    if (shape.some((size) => !Number.isInteger(size) || size < 1)) {
      throw new UserError(
        "argument",
        `${name}: weight would be ${formatShape(shape)}; expected positive integers.`,
      );
    }
    const bound = defaultBound(elementCount(shape.slice(1)));
    this.weight = new Parameter(uniform(shape, bound, options.random));
    this.bias = options.bias === false ? null : new Parameter(uniform([outChannels], bound, options.random));
    const list = (value: PerDimension, what: string) => perDimension(value, rank, `${name}: ${what}`);
    const { stride = 1, padding = 0, dilation = 1 } = options;
    if (typeof padding === "string") checkKind(name, "padding", padding, ["same", "valid"]);
    this.kernelSize = kernel;
    this.stride = list(stride, "stride");
    this.padding = typeof padding === "string" ? padding : list(padding, "padding");
    this.dilation = list(dilation, "dilation");
    this.groups = groups;
    this.paddingMode = options.paddingMode ?? "zeros";
    this.#rank = rank;
  }

  protected override settings(): string {
    return convSettings(this);
  }

  override forward(x: Tensor): Tensor {
    if (x.rank !== this.#rank + 2 && x.rank !== this.#rank + 1) {
      x.trace.fail(
        "shape",
        `conv${this.#rank}d: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${this.#rank + 2}: batch, ${this.inChannels} channels and ${this.#rank} spatial.`,
      );
    }
    const { stride, padding, dilation, groups, paddingMode } = this;
    const options = { stride, padding, dilation, groups };
    if (paddingMode === "zeros") return conv(x, this.weight, this.bias, options);
    const amounts = [...this.#padding()].reverse().flat();
    return conv(padByEdge(x, amounts, paddingMode), this.weight, this.bias, { ...options, padding: 0 });
  }

  #padding(): readonly (readonly [number, number])[] {
    const { padding, kernelSize, stride, dilation } = this;
    return convPadding(`Conv${this.#rank}d`, padding, kernelSize, stride, dilation);
  }
}

/** Over `(N, C, L)`. */
export class Conv1d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerDimension, ...rest: ConvArguments) {
    super(1, inChannels, outChannels, kernelSize, rest);
  }
}

/** Over `(N, C, H, W)`. @example new nn.Conv2d(3, 16, 3, { padding: 1 }) // or new nn.Conv2d(3, 16, 3, 1, 1) */
export class Conv2d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerDimension, ...rest: ConvArguments) {
    super(2, inChannels, outChannels, kernelSize, rest);
  }
}

/** Over `(N, C, D, H, W)`. */
export class Conv3d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerDimension, ...rest: ConvArguments) {
    super(3, inChannels, outChannels, kernelSize, rest);
  }
}
