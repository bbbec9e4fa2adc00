/** Pooling over the spatial dimensions of `[N, C, …]`. */
import { UserError } from "../../errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { elementCount, formatShape, rowMajorStrides } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectInteger, expectOperands } from "./check.ts";
import type { OpFamily } from "./op.ts";
import { forEachIndex } from "./walk.ts";
import { checkWindow, windowCount, windowExtent, type WindowAttributes } from "./window.ts";

export interface PoolAttributes extends WindowAttributes {
  readonly kernel: readonly number[];
  /** Round the number of windows up. */
  readonly ceilMode: boolean;
}

export interface PoolOps {
  /** Padding counts as −∞; NaN wins. */
  max_pool: PoolAttributes;
  /** `countIncludePad`: the divisor counts padding, though never what lies beyond it. */
  avg_pool: PoolAttributes & { readonly countIncludePad: boolean };
  /** Window `i` of `o` covers ⌊i·size/o⌋ … ⌈(i+1)·size/o⌉ − 1. */
  adaptive_avg_pool: { readonly outputSize: readonly number[] };
}

function inferWindows(
  name: string,
  operands: readonly TensorType[],
  attributes: PoolAttributes,
): readonly TensorType[] {
  expectOperands(name, operands, 1);
  const [x] = operands as [TensorType];
  expectDType(name, x, ["f32"], "input");
  const spatialRank = attributes.kernel.length;
  if (x.shape.length !== spatialRank + 2) {
    throw new UserError(
      "shape",
      `${name}: input is ${formatType(x)}; expected ${spatialRank + 2} dimensions, batch and channels first.`,
    );
  }
  checkWindow(name, spatialRank, attributes.kernel, attributes);
  const { kernel, stride, padding, dilation, ceilMode } = attributes;
  padding.forEach(([before, after], i) => {
    if (Math.max(before, after) > windowExtent(kernel[i]!, dilation[i]!) / 2) {
      throw new UserError(
        "argument",
        `${name}: padding ${formatShape([before, after])} must be at most half of kernel size ${kernel[i]}, or windows would see padding alone.`,
      );
    }
  });
  const spatial = kernel.map((size, i) =>
    windowCount(x.shape[i + 2]!, size, stride[i]!, padding[i]!, dilation[i]!, ceilMode),
  );
  if (spatial.some((size) => size < 1)) {
    throw new UserError(
      "shape",
      `${name}: kernel ${formatShape(kernel)} is larger than the padded input ${formatType(x)}.`,
    );
  }
  return [tensorType("f32", [...x.shape.slice(0, 2), ...spatial])];
}

/** Runs `fold` over each window's elements inside the input; `positions` lists them per dimension. */
function evaluateWindows(
  x: HostTensor,
  type: TensorType,
  positionsOf: (axis: number, window: number) => readonly number[],
  fold: (values: readonly number[], window: readonly number[]) => number,
): HostTensor[] {
  const data = new Float32Array(elementCount(type.shape));
  const strides = rowMajorStrides(x.shape);
  const spatialRank = type.shape.length - 2;
  forEachIndex(type.shape, (index, position) => {
    let offsets = [index[0]! * strides[0]! + index[1]! * strides[1]!];
    for (let axis = 0; axis < spatialRank; axis++) {
      const along = positionsOf(axis, index[axis + 2]!);
      offsets = offsets.flatMap((base) => along.map((p) => base + p * strides[axis + 2]!));
    }
    data[position] = fold(
      offsets.map((offset) => Number(x.data[offset])),
      index.slice(2),
    );
  });
  return [{ dtype: "f32", shape: type.shape, data }];
}

function windowPositions(
  x: HostTensor,
  attributes: PoolAttributes,
): (axis: number, window: number) => number[] {
  const { kernel, stride, padding, dilation } = attributes;
  return (axis, window) =>
    Array.from(
      { length: kernel[axis]! },
      (_, k) => window * stride[axis]! - padding[axis]![0] + k * dilation[axis]!,
    ).filter((p) => p >= 0 && p < x.shape[axis + 2]!);
}

export const poolOps: OpFamily<PoolOps> = {
  max_pool: {
    kind: "window",
    vjp: "none",
    infer: (operands, attributes) => inferWindows("max_pool", operands, attributes),
    evaluate: ([x], attributes, [type]) =>
      evaluateWindows(x!, type!, windowPositions(x!, attributes), (values) =>
        values.reduce((best, value) => Math.max(best, value), -Infinity),
      ),
  },
  avg_pool: {
    kind: "window",
    vjp: "none",
    infer(operands, attributes) {
      if (attributes.dilation.some((step) => step !== 1)) {
        throw new UserError(
          "argument",
          `avg_pool: dilation ${formatShape(attributes.dilation)} is not defined for averages; expected 1.`,
        );
      }
      return inferWindows("avg_pool", operands, attributes);
    },
    evaluate: ([x], attributes, [type]) =>
      evaluateWindows(x!, type!, windowPositions(x!, attributes), (values, window) => {
        const divisor = attributes.countIncludePad
          ? window.reduce(
              (product, position, axis) =>
                product * paddedExtent(x!.shape[axis + 2]!, attributes, axis, position),
              1,
            )
          : values.length;
        return values.reduce((sum, value) => sum + value, 0) / divisor;
      }),
  },
  adaptive_avg_pool: {
    kind: "window",
    vjp: "none",
    infer(operands, { outputSize }) {
      expectOperands("adaptive_avg_pool", operands, 1);
      const [x] = operands as [TensorType];
      expectDType("adaptive_avg_pool", x, ["f32"], "input");
      if (x.shape.length !== outputSize.length + 2) {
        throw new UserError(
          "shape",
          `adaptive_avg_pool: input is ${formatType(x)}; expected ${outputSize.length + 2} dimensions, batch and channels first.`,
        );
      }
      for (const size of outputSize) expectInteger("adaptive_avg_pool", "output size", size, 1);
      if (x.shape.slice(2).includes(0)) {
        throw new UserError(
          "shape",
          `adaptive_avg_pool: input ${formatType(x)} has a spatial dimension of size 0, and the average of nothing is undefined.`,
        );
      }
      return [tensorType("f32", [...x.shape.slice(0, 2), ...outputSize])];
    },
    evaluate: ([x], { outputSize }, [type]) =>
      evaluateWindows(
        x!,
        type!,
        (axis, window) => {
          const [from, to] = adaptiveWindow(x!.shape[axis + 2]!, outputSize[axis]!, window);
          return Array.from({ length: to - from }, (_, i) => from + i);
        },
        (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
      ),
  },
};

/** First position and one past the last of an adaptive window. */
export function adaptiveWindow(size: number, outputs: number, window: number): [number, number] {
  return [Math.floor((window * size) / outputs), Math.ceil(((window + 1) * size) / outputs)];
}

/** How much of an average window lies in the input or its padding. */
export function paddedExtent(
  size: number,
  { stride, padding, kernel }: PoolAttributes,
  axis: number,
  window: number,
): number {
  const start = window * stride[axis]! - padding[axis]![0];
  return Math.min(start + kernel[axis]!, size + padding[axis]![1]) - start;
}
