/** Ops that move elements: each result element is one operand element at another index, or a fill value. */
import { UserError } from "../../errors.ts";
import { allocateArray } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import { broadcastShapes, elementCount, formatShape, rowMajorStrides, sameShape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectInteger, expectOperands, expectSameDType } from "./check.ts";
import type { OpFamily } from "./op.ts";
import { broadcastStrides, forEachIndex, offsetOf } from "./walk.ts";

export interface MovementOps {
  /** The same elements in row-major order, in another shape. */
  reshape: { readonly shape: readonly number[] };
  /** Result axis `i` is operand axis `axes[i]`. */
  permute: { readonly axes: readonly number[] };
  /** NumPy broadcasting to `shape`. */
  broadcast: { readonly shape: readonly number[] };
  /**
   * Elements `start[i], start[i] + step[i], …` (`size[i]` of them) along each axis; steps may be negative.
   * `inPlace` asks the planner to have the elements read where they lie; it means nothing else.
   */
  slice: {
    readonly start: readonly number[];
    readonly size: readonly number[];
    readonly step: readonly number[];
    readonly inPlace?: true;
  };
  /** `inPlace` asks the planner to have the operands written into the result's buffer; it means nothing else. */
  concat: { readonly axis: number; readonly inPlace?: true };
  /** `padding[i]` elements before and after axis `i`, filled with `value`; not negative. */
  pad: { readonly padding: readonly (readonly [number, number])[]; readonly value: number };
  /**
   * `(x, indices)`: slices of `x` along `axis`; the result has the indices' dimensions in its place. Negative
   * indices count from the end; those outside are taken as the nearest one inside.
   */
  gather: { readonly axis: number };
  /** The same value in another memory layout. */
  relayout: { readonly layout: readonly number[] };
}

/** A result gathered from one operand: `source` maps a result index to an operand offset. */
function gatherElements(
  operand: HostTensor,
  type: TensorType,
  source: (index: readonly number[]) => number,
): HostTensor[] {
  const data = allocateArray(type.dtype, elementCount(type.shape));
  forEachIndex(type.shape, (index, position) => {
    data[position] = operand.data[source(index)] as number;
  });
  return [{ dtype: type.dtype, shape: type.shape, data }];
}

function expectRank(op: string, name: string, list: readonly unknown[], operand: TensorType): void {
  if (list.length !== operand.shape.length) {
    throw new UserError(
      "argument",
      `${op}: ${name} has ${list.length} entries, but the operand is ${formatType(operand)}; expected one a dimension.`,
    );
  }
}

function isPermutation(axes: readonly number[]): boolean {
  return [...axes].sort((a, b) => a - b).every((axis, position) => axis === position);
}

