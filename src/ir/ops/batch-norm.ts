/**
 * Batch normalisation over dimension 1 (Ioffe & Szegedy, 2015; conventions of PyTorch).
 *
 * Inference: `y = γ (x − mean) / sqrt(variance + ε) + β`.
 * Training: mean and **biased** variance over all dimensions but 1 normalise; the **unbiased** variance
 * (n / (n − 1)) goes into `running_var`; `running = (1 − m) running + m batch`, or the cumulative average,
 * m = 1 / (batches seen, this one included), when momentum is null.
 */
import { UserError } from "../../errors.ts";
import { allocateArray, type DType } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import { elementCount, formatShape, sameShape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType } from "./check.ts";
import type { OpFamily } from "./op.ts";

export interface BatchNormTrainingAttributes {
  readonly eps: number;
  /** null: cumulative average. */
  readonly momentum: number | null;
  /** Operands `running_mean`, `running_var`, `num_batches` follow `bias`, and their new values are results. */
  readonly tracked: boolean;
  /**
   * The last operand is a per-channel offset that the mean of the original input has over that of `x`
   * (a convolution bias that was dropped because the batch mean cancels it); only `running_mean` sees it.
   */
  readonly meanOffset: boolean;
  /** What one value per channel (n = 1) means: an error, as in PyTorch, or a variance of 0 (scaling by ε alone). */
  readonly singleValue: "error" | "zero-variance";
  /** How it becomes kernels; chosen, with the reason, by a pass. */
  readonly lowering: "undecided" | "fused" | "split";
  readonly reason: string;
}

export interface BatchNormOps {
  /** `(x, mean, variance, weight, bias) → y` */
  batch_norm: { readonly eps: number };
  /**
   * `(x, weight, bias [, running_mean, running_var, num_batches] [, mean_offset])
   *  → (y, mean, inverse_std [, running_mean, running_var, num_batches])`
   */
  batch_norm_training: BatchNormTrainingAttributes;
}

/** Elements that share one channel's statistics. */
export function valuesPerChannel(shape: readonly number[]): number {
  return elementCount(shape) / Math.max(shape[1] ?? 1, 1);
}

function checkOperands(name: string, operands: readonly TensorType[], names: readonly string[]): void {
  if (operands.length !== names.length) {
    throw new UserError(
      "argument",
      `${name}: expected ${names.length} operands (${names.join(", ")}), got ${operands.length}.`,
    );
  }
  const [x] = operands as [TensorType];
  expectDType(name, x, ["f32"], "input");
  if (x.shape.length < 2) {
    throw new UserError(
      "shape",
      `${name}: input is ${formatType(x)}; expected at least 2 dimensions, (N, C, ...).`,
    );
  }
  operands.slice(1).forEach((operand, i) => {
    const expected: DType = names[i + 1] === "num_batches" ? "i32" : "f32";
    const shape = names[i + 1] === "num_batches" ? [] : [x.shape[1]!];
    if (operand.dtype !== expected || !sameShape(operand.shape, shape)) {
      throw new UserError(
        "shape",
        `${name}: ${names[i + 1]} is ${formatType(operand)}, expected ${expected}${formatShape(shape)}: the input ${formatType(x)} has ${x.shape[1]} channels in dimension 1.`,
      );
    }
  });
}

