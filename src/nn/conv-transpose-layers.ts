/** Transposed convolution layers. Weights are `[in, out / groups, …kernel]`. */
import { UserError } from "../errors.ts";
import { elementCount, formatShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { convSettings } from "./conv.ts";
import { convTranspose } from "./conv-transpose.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import type { Tensor } from "./tensor.ts";

/** What transposed convolutions may be told. */
export interface ConvTransposeLayerOptions {
  /** Distance of the input's elements in the result; 1. */
  readonly stride?: PerDimension;
  /** What is cut off on both sides of the full result. */
  readonly padding?: PerDimension;
  /** Added after each dimension, to choose among the sizes that a convolution maps to one. */
  readonly outputPadding?: PerDimension;
  /** Groups that channels are divided into; 1. */
  readonly groups?: number;
  /** A bias for each output channel, or null. */
  readonly bias?: boolean;
  /** Distance of the kernel's taps; 1. */
  readonly dilation?: PerDimension;
  /** There is no other. */
  readonly paddingMode?: "zeros";
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const convTransposeArguments = {
  known: {
    stride: "sizes",
    padding: "sizes",
    outputPadding: "sizes",
    groups: "number",
    bias: "boolean",
    dilation: "sizes",
    paddingMode: ["zeros"],
    random: "function",
  },
  order: ["stride", "padding", "outputPadding", "groups", "bias", "dilation", "paddingMode"],
} as const satisfies ArgumentNames<ConvTransposeLayerOptions>;

type ConvTransposeArguments = OptionArguments<ConvTransposeLayerOptions, typeof convTransposeArguments.order>;

class ConvTransposeNd extends Module {
  /** `(in, out / groups, …kernel)`. */
  readonly weight: Parameter;
  /** A bias for each output channel, or null. */
  readonly bias: Parameter | null;
  /** Sizes of the kernel. */
  readonly kernelSize: readonly number[];
  /** Distance of the input's elements in the result. */
  readonly stride: readonly number[];
  /** What is cut off on both sides of the full result. */
  readonly padding: readonly number[];
  /** Added after each dimension. */
  readonly outputPadding: readonly number[];
  /** Distance of the kernel's taps. */
  readonly dilation: readonly number[];
  /** Groups that channels are divided into. */
  readonly groups: number;
  readonly #rank: number;

  constructor(
    rank: number,
    /** Channels of the input. */
    readonly inChannels: number,
    /** Channels of the result. */
    readonly outChannels: number,
    kernelSize: PerDimension,
    rest: ConvTransposeArguments,
  ) {
    super();
    const name = `ConvTranspose${rank}d`;
    const leading = ["inChannels", "outChannels", "kernelSize"];
    const options = readOptions<ConvTransposeLayerOptions>(name, leading, convTransposeArguments, rest);
    checkCounts(name, { inChannels, outChannels });
    const groups = options.groups ?? 1;
    if (groups < 1 || inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new UserError(
        "argument",
        `${name}: ${inChannels} input and ${outChannels} output channels must both divide into groups=${groups}.`,
      );
    }
    const list = (value: PerDimension, what: string) => perDimension(value, rank, `${name}: ${what}`);
    const shape = [inChannels, outChannels / groups, ...list(kernelSize, "kernel size")];
    if (shape.some((size) => !Number.isInteger(size) || size < 1)) {
      throw new UserError(
        "argument",
        `${name}: weight would be ${formatShape(shape)}; expected positive integers.`,
      );
    }
    const stride = list(options.stride ?? 1, "stride");
    const dilation = list(options.dilation ?? 1, "dilation");
    const outputPadding = list(options.outputPadding ?? 0, "output padding");
    if (outputPadding.some((amount, i) => amount >= Math.max(stride[i]!, dilation[i]!))) {
      throw new UserError(
        "argument",
        `${name}: output padding ${formatShape(outputPadding)} must be less than stride ${formatShape(stride)} or dilation ${formatShape(dilation)}.`,
      );
    }
    const bound = defaultBound(elementCount(shape.slice(1)));
    this.weight = new Parameter(uniform(shape, bound, options.random));
    this.bias = options.bias === false ? null : new Parameter(uniform([outChannels], bound, options.random));
    this.kernelSize = shape.slice(2);
    this.stride = stride;
    this.padding = list(options.padding ?? 0, "padding");
    this.outputPadding = outputPadding;
    this.dilation = dilation;
    this.groups = groups;
    this.#rank = rank;
  }

  protected override settings(): string {
    return convSettings(this);
  }

  override forward(x: Tensor): Tensor {
    const unbatched = x.rank === this.#rank + 1;
    if (!unbatched && x.rank !== this.#rank + 2) {
      x.trace.fail(
        "shape",
        `ConvTranspose${this.#rank}d: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${this.#rank + 2}: batch, ${this.inChannels} channels and ${this.#rank} spatial.`,
      );
    }
    const { stride, outputPadding, dilation, groups } = this;
    const padding = this.padding.map((amount) => [amount, amount] as const);
    const options = { stride, padding, outputPadding, dilation, groups };
    const y = convTranspose(unbatched ? x.unsqueeze(0) : x, this.weight, this.bias, options);
    return unbatched ? y.squeeze(0) : y;
  }
}

/** Over `(N, C, L)`. */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    ...rest: ConvTransposeArguments
  ) {
    super(1, inChannels, outChannels, kernelSize, rest);
  }
}

/** Over `(N, C, H, W)`. @example new nn.ConvTranspose2d(16, 8, 4, { stride: 2, padding: 1 }) */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    ...rest: ConvTransposeArguments
  ) {
    super(2, inChannels, outChannels, kernelSize, rest);
  }
}

/** Over `(N, C, D, H, W)`. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    ...rest: ConvTransposeArguments
  ) {
    super(3, inChannels, outChannels, kernelSize, rest);
  }
}
