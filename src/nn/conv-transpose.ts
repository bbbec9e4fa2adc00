/**
 * Transposed convolution as an ordinary one: the input with zeros between its elements, convolved with the
 * weight flipped and its channel dimensions exchanged (Dumoulin & Visin, 2016). The weight's part depends on
 * parameters alone and is prepared once.
 */
import { UserError } from "../errors.ts";
import { checkOptions } from "../ir/check-options.ts";
import { formatShape } from "../ir/shape.ts";
import { addPerChannel } from "./functional.ts";
import { Tensor, toTensor, type Operand } from "./tensor.ts";

/** What a transposed convolution may be told. */
export interface ConvTransposeOptions {
  /** Distance of the input's elements in the result; 1. */
  readonly stride: readonly number[];
  /** Distance of the kernel's taps; 1. */
  readonly dilation: readonly number[];
  /** What is cut off before and after each spatial dimension; negative amounts add zeros. */
  readonly padding: readonly (readonly [number, number])[];
  /** Zeros added after each spatial dimension. */
  readonly outputPadding: readonly number[];
  /** Groups that channels are divided into; 1. */
  readonly groups: number;
}

/**
 * A transposed convolution in as many dimensions as the weight has behind its first two.
 * @param weight `[C, O / groups, …kernel]`
 */
export function convTranspose(
  x: Tensor,
  weight: Operand,
  bias: Operand | null,
  options: ConvTransposeOptions,
): Tensor {
  checkOptions<ConvTransposeOptions>("convTranspose", options, {
    stride: "sizes",
    dilation: "sizes",
    padding: "any",
    outputPadding: "sizes",
    groups: "number",
  });
  const { stride, dilation, padding, outputPadding, groups } = options;
  const w = toTensor(x.trace, weight);
  const [channels, outputsPerGroup, ...kernel] = w.shape as [number, number, ...number[]];
  if (x.shape[1] !== channels || channels % groups !== 0) {
    throw new UserError(
      "shape",
      `conv_transpose: input ${formatShape(x.shape)} has ${x.shape[1]} channels, weight ${formatShape(w.shape)} expects ${channels} (groups=${groups}).`,
    );
  }
  const spread = stride.reduce((y, step, i) => spreadAxis(y, i + 2, step), x);
  // [G · C/G, O/G, …k] → [G · O/G, C/G, …k reversed]
  const grouped = w.reshape([groups, channels / groups, outputsPerGroup, ...kernel]);
  const exchanged = grouped.permute([0, 2, 1, ...kernel.map((_, i) => i + 3)]);
  const flipped = reversed(exchanged.reshape([groups * outputsPerGroup, channels / groups, ...kernel]), 2);
  const amounts = kernel.map((size, i): readonly [number, number] => {
    const reach = dilation[i]! * (size - 1);
    return [reach - padding[i]![0], reach - padding[i]![1] + outputPadding[i]!];
  });
  // Amounts below zero cut the input; convolution itself only adds.
  const cut = spread.pad(
    [...amounts].reverse().flatMap(([before, after]) => [Math.min(before, 0), Math.min(after, 0)]),
  );
  const y = new Tensor(
    x.trace,
    x.trace.add("conv", [cut.id, flipped.id], {
      kernel,
      stride: kernel.map(() => 1),
      dilation,
      padding: amounts.map(([before, after]) => [Math.max(before, 0), Math.max(after, 0)] as const),
      groups,
      packing: null,
    }),
  );
  return bias === null ? y : addPerChannel(y, bias);
}

/** `step − 1` zeros between neighbours along an axis: a new dimension, padded, joined, and cut at the end. */
function spreadAxis(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x;
  const { shape } = x;
  const size = shape[axis]!;
  const wide = x.reshape([...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const after = wide.rank - 1 - (axis + 1);
  const padded = wide.pad([...new Array<number>(2 * after).fill(0), 0, step - 1]);
  const joined = padded.reshape([...shape.slice(0, axis), size * step, ...shape.slice(axis + 1)]);
  return joined.slice(axis, 0, size * step - (step - 1));
}

/** Every dimension from `firstAxis` on backwards. */
function reversed(x: Tensor, firstAxis: number): Tensor {
  const start = x.shape.map((size, axis) => (axis < firstAxis ? 0 : size - 1));
  const step = x.shape.map((_, axis) => (axis < firstAxis ? 1 : -1));
  return new Tensor(x.trace, x.trace.add("slice", [x.id], { start, size: [...x.shape], step }));
}
