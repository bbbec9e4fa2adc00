/**
 * Training-mode batch normalisation in two steps, for few channels over large maps: partial statistics of
 * blocks of rows, then their merge (Chan, Golub & LeVeque, 1979) and the normalisation. A row is one position
 * in all dimensions but the channels'; `shift`, the first row, is subtracted before anything is summed, so
 * that a large common offset costs no precision.
 */
import { UserError } from "../../errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { elementCount } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectInteger, expectOperands } from "./check.ts";
import {
  batchNormOps,
  trainingOperandNames,
  valuesPerChannel,
  type BatchNormTrainingAttributes,
} from "./batch-norm.ts";
import type { OpFamily } from "./op.ts";

export interface BatchNormSplitOps {
  /** `x → (mean − shift, Σ (x − mean)²)`, each `[blocks, C]`. */
  batch_norm_partial: { readonly blocks: number };
  /** The operands of `batch_norm_training` with the two partial statistics after `x`; the same results. */
  batch_norm_apply: BatchNormTrainingAttributes;
}

/** Rows of a block; the last one may have fewer. */
export function rowsPerBlock(rows: number, blocks: number): number {
  return Math.ceil(rows / blocks);
}

export const batchNormSplitOps: OpFamily<BatchNormSplitOps> = {
  batch_norm_partial: {
    kind: "normalization",
    vjp: "none",
    infer(operands, { blocks }) {
      expectOperands("batch_norm_partial", operands, 1);
      const [x] = operands as [TensorType];
      expectDType("batch_norm_partial", x, ["f32"], "input");
      if (x.shape.length < 2) {
        throw new UserError(
          "shape",
          `batch_norm_partial: input is ${formatType(x)}; expected at least 2 dimensions, (N, C, ...).`,
        );
      }
      expectInteger("batch_norm_partial", "blocks", blocks, 1);
      const partial = tensorType("f32", [blocks, x.shape[1]!]);
      return [partial, partial];
    },
    evaluate: ([x], { blocks }, types) => partialStatistics(x!, blocks, types),
  },

  batch_norm_apply: {
    kind: "normalization",
    vjp: "none",
    infer: (operands, attributes) => {
      expectOperands("batch_norm_apply", operands, trainingOperandNames(attributes).length + 2);
      return batchNormOps.batch_norm_training.infer(withoutPartials(operands), attributes);
    },
    // The partial statistics are a means, not a meaning: the reference takes its own from x.
    evaluate: (operands, attributes, types) =>
      batchNormOps.batch_norm_training.evaluate(withoutPartials(operands), attributes, types),
  },
};

function withoutPartials<T>(operands: readonly T[]): readonly T[] {
  return [operands[0]!, ...operands.slice(3)];
}

function partialStatistics(
  x: HostTensor,
  blocks: number,
  types: readonly TensorType[],
): readonly HostTensor[] {
  const channels = x.shape[1]!;
  const inner = elementCount(x.shape.slice(2));
  const rows = valuesPerChannel(x.shape);
  const perBlock = rowsPerBlock(rows, blocks);
  const at = (row: number, channel: number) =>
    Number(x.data[(Math.floor(row / inner) * channels + channel) * inner + (row % inner)]);
  const means = new Float32Array(blocks * channels);
  const squares = new Float32Array(blocks * channels);
  for (let block = 0; block < blocks; block++) {
    const from = Math.min(block * perBlock, rows);
    const to = Math.min(from + perBlock, rows);
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      for (let row = from; row < to; row++) sum += at(row, channel) - at(0, channel);
      const mean = to > from ? sum / (to - from) : 0;
      let square = 0;
      for (let row = from; row < to; row++) square += (at(row, channel) - at(0, channel) - mean) ** 2;
      means[block * channels + channel] = mean;
      squares[block * channels + channel] = square;
    }
  }
  return [means, squares].map((data, i) => ({ dtype: "f32", shape: types[i]!.shape, data }));
}
