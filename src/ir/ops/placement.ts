/**
 * Ops that place along an axis by what values say: writing at computed positions, and the order of elements. Each
 * walks whole lines, so the work is that of a loop over them and not a comparison of everything with everything.
 */
import { UserError } from "../../errors.ts";
import type { DType } from "../dtype.ts";
import { elementCount, rowMajorStrides } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectOperands, expectSameDType } from "./check.ts";
import type { OpFamily } from "./op.ts";
import { broadcastStrides, forEachIndex, offsetOf } from "./walk.ts";

/** What becomes of the element that an update reaches. */
export type ScatterReduction = "none" | "add" | "mul" | "max" | "min";

export interface PlacementOps {
  /**
   * `(data, positions i32, updates)`: the data, where along `axis`, one after the other, update `k` was written to
   * position `positions[k]`, or combined with what is there. Updates have the data's shape but for their number along
   * the axis; positions have the updates' shape, or size 1 in dimensions other than the axis, where one serves all.
   * Updates whose position is outside the data are left out.
   */
  scatter: { readonly axis: number; readonly reduction: ScatterReduction };
  /**
   * Positions (i32) of the `k` largest elements along `axis`, the largest first; of the smallest without `largest`.
   * Of equal ones the first comes first; NaN counts as largest.
   */
  topk: { readonly axis: number; readonly k: number; readonly largest: boolean };
}

function expectAxis(name: string, axis: number, operand: TensorType): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= operand.shape.length)
    throw new UserError("argument", `${name}: axis ${axis} is not a dimension of ${formatType(operand)}.`);
}

/** How an update changes an element; results are rounded to the dtype by whoever stores them. */
const combine: Readonly<Record<ScatterReduction, (old: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

/** Whether `a` comes before `b`, which is then not its equal. */
function precedes(a: number, b: number, largest: boolean): boolean {
  if (Number.isNaN(a) || Number.isNaN(b))
    return Number.isNaN(largest ? a : b) && !Number.isNaN(largest ? b : a);
  return largest ? a > b : a < b;
}

export const placementOps: OpFamily<PlacementOps> = {
  scatter: {
    kind: "placement",
    vjp: "none",
    infer(operands, { axis, reduction }) {
      expectOperands("scatter", operands, 3);
      const [data, positions, updates] = operands as [TensorType, TensorType, TensorType];
      expectAxis("scatter", axis, data);
      expectSameDType("scatter", [data, updates]);
      expectDType("scatter", positions, ["i32"], "positions");
      if (reduction !== "none") expectDType("scatter", data, ["f32", "i32", "u32"], "data");
      const fits = (type: TensorType, mayRepeat: boolean): boolean =>
        type.shape.length === data.shape.length &&
        type.shape.every((size, i) =>
          i === axis ? size === updates.shape[axis] : size === data.shape[i] || (mayRepeat && size === 1),
        );
      if (!fits(updates, false) || !fits(positions, true))
        throw new UserError(
          "shape",
          `scatter: updates ${formatType(updates)} at positions ${formatType(positions)} do not fit ${formatType(data)} along axis ${axis}.`,
        );
      return [tensorType(data.dtype, data.shape)];
    },
    evaluate: ([data, positions, updates], { axis, reduction }, [type]) => {
      const strides = rowMajorStrides(type!.shape);
      const positionStrides = broadcastStrides(positions!.shape, updates!.shape);
      const result = data!.data.slice();
      forEachIndex(updates!.shape, (index, k) => {
        const position = Number(positions!.data[offsetOf(index, positionStrides)]);
        if (position < 0 || position >= type!.shape[axis]!) return;
        const at = offsetOf(index, strides) + (position - index[axis]!) * strides[axis]!;
        const [old, update] = [Number(result[at]), Number(updates!.data[k])];
        const isWhole = type!.dtype !== "f32" && reduction === "mul";
        result[at] = isWhole ? Math.imul(old, update) : combine[reduction](old, update);
      });
      return [{ ...data!, shape: type!.shape, data: result } as typeof data & object];
    },
  },
  topk: {
    kind: "placement",
    vjp: "none",
    infer(operands, { axis, k }) {
      expectOperands("topk", operands, 1);
      const [operand] = operands as [TensorType];
      expectDType("topk", operand, ["f32", "i32", "u32"] satisfies DType[]);
      expectAxis("topk", axis, operand);
      const size = operand.shape[axis]!;
      if (!Number.isInteger(k) || k < 0 || k > size)
        throw new UserError(
          "argument",
          `topk: k is ${k}, with ${size} elements along axis ${axis} of ${formatType(operand)}.`,
        );
      return [
        tensorType(
          "i32",
          operand.shape.map((own, i) => (i === axis ? k : own)),
        ),
      ];
    },
    evaluate: ([operand], { axis, k, largest }, [type]) => {
      const [from, to] = [rowMajorStrides(operand!.shape), rowMajorStrides(type!.shape)];
      const data = new Int32Array(elementCount(type!.shape));
      const size = operand!.shape[axis]!;
      const lines = operand!.shape.map((own, i) => (i === axis ? 1 : own));
      forEachIndex(k === 0 ? [0] : lines, (index) => {
        const line = Array.from({ length: size }, (_, i) =>
          Number(operand!.data[offsetOf(index, from) + i * from[axis]!]),
        );
        const order = [...line.keys()].sort((i, j) => {
          if (precedes(line[i]!, line[j]!, largest)) return -1;
          return precedes(line[j]!, line[i]!, largest) ? 1 : i - j;
        });
        for (let r = 0; r < k; r++) data[offsetOf(index, to) + r * to[axis]!] = order[r]!;
      });
      return [{ dtype: "i32", shape: type!.shape, data }];
    },
  },
};
