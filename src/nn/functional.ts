/** Operations as functions, with the names and defaults of `torch.nn.functional` in camel case. */
import { UserError } from "../errors.ts";
import { checkOptions } from "../ir/check-options.ts";
import { formatShape, normalizeAxis, type Shape } from "../ir/shape.ts";
import type { StateBuffer } from "../ir/stored-tensor.ts";
import { perDimension, type PerDimension } from "./per-dimension.ts";
import {
  adaptiveSizes,
  batched,
  poolAttributes,
  poolOptions,
  type AdaptiveSize,
  type PoolOptions,
} from "./pool-arguments.ts";
import { Tensor, toTensor, type Operand } from "./tensor.ts";

export type { PerDimension } from "./per-dimension.ts";
export type { AdaptiveSize, PoolOptions } from "./pool-arguments.ts";

/** What a convolution may be told. */
export interface ConvOptions {
  /** Distance of the windows; 1. */
  readonly stride?: PerDimension;
  /** Zeros on both sides; `"same"` keeps the size (stride 1 only), `"valid"` adds none. */
  readonly padding?: PerDimension | "same" | "valid";
  /** Distance of the kernel's taps; 1. */
  readonly dilation?: PerDimension;
  /** Groups that channels are divided into; 1. */
  readonly groups?: number;
}

/** Convolution `x [N, C, …]` with `weight [O, C / groups, …]`; the number of dimensions comes from the weight. */
export function conv(
  x: Tensor,
  weight: Operand,
  bias: Operand | null = null,
  options: ConvOptions = {},
): Tensor {
  checkOptions<ConvOptions>("conv", options, {
    stride: "sizes",
    padding: "any",
    dilation: "sizes",
    groups: "number",
  });
  const kernelTensor = toTensor(x.trace, weight);
  const kernel = kernelTensor.shape.slice(2);
  const rank = kernel.length;
  const name = `conv${rank}d`;
  const stride = perDimension(options.stride ?? 1, rank, `${name}: stride`);
  const dilation = perDimension(options.dilation ?? 1, rank, `${name}: dilation`);
  const padding = convPadding(name, options.padding ?? 0, kernel, stride, dilation);
  const groups = options.groups ?? 1;
  const unbatched = x.rank === rank + 1;
  const input = unbatched ? x.unsqueeze(0) : x;
  const attributes = { kernel, stride, padding, dilation, groups, packing: null };
  let y = new Tensor(x.trace, x.trace.add("conv", [input.id, kernelTensor.id], attributes));
  if (bias !== null) y = addPerChannel(y, bias);
  return unbatched ? y.squeeze(0) : y;
}

