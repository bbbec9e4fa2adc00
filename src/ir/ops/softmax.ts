/** Softmax and its logarithm along one axis, with the largest element subtracted first. */
import { allocateArray } from "../dtype.ts";
import { elementCount, rowMajorStrides } from "../shape.ts";
import { UserError } from "../../errors.ts";
import { formatType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectOperands } from "./check.ts";
import type { Op, OpFamily } from "./op.ts";
import { forEachIndex, offsetOf } from "./walk.ts";

interface SoftmaxAttributes {
  readonly axis: number;
}

export interface SoftmaxOps {
  softmax: SoftmaxAttributes;
  log_softmax: SoftmaxAttributes;
}

function softmaxOp(name: string, finish: (shifted: number, sum: number) => number): Op<SoftmaxAttributes> {
  return {
    kind: "normalization",
    vjp: "none",
    infer(operands, { axis }) {
      expectOperands(name, operands, 1);
      const [operand] = operands as [TensorType];
      expectDType(name, operand, ["f32"]);
      if (!Number.isInteger(axis) || axis < 0 || axis >= operand.shape.length) {
        throw new UserError(
          "argument",
          `${name}: axis ${axis} is not a dimension of ${formatType(operand)}.`,
        );
      }
      return [operand];
    },
    evaluate: ([operand], { axis }, [type]) => {
      const data = allocateArray(type!.dtype, elementCount(type!.shape));
      const strides = rowMajorStrides(type!.shape);
      const length = type!.shape[axis]!;
      const step = strides[axis]!;
      const starts = type!.shape.map((size, i) => (i === axis ? 1 : size));
      forEachIndex(length === 0 ? [0] : starts, (index) => {
        const base = offsetOf(index, strides);
        let largest = -Infinity;
        for (let i = 0; i < length; i++) largest = Math.max(largest, Number(operand!.data[base + i * step]));
        let sum = 0;
        for (let i = 0; i < length; i++) sum += Math.exp(Number(operand!.data[base + i * step]) - largest);
        for (let i = 0; i < length; i++) {
          data[base + i * step] = finish(Number(operand!.data[base + i * step]) - largest, sum);
        }
      });
      return [{ dtype: type!.dtype, shape: type!.shape, data }];
    },
  };
}

export const softmaxOps: OpFamily<SoftmaxOps> = {
  softmax: softmaxOp("softmax", (shifted, sum) => Math.exp(shifted) / sum),
  log_softmax: softmaxOp("log_softmax", (shifted, sum) => shifted - Math.log(sum)),
};
