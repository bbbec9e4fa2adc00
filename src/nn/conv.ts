/** Convolution layers. Weights are `[out, in / groups, …kernel]`. */
import { UserError } from "../errors.ts";
import { elementCount, formatShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { conv, convPadding, type ConvOptions } from "./functional.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { padByEdge, type PaddingMode } from "./pad.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
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

class ConvNd extends Module {
  /** `(out, in / groups, …kernel)`. */
  readonly weight: Parameter;
  /** A bias for each output channel, or null. */
  readonly bias: Parameter | null;
  readonly #options: ConvLayerOptions;
  readonly #rank: number;

  constructor(
    rank: number,
    /** Channels of the input. */
    readonly inChannels: number,
    /** Channels of the result. */
    readonly outChannels: number,
    kernelSize: PerDimension,
    options: ConvLayerOptions,
  ) {
    super();
    const groups = options.groups ?? 1;
    const name = `Conv${rank}d`;
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
    this.#options = options;
    this.#rank = rank;
  }

  override forward(x: Tensor): Tensor {
    if (x.rank !== this.#rank + 2 && x.rank !== this.#rank + 1) {
      x.trace.fail(
        "shape",
        `conv${this.#rank}d: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${this.#rank + 2}: batch, ${this.inChannels} channels and ${this.#rank} spatial.`,
      );
    }
    const { paddingMode = "zeros", ...options } = this.#options;
    if (paddingMode === "zeros") return conv(x, this.weight, this.bias, options);
    const amounts = [...this.#padding()].reverse().flat();
    return conv(padByEdge(x, amounts, paddingMode), this.weight, this.bias, { ...options, padding: 0 });
  }

  #padding(): readonly (readonly [number, number])[] {
    const { stride = 1, padding = 0, dilation = 1 } = this.#options;
    const name = `Conv${this.#rank}d`;
    const list = (value: PerDimension, what: string) => perDimension(value, this.#rank, `${name}: ${what}`);
    const kernel = this.weight.shape.slice(2);
    return convPadding(name, padding, kernel, list(stride, "stride"), list(dilation, "dilation"));
  }
}

/** Over `(N, C, L)`. */
export class Conv1d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    options: ConvLayerOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** Over `(N, C, H, W)`. @example new nn.Conv2d(3, 16, 3, { padding: 1 }) */
export class Conv2d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    options: ConvLayerOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** Over `(N, C, D, H, W)`. */
export class Conv3d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    options: ConvLayerOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}
