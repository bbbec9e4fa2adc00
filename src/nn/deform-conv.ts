/**
 * Deformable convolution (Dai et al., 2017; with a mask Zhu et al., 2019): each element of the window is read beside its
 * place, by an offset that the network computes for every position, between elements linearly.
 */
import { UserError } from "../errors.ts";
import { checkOptions } from "../ir/check-options.ts";
import { elementCount, formatShape, sameShape } from "../ir/shape.ts";
import { Parameter } from "../ir/stored-tensor.ts";
import { addPerChannel } from "./functional.ts";
import { defaultBound, uniform, type RandomSource } from "./init.ts";
import { Module } from "./module.ts";
import { checkCounts, readOptions, type ArgumentNames, type OptionArguments } from "./option-arguments.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import { integerTable } from "./positions.ts";
import { linearTaps, sampleAt } from "./sample-at.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** What a deformable convolution may be told. */
export interface DeformConvOptions {
  /** Distance of the windows; 1. */
  readonly stride?: PerDimension;
  /** Zeros before and after each dimension; one number for both, or a pair. */
  readonly padding?: number | readonly (number | readonly [number, number])[];
  /** Distance of the kernel's taps; 1. */
  readonly dilation?: PerDimension;
  /** What each element is multiplied with: `[N, offsetGroups · k, …out]`. */
  readonly mask?: Tensor | null;
}

/**
 * `x [N, C, …]` with `weight [O, C / groups, …kernel]` read at `offset [N, offsetGroups · k · d, …out]`: for each of
 * `offsetGroups` parts of the channels and each of the kernel's k elements the d coordinates, in elements. How many
 * groups there are follows from the shapes, as in `torchvision.ops.deform_conv2d`.
 */
export function deformConv(
  x: Tensor,
  offset: Tensor,
  weight: Operand,
  bias: Operand | null = null,
  options: DeformConvOptions = {},
): Tensor {
  checkOptions<DeformConvOptions>("deformConv", options, {
    stride: "sizes",
    padding: "any",
    dilation: "sizes",
    mask: "any",
  });
  const kernelTensor = toTensor(x.trace, weight);
  const kernel = kernelTensor.shape.slice(2);
  const rank = kernel.length;
  const stride = perDimension(options.stride ?? 1, rank, "deformConv: stride");
  const dilation = perDimension(options.dilation ?? 1, rank, "deformConv: dilation");
  const padding = pairs(options.padding ?? 0, rank);
  const [batch, channels] = x.shape as [number, number];
  const spatial = x.shape.slice(2);
  const out = spatial.map((size, i) => {
    const extent = dilation[i]! * (kernel[i]! - 1) + 1;
    return Math.floor((size + padding[i]![0] + padding[i]![1] - extent) / stride[i]!) + 1;
  });
  const taps = elementCount(kernel);
  const offsetGroups = (offset.shape[1] ?? 0) / (taps * rank);
  const groups = channels / (kernelTensor.shape[1] ?? 0);
  const outputs = kernelTensor.shape[0]!;
  const fits =
    x.rank === rank + 2 &&
    out.every((size) => size >= 1) &&
    [offsetGroups, groups, channels / offsetGroups, outputs / groups].every(
      (n) => Number.isInteger(n) && n > 0,
    ) &&
    sameShape(offset.shape, [batch, offsetGroups * taps * rank, ...out]) &&
    (!options.mask || sameShape(options.mask.shape, [batch, offsetGroups * taps, ...out]));
  if (!fits)
    throw new UserError(
      "shape",
      `deformConv: offsets ${formatShape(offset.shape)}${options.mask ? ` and a mask ${formatShape(options.mask.shape)}` : ""} do not fit ${formatShape(x.shape)} with a weight of ${formatShape(kernelTensor.shape)}; results would be ${formatShape([batch, outputs, ...out])}.`,
    );

  // Groups of channels that share their offsets are images of their own.
  const images = x.reshape([batch * offsetGroups, channels / offsetGroups, ...spatial]);
  const offsets = offset.reshape([batch * offsetGroups, taps, rank, ...out]);
  const axes = kernel.map((_, axis) => {
    const places = windowPlaces(kernel, out, axis, { stride, dilation, before: padding[axis]![0] });
    return linearTaps(offsets.select(2, axis).add(integerTable(x, places, [1, taps, ...out]).to("f32")));
  });
  const sampled = sampleAt(images, axes, true);
  const masked = options.mask
    ? sampled.mul(options.mask.reshape([batch * offsetGroups, 1, taps, ...out]))
    : sampled;
  const places = elementCount(out);
  const columns = masked.reshape([batch, groups, (channels / groups) * taps, places]);
  const rows = kernelTensor.reshape([1, groups, outputs / groups, (channels / groups) * taps]);
  const y = rows.matmul(columns).reshape([batch, outputs, ...out]);
  return bias === null ? y : addPerChannel(y, bias);
}