export const movementOps: OpFamily<MovementOps> = {
  reshape: {
    kind: "movement",
    vjp: "none",
    infer(operands, { shape }) {
      expectOperands("reshape", operands, 1);
      const [operand] = operands as [TensorType];
      if (
        shape.some((size) => !Number.isInteger(size) || size < 0) ||
        elementCount(shape) !== elementCount(operand.shape)
      ) {
        throw new UserError(
          "shape",
          `reshape: ${formatType(operand)} has ${elementCount(operand.shape)} elements, which do not fit shape ${formatShape(shape)}.`,
        );
      }
      return [tensorType(operand.dtype, shape)];
    },
    evaluate: ([operand], _, [type]) => [{ ...operand!, shape: type!.shape }],
  },

  permute: {
    kind: "movement",
    vjp: "none",
    infer(operands, { axes }) {
      expectOperands("permute", operands, 1);
      const [operand] = operands as [TensorType];
      expectRank("permute", "axes", axes, operand);
      if (!isPermutation(axes)) {
        throw new UserError(
          "argument",
          `permute: axes [${axes.join(", ")}] must name each of the ${axes.length} dimensions once.`,
        );
      }
      return [
        tensorType(
          operand.dtype,
          axes.map((axis) => operand.shape[axis]!),
        ),
      ];
    },
    evaluate: ([operand], { axes }, [type]) => {
      const own = rowMajorStrides(operand!.shape);
      const strides = axes.map((axis) => own[axis]!);
      return gatherElements(operand!, type!, (index) => offsetOf(index, strides));
    },
  },

  broadcast: {
    kind: "movement",
    vjp: "none",
    infer(operands, { shape }) {
      expectOperands("broadcast", operands, 1);
      const [operand] = operands as [TensorType];
      const joined = broadcastShapes(operand.shape, shape);
      const isShape = shape.every((size) => Number.isInteger(size) && size >= 0);
      if (!isShape || joined === undefined || !sameShape(joined, shape)) {
        throw new UserError(
          "shape",
          `broadcast: ${formatType(operand)} does not expand to ${formatShape(shape)}: aligned at the right, sizes must be equal or 1.`,
        );
      }
      return [tensorType(operand.dtype, shape)];
    },
    evaluate: ([operand], _, [type]) => {
      const strides = broadcastStrides(operand!.shape, type!.shape);
      return gatherElements(operand!, type!, (index) => offsetOf(index, strides));
    },
  },

  slice: {
    kind: "movement",
    vjp: "none",
    infer(operands, { start, size, step }) {
      expectOperands("slice", operands, 1);
      const [operand] = operands as [TensorType];
      for (const [name, list] of Object.entries({ start, size, step }))
        expectRank("slice", name, list, operand);
      operand.shape.forEach((extent, axis) => {
        const first = start[axis]!;
        const last = first + (size[axis]! - 1) * step[axis]!;
        const inside = (position: number) => position >= 0 && position < extent;
        const areIntegers = [first, last, step[axis]!].every(Number.isInteger) && size[axis]! >= 0;
        if (!areIntegers || step[axis] === 0 || (size[axis]! > 0 && !(inside(first) && inside(last)))) {
          throw new UserError(
            "argument",
            `slice: along dimension ${axis}, ${size[axis]} elements from ${first} with step ${step[axis]} leave ${formatType(operand)}.`,
          );
        }
      });
      return [tensorType(operand.dtype, size)];
    },
    evaluate: ([operand], { start, step }, [type]) => {
      const strides = rowMajorStrides(operand!.shape);
      return gatherElements(operand!, type!, (index) =>
        offsetOf(
          index.map((position, axis) => start[axis]! + position * step[axis]!),
          strides,
        ),
      );
    },
  },

  concat: {
    kind: "movement",
    vjp: "none",
    infer(operands, { axis }) {
      const dtype = expectSameDType("concat", operands);
      const [first] = operands as [TensorType];
      const shape = [...first.shape];
      if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) {
        throw new UserError("argument", `concat: axis ${axis} is not a dimension of ${formatType(first)}.`);
      }
      shape[axis] = 0;
      for (const operand of operands) {
        const fits =
          operand.shape.length === shape.length &&
          operand.shape.every((size, i) => i === axis || size === first.shape[i]);
        if (!fits)
          throw new UserError(
            "shape",
            `concat: ${operands.map(formatType).join(", ")} must agree in every dimension but ${axis}.`,
          );
        shape[axis]! += operand.shape[axis]!;
      }
      return [tensorType(dtype, shape)];
    },
    evaluate: (operands, { axis }, [type]) => {
      const data = allocateArray(type!.dtype, elementCount(type!.shape));
      const strides = rowMajorStrides(type!.shape);
      let offset = 0;
      for (const operand of operands) {
        const base = offset * strides[axis]!;
        forEachIndex(operand.shape, (index, position) => {
          data[base + offsetOf(index, strides)] = operand.data[position] as number;
        });
        offset += operand.shape[axis]!;
      }
      return [{ dtype: type!.dtype, shape: type!.shape, data }];
    },
  },

  pad: {
    kind: "movement",
    vjp: "none",
    infer(operands, { padding }) {
      expectOperands("pad", operands, 1);
      const [operand] = operands as [TensorType];
      expectRank("pad", "padding", padding, operand);
      for (const pair of padding) for (const amount of pair) expectInteger("pad", "padding", amount, 0);
      return [
        tensorType(
          operand.dtype,
          operand.shape.map((size, axis) => size + padding[axis]![0] + padding[axis]![1]),
        ),
      ];
    },
    evaluate: ([operand], { padding, value }, [type]) => {
      const data = allocateArray(type!.dtype, elementCount(type!.shape)).fill(value as never);
      const strides = rowMajorStrides(type!.shape);
      const base = offsetOf(
        padding.map(([before]) => before),
        strides,
      );
      forEachIndex(operand!.shape, (index, position) => {
        data[base + offsetOf(index, strides)] = operand!.data[position] as number;
      });
      return [{ dtype: type!.dtype, shape: type!.shape, data }];
    },
  },

  gather: {
    kind: "movement",
    vjp: "none",
    infer(operands, { axis }) {
      expectOperands("gather", operands, 2);
      const [x, indices] = operands as [TensorType, TensorType];
      expectDType("gather", indices, ["i32"], "indices");
      if (!Number.isInteger(axis) || axis < 0 || axis >= x.shape.length) {
        throw new UserError("argument", `gather: axis ${axis} is not a dimension of ${formatType(x)}.`);
      }
      if (x.shape[axis] === 0 && elementCount(indices.shape) > 0) {
        throw new UserError("shape", `gather: ${formatType(x)} has no elements along ${axis} to take.`);
      }
      return [tensorType(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])];
    },
    evaluate: ([x, indices], { axis }, [type]) => {
      const strides = rowMajorStrides(x!.shape);
      const indexStrides = rowMajorStrides(indices!.shape);
      const rank = indices!.shape.length;
      const size = x!.shape[axis]!;
      return gatherElements(x!, type!, (index) => {
        const position = Number(indices!.data[offsetOf(index.slice(axis, axis + rank), indexStrides)]);
        const wrapped = position < 0 ? position + size : position;
        const inside = Math.min(Math.max(wrapped, 0), size - 1);
        return offsetOf([...index.slice(0, axis), inside, ...index.slice(axis + rank)], strides);
      });
    },
  },

  relayout: {
    kind: "movement",
    vjp: "none",
    infer(operands, { layout }) {
      expectOperands("relayout", operands, 1);
      const [operand] = operands as [TensorType];
      expectRank("relayout", "layout", layout, operand);
      const type = tensorType(operand.dtype, operand.shape, layout);
      if (!isPermutation(layout))
        throw new UserError("argument", `relayout: {${layout.join(",")}} is not an order of dimensions.`);
      return [type];
    },
    evaluate: ([operand]) => [operand!],
  },
};
