/**
 * `(x − mean) / √(variance + ε)` along one axis, with the variance of the whole population: what layer
 * normalisation (Ba, Kiros & Hinton, arXiv:1607.06450) does before its scale and shift.
 */
import { UserError } from "../../errors.ts";
import { elementCount, rowMajorStrides } from "../shape.ts";
import { formatType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectOperands } from "./check.ts";
import type { OpFamily } from "./op.ts";
import { forEachIndex, offsetOf } from "./walk.ts";

export interface StandardizeOps {
  standardize: { readonly axis: number; readonly eps: number };
}

export const standardizeOps: OpFamily<StandardizeOps> = {
  standardize: {
    kind: "normalization",
    vjp: "none",
    infer(operands, { axis }) {
      expectOperands("standardize", operands, 1);
      const [operand] = operands as [TensorType];
      expectDType("standardize", operand, ["f32"]);
      if (!Number.isInteger(axis) || axis < 0 || axis >= operand.shape.length)
        throw new UserError(
          "argument",
          `standardize: axis ${axis} is not a dimension of ${formatType(operand)}.`,
        );
      return [operand];
    },
    evaluate: ([operand], { axis, eps }, [type]) => {
      const { shape } = type!;
      const data = new Float32Array(elementCount(shape));
      const strides = rowMajorStrides(shape);
      const length = shape[axis]!;
      const starts = shape.map((size, i) => (i === axis ? 1 : size));
      forEachIndex(length === 0 ? [0] : starts, (index) => {
        const first = offsetOf(index, strides);
        const places = Array.from({ length }, (_, i) => first + i * strides[axis]!);
        const at = (place: number) => Number(operand!.data[place]);
        const mean = places.reduce((sum, place) => sum + at(place), 0) / length;
        const variance = places.reduce((sum, place) => sum + (at(place) - mean) ** 2, 0) / length;
        for (const place of places) data[place] = (at(place) - mean) / Math.sqrt(variance + eps);
      });
      return [{ dtype: "f32", shape, data }];
    },
  },
};