/** Where the window's elements lie along one axis without offsets: `[taps, …out]`, row-major. */
function windowPlaces(
  kernel: readonly number[],
  out: readonly number[],
  axis: number,
  window: {
    /** Distance of the windows; 1. */
    readonly stride: readonly number[];
    /** Distance of the kernel's taps; 1. */
    readonly dilation: readonly number[];
    readonly before: number;
  },
): number[] {
  const inner = elementCount(kernel.slice(axis + 1));
  const innerOut = elementCount(out.slice(axis + 1));
  return Array.from({ length: elementCount(kernel) * elementCount(out) }, (_, at) => {
    const [tap, position] = [Math.floor(at / elementCount(out)), at % elementCount(out)];
    const k = Math.floor(tap / inner) % kernel[axis]!;
    const o = Math.floor(position / innerOut) % out[axis]!;
    return o * window.stride[axis]! + k * window.dilation[axis]! - window.before;
  });
}

function pairs(
  padding: NonNullable<DeformConvOptions["padding"]>,
  rank: number,
): (readonly [number, number])[] {
  const list = typeof padding === "number" ? new Array<number>(rank).fill(padding) : padding;
  if (list.length !== rank)
    throw new UserError("argument", `deformConv: padding has ${list.length} entries for ${rank} dimensions.`);
  return list.map((amount) => (typeof amount === "number" ? [amount, amount] : amount));
}

/** What the layer DeformConv2d may be told. */
export interface DeformConv2dOptions {
  /** Distance of the windows; 1. */
  readonly stride?: PerDimension;
  /** Zeros around the input; 0. */
  readonly padding?: DeformConvOptions["padding"];
  /** Distance of the kernel's taps; 1. */
  readonly dilation?: PerDimension;
  /** Groups that channels are divided into; 1. */
  readonly groups?: number;
  /** A bias for each output channel, or null. */
  readonly bias?: boolean;
  /** Where initial values come from; `Math.random` unless given. */
  readonly random?: RandomSource;
}

const deformConvArguments = {
  known: {
    stride: "sizes",
    padding: "any",
    dilation: "sizes",
    groups: "number",
    bias: "boolean",
    random: "function",
  },
  order: ["stride", "padding", "dilation", "groups", "bias"],
} as const satisfies ArgumentNames<DeformConv2dOptions>;

/** As `torchvision.ops.DeformConv2d`: called with the image, the offsets and perhaps a mask. */
export class DeformConv2d extends Module {
  /** `(out, in / groups, …kernel)`. */
  readonly weight: Parameter;
  /** A bias for each output channel, or null. */
  readonly bias: Parameter | null;
  readonly #options: DeformConv2dOptions;

  constructor(
    /** Channels of the input. */
    readonly inChannels: number,
    /** Channels of the result. */
    readonly outChannels: number,
    /** Sizes of the kernel. */
    readonly kernelSize: PerDimension,
    ...rest: OptionArguments<DeformConv2dOptions, typeof deformConvArguments.order>
  ) {
    super();
    const leading = ["inChannels", "outChannels", "kernelSize"];
    const options = readOptions<DeformConv2dOptions>("DeformConv2d", leading, deformConvArguments, rest);
    checkCounts("DeformConv2d", { inChannels, outChannels });
    const { groups = 1, random } = options;
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new UserError(
        "argument",
        `DeformConv2d: ${inChannels} input and ${outChannels} output channels must both divide into groups=${groups}.`,
      );
    const kernel = perDimension(kernelSize, 2, "DeformConv2d: kernel size");
    const shape = [outChannels, inChannels / groups, ...kernel];
    const bound = defaultBound(elementCount(shape.slice(1)));
    this.weight = new Parameter(uniform(shape, bound, random));
    this.bias = options.bias === false ? null : new Parameter(uniform([outChannels], bound, random));
    this.#options = options;
  }

  override forward(x: Tensor, offset: Tensor, mask: Tensor | null = null): Tensor {
    const { stride = 1, padding = 0, dilation = 1 } = this.#options;
    return deformConv(x, offset, this.weight, this.bias, { stride, padding, dilation, mask });
  }
}