export const batchNormOps: OpFamily<BatchNormOps> = {
  batch_norm: {
    kind: "normalization",
    vjp: "none",
    infer(operands) {
      checkOperands("batch_norm", operands, ["input", "mean", "variance", "weight", "bias"]);
      return [operands[0]!];
    },
    evaluate: ([x, mean, variance, weight, bias], { eps }, [type]) => [
      perChannel(x!, type!, (value, channel) => {
        const scale = Number(weight!.data[channel]) / Math.sqrt(Number(variance!.data[channel]) + eps);
        return (value - Number(mean!.data[channel])) * scale + Number(bias!.data[channel]);
      }),
    ],
  },

  batch_norm_training: {
    kind: "normalization",
    vjp: "none",
    infer(operands, attributes) {
      checkOperands("batch_norm_training", operands, trainingOperandNames(attributes));
      const [x] = operands as [TensorType];
      if (valuesPerChannel(x.shape) === 1 && attributes.singleValue === "error") {
        throw new UserError(
          "shape",
          `batch_norm: expected more than 1 value per channel when training, got input ${formatType(x)}. Use a larger batch, eval(), or singleValue: "zero-variance" to scale by eps alone.`,
        );
      }
      const perChannelType = tensorType("f32", [x.shape[1]!]);
      const statistics = [perChannelType, perChannelType];
      return [x, ...statistics, ...(attributes.tracked ? [...statistics, tensorType("i32", [])] : [])];
    },
    evaluate: (operands, attributes, types) => evaluateTraining(operands, attributes, types),
  },
};

export function trainingOperandNames({ tracked, meanOffset }: BatchNormTrainingAttributes): string[] {
  return [
    ...["input", "weight", "bias"],
    ...(tracked ? ["running_mean", "running_var", "num_batches"] : []),
    ...(meanOffset ? ["mean_offset"] : []),
  ];
}

function perChannel(
  x: HostTensor,
  type: TensorType,
  compute: (value: number, channel: number) => number,
): HostTensor {
  const data = new Float32Array(elementCount(type.shape));
  const channels = type.shape[1]!;
  const inner = elementCount(type.shape.slice(2));
  for (let i = 0; i < data.length; i++) {
    data[i] = compute(Number(x.data[i]), Math.floor(i / inner) % channels);
  }
  return { dtype: "f32", shape: type.shape, data };
}

function evaluateTraining(
  operands: readonly HostTensor[],
  attributes: BatchNormTrainingAttributes,
  types: readonly TensorType[],
): readonly HostTensor[] {
  const [x, weight, bias] = operands as [HostTensor, HostTensor, HostTensor];
  const channels = types[0]!.shape[1]!;
  const inner = elementCount(types[0]!.shape.slice(2));
  const count = valuesPerChannel(types[0]!.shape);
  const channelOf = (position: number) => Math.floor(position / inner) % channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  x.data.forEach((value: number | bigint, i: number) => (mean[channelOf(i)]! += Number(value) / count));
  x.data.forEach((value: number | bigint, i: number) => {
    variance[channelOf(i)]! += (Number(value) - mean[channelOf(i)]!) ** 2 / count;
  });
  const inverseStd = variance.map((value) => 1 / Math.sqrt(value + attributes.eps));
  const y = perChannel(x, types[0]!, (value, channel) => {
    const normalized = (value - mean[channel]!) * inverseStd[channel]!;
    return normalized * Number(weight.data[channel]) + Number(bias.data[channel]);
  });
  const vector = (values: ArrayLike<number>): HostTensor => ({
    dtype: "f32",
    shape: [channels],
    data: Float32Array.from(values),
  });
  const results = [y, vector(mean), vector(inverseStd)];
  if (!attributes.tracked) return results;

  const [runningMean, runningVar, numBatches] = operands.slice(3) as [HostTensor, HostTensor, HostTensor];
  const seen = Number(numBatches.data[0]) + 1;
  const momentum = attributes.momentum ?? 1 / seen;
  const offset = attributes.meanOffset ? operands.at(-1)! : undefined;
  const unbiased = count > 1 ? count / (count - 1) : 1;
  const blend = (running: HostTensor, batch: (channel: number) => number): HostTensor =>
    vector(
      mean.map((_, channel) => (1 - momentum) * Number(running.data[channel]) + momentum * batch(channel)),
    );
  const newCount = allocateArray("i32", 1);
  newCount[0] = seen;
  return [
    ...results,
    blend(runningMean, (channel) => mean[channel]! + Number(offset?.data[channel] ?? 0)),
    blend(runningVar, (channel) => variance[channel]! * unbiased),
    { dtype: "i32", shape: [], data: newCount },
  ];
}