/** What goes before and after each spatial dimension. */
export function convPadding(
  name: string,
  padding: PerDimension | "same" | "valid",
  kernel: Shape,
  stride: Shape,
  dilation: Shape,
): (readonly [number, number])[] {
  if (padding === "valid") return kernel.map(() => [0, 0]);
  if (padding !== "same")
    return perDimension(padding, kernel.length, `${name}: padding`).map((size) => [size, size]);
  if (stride.some((step) => step !== 1)) {
    throw new UserError(
      "argument",
      `${name}: padding "same" needs stride 1, got ${formatShape(stride)}. Give the padding in numbers.`,
    );
  }
  // PyTorch puts the odd element after.
  return kernel.map((size, i) => {
    const total = dilation[i]! * (size - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  });
}

/** `x [N, C, …] + bias [C]`. */
export function addPerChannel(x: Tensor, bias: Operand): Tensor {
  const vector = toTensor(x.trace, bias);
  return x.add(vector.reshape([vector.shape[0]!, ...x.shape.slice(2).map(() => 1)]));
}

/** `x [..., in] · weightᵀ + bias`, weight `[out, in]`. */
export function linear(x: Tensor, weight: Operand, bias: Operand | null = null): Tensor {
  const matrix = toTensor(x.trace, weight);
  if (x.shape.at(-1) !== matrix.shape[1]) {
    x.trace.fail(
      "shape",
      `linear: input ${formatShape(x.shape)} has ${x.shape.at(-1) ?? 0} features in its last dimension, weight ${formatShape(matrix.shape)} expects ${matrix.shape[1]}.`,
    );
  }
  const rows = x.rank === 1 ? x.unsqueeze(0) : x;
  const y = rows.matmul(matrix.transpose(0, 1));
  const shifted = bias === null ? y : y.add(bias);
  return x.rank === 1 ? shifted.squeeze(0) : shifted;
}

/** What a batch norm may be told. */
export interface BatchNormOptions {
  /** Whether the batch's own statistics are taken, and the running ones updated. */
  readonly training?: boolean;
  /** How much of a batch goes into the running statistics; null: a cumulative average. */
  readonly momentum?: number | null;
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** Receives n + 1 in training; with momentum null it sets the cumulative average. */
  readonly numBatchesTracked?: StateBuffer | null;
  /** One value per channel in training: an error, as in PyTorch, or scaling by `eps` alone. */
  readonly singleValue?: "error" | "zero-variance";
}

/**
 * Batch normalisation over dimension 1 of `x [N, C, …]`.
 * In training mode batch statistics normalise and the running ones, when given, are updated after the run.
 */
export function batchNorm(
  x: Tensor,
  runningMean: StateBuffer | null,
  runningVar: StateBuffer | null,
  weight: Operand | null = null,
  bias: Operand | null = null,
  options: BatchNormOptions = {},
): Tensor {
  checkOptions<BatchNormOptions>("batchNorm", options, {
    training: "boolean",
    momentum: "number or null",
    eps: "number",
    numBatchesTracked: "any",
    singleValue: ["error", "zero-variance"],
  });
  const { trace } = x;
  const channels = x.shape[1] ?? 0;
  const { eps = 1e-5, singleValue = "error", numBatchesTracked = null } = options;
  const momentum = options.momentum === undefined ? 0.1 : options.momentum;
  const filled = (value: number) => toTensor(trace, value).expand(channels);
  const gamma = weight === null ? filled(1) : toTensor(trace, weight);
  const beta = bias === null ? filled(0) : toTensor(trace, bias);
  const statistics =
    runningMean !== null && runningVar !== null ? [trace.read(runningMean), trace.read(runningVar)] : null;
  if (options.training !== true) {
    if (statistics === null) {
      return trace.fail("argument", "batchNorm: running statistics are needed unless training is true.");
    }
    return new Tensor(trace, trace.add("batch_norm", [x.id, ...statistics, gamma.id, beta.id], { eps }));
  }
  const count = numBatchesTracked === null ? toTensor(trace, 0).to("i32").id : trace.read(numBatchesTracked);
  const tracked = statistics !== null;
  const operands = [x.id, gamma.id, beta.id, ...(statistics === null ? [] : [...statistics, count])];
  const results = trace.addAll("batch_norm_training", operands, {
    eps,
    momentum,
    tracked,
    meanOffset: false,
    singleValue,
    lowering: "undecided",
    reason: "",
  });
  if (tracked) {
    trace.update(runningMean!, results[3]!);
    trace.update(runningVar!, results[4]!);
    if (numBatchesTracked !== null) trace.update(numBatchesTracked, results[5]!);
  }
  return new Tensor(trace, results[0]!);
}

/** Maxima of windows, in as many dimensions as the kernel has. */
export function maxPool(
  x: Tensor,
  rank: number,
  kernelSize: PerDimension,
  options: PoolOptions & { readonly dilation?: PerDimension } = {},
): Tensor {
  checkOptions<Parameters<typeof maxPool>[3] & object>("maxPool", options, {
    ...poolOptions,
    dilation: "sizes",
    // A layer's, which refuses any other than false.
    ...("returnIndices" in options && { returnIndices: "any" }),
  });
  const attributes = poolAttributes("max_pool", x, kernelSize, rank, options);
  return batched(x, rank, (input) => new Tensor(x.trace, x.trace.add("max_pool", [input.id], attributes)));
}

/** Means of windows, in as many dimensions as the kernel has. */
export function avgPool(
  x: Tensor,
  rank: number,
  kernelSize: PerDimension,
  options: PoolOptions & { readonly countIncludePad?: boolean } = {},
): Tensor {
  checkOptions<Parameters<typeof avgPool>[3] & object>("avgPool", options, {
    ...poolOptions,
    countIncludePad: "boolean",
  });
  const attributes = {
    ...poolAttributes("avg_pool", x, kernelSize, rank, options),
    countIncludePad: options.countIncludePad ?? true,
  };
  return batched(x, rank, (input) => new Tensor(x.trace, x.trace.add("avg_pool", [input.id], attributes)));
}

/** Averages of windows ⌊i · in / out⌋ … ⌈(i + 1) · in / out⌉ along each of `rank` dimensions. */
export function adaptiveAvgPool(x: Tensor, rank: number, outputSize: AdaptiveSize): Tensor {
  const wanted = adaptiveSizes("adaptive_avg_pool", x, rank, outputSize);
  return batched(
    x,
    rank,
    (input) => new Tensor(x.trace, x.trace.add("adaptive_avg_pool", [input.id], { outputSize: wanted })),
  );
}

/** Joins tensors along `axis`. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new UserError("argument", "concat: expected at least one tensor.");
  const at = normalizeAxis(axis, first.rank, "concat");
  return new Tensor(
    first.trace,
    first.trace.add(
      "concat",
      tensors.map((tensor) => tensor.id),
      { axis: at },
    ),
  );
}
/** Tensors behind each other along a dimension. */
export const cat = concat;

/** Joins tensors along a new dimension. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return concat(
    tensors.map((tensor) => tensor.unsqueeze(axis)),
    axis,
  );
}

/** `a` where the condition holds, else `b`, broadcast */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return toTensor(condition.trace, a).where(condition, b);
}

