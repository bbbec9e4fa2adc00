/** Ops that fold whole axes away (or keep them with size 1). */
import { UserError } from "../../errors.ts";
import { allocateArray, type DType } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import { elementCount, rowMajorStrides, type Shape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectOperands } from "./check.ts";
import type { Op, OpFamily } from "./op.ts";
import { forEachIndex, offsetOf } from "./walk.ts";

interface FoldAttributes {
  /** Ascending, not negative. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

interface PositionAttributes {
  readonly axis: number;
  readonly keepDims: boolean;
}

export interface ReductionOps {
  sum: FoldAttributes;
  /** Of no elements: NaN. */
  mean: FoldAttributes;
  prod: FoldAttributes;
  /** NaN if any element is NaN. (`max` and `min` of two tensors are elementwise ops.) */
  reduce_max: FoldAttributes;
  reduce_min: FoldAttributes;
  /** Position of the first largest element, as i32; NaN counts as largest. */
  argmax: PositionAttributes;
  argmin: PositionAttributes;
}

/** The shape after folding `axes`. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** Calls `fold` with the operand's elements for each result element, in row-major order of the axes. */
function forEachFold(
  operand: HostTensor,
  axes: readonly number[],
  fold: (values: Float64Array, position: number) => void,
): void {
  const strides = rowMajorStrides(operand.shape);
  const kept = operand.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const inner = axes.map((axis) => operand.shape[axis]!);
  const values = new Float64Array(elementCount(inner));
  const innerStrides = axes.map((axis) => strides[axis]!);
  const keptStrides = kept.map((axis) => strides[axis]!);
  forEachIndex(
    kept.map((axis) => operand.shape[axis]!),
    (index, position) => {
      const base = offsetOf(index, keptStrides);
      forEachIndex(inner, (innerIndex, i) => {
        values[i] = Number(operand.data[base + offsetOf(innerIndex, innerStrides)]);
      });
      fold(values, position);
    },
  );
}

function folding(
  name: string,
  accepts: readonly DType[],
  fold: (values: Float64Array, dtype: DType) => number,
  needsElements = false,
): Op<FoldAttributes> {
  return {
    kind: "reduction",
    vjp: "none",
    infer(operands, { axes, keepDims }) {
      expectOperands(name, operands, 1);
      const [operand] = operands as [TensorType];
      expectDType(name, operand, accepts);
      checkAxes(name, operand, axes);
      if (needsElements) expectElements(name, operand, axes);
      return [tensorType(operand.dtype, reducedShape(operand.shape, axes, keepDims))];
    },
    evaluate: ([operand], { axes }, [type]) => {
      const data = allocateArray(type!.dtype, elementCount(type!.shape));
      forEachFold(operand!, axes, (values, position) => {
        data[position] = fold(values, type!.dtype);
      });
      return [{ dtype: type!.dtype, shape: type!.shape, data }];
    },
  };
}

function checkAxes(name: string, operand: TensorType, axes: readonly number[]): void {
  const ascending = axes.every((axis, i) => i === 0 || axis > axes[i - 1]!);
  if (
    !ascending ||
    axes.some((axis) => !Number.isInteger(axis) || axis < 0 || axis >= operand.shape.length)
  ) {
    throw new UserError(
      "argument",
      `${name}: axes [${axes.join(", ")}] must be ascending dimensions of ${formatType(operand)}.`,
    );
  }
}

function expectElements(name: string, operand: TensorType, axes: readonly number[]): void {
  if (axes.some((axis) => operand.shape[axis] === 0)) {
    throw new UserError(
      "shape",
      `${name}: ${formatType(operand)} has no elements along [${axes.join(", ")}], and ${name} of nothing is undefined.`,
    );
  }
}

function argument(
  name: string,
  better: (candidate: number, best: number) => boolean,
): Op<PositionAttributes> {
  return {
    kind: "reduction",
    vjp: "none",
    infer(operands, { axis, keepDims }) {
      expectOperands(name, operands, 1);
      const [operand] = operands as [TensorType];
      expectDType(name, operand, ["f32", "i32", "u32"]);
      checkAxes(name, operand, [axis]);
      expectElements(name, operand, [axis]);
      return [tensorType("i32", reducedShape(operand.shape, [axis], keepDims))];
    },
    evaluate: ([operand], { axis }, [type]) => {
      const data = new Int32Array(elementCount(type!.shape));
      forEachFold(operand!, [axis], (values, position) => {
        let best = 0;
        for (let i = 1; i < values.length && !Number.isNaN(values[best]); i++) {
          if (Number.isNaN(values[i]) || better(values[i]!, values[best]!)) best = i;
        }
        data[position] = best;
      });
      return [{ dtype: "i32", shape: type!.shape, data }];
    },
  };
}

const numbers: readonly DType[] = ["f32", "i32", "u32"];

export const reductionOps: OpFamily<ReductionOps> = {
  sum: folding("sum", numbers, (values) => values.reduce((sum, value) => sum + value, 0)),
  mean: folding("mean", ["f32"], (values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  // Doubles do not hold the low bits of large integer products.
  prod: folding("prod", numbers, (values, dtype) =>
    values.reduce((product, value) => (dtype === "f32" ? product * value : Math.imul(product, value)), 1),
  ),
  reduce_max: folding(
    "max",
    numbers,
    (values) => values.reduce((best, value) => Math.max(best, value), -Infinity),
    true,
  ),
  reduce_min: folding(
    "min",
    numbers,
    (values) => values.reduce((best, value) => Math.min(best, value), Infinity),
    true,
  ),
  argmax: argument("argmax", (candidate, best) => candidate > best),
  argmin: argument("argmin", (candidate, best) => candidate < best),
};