/** Exponentials along a dimension, divided by their sum. */
export function softmax(x: Tensor, axis: number): Tensor {
  return x.softmax(axis);
}
/** The logarithm of a softmax along a dimension. */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  return x.logSoftmax(axis);
}
/** `max(x, 0)` */
export function relu(x: Tensor): Tensor {
  return x.relu();
}
/** `min(max(x, 0), 6)` */
export function relu6(x: Tensor): Tensor {
  return x.clamp(0, 6);
}
/** `x` where positive, else `negativeSlope x` */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return x.leakyRelu(negativeSlope);
}
/** `1 / (1 + exp(−x))` */
export function sigmoid(x: Tensor): Tensor {
  return x.sigmoid();
}
/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return x.tanh();
}
/** `x sigmoid(x)` */
export function silu(x: Tensor): Tensor {
  return x.silu();
}
/** `x Φ(x)`, Φ the normal distribution's cumulative function, or its approximation by tanh */
export function gelu(x: Tensor, approximate: "none" | "tanh" = "none"): Tensor {
  return x.gelu(approximate);
}
/** `x hardsigmoid(x)` */
export function hardswish(x: Tensor): Tensor {
  return x.hardswish();
}
/** `min(max(x / 6 + 1/2, 0), 1)` */
export function hardsigmoid(x: Tensor): Tensor {
  return x.hardsigmoid();
}
/** `a + b`, broadcast */
export function add(a: Tensor, b: Operand): Tensor {
  return a.add(b);
}
/** `a b`, broadcast */
export function mul(a: Tensor, b: Operand): Tensor {
  return a.mul(b);
}
/** The matrix product, batched and broadcast as in PyTorch. */
export function matmul(a: Tensor, b: Operand): Tensor {
  return a.matmul(b);
}
