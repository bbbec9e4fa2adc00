/** Shape arithmetic: element counts, strides, broadcasting, axes. Shapes are arrays of sizes ≥ 0. */
import { UserError } from "../errors.ts";

/** Sizes of dimensions, outermost first. */
export type Shape = readonly number[];

export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides, in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  }
  return strides;
}

/** NumPy's broadcasting of two shapes, or undefined where they do not match. */
export function broadcastShapes(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const sizeA = a[a.length - rank + i] ?? 1;
    const sizeB = b[b.length - rank + i] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) return undefined;
    result[i] = sizeA === 1 ? sizeB : sizeA;
  }
  return result;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** A possibly negative axis as 0 … rank − 1. A scalar takes the axes of one dimension, as in PyTorch. */
export function normalizeAxis(axis: number, rank: number, asked: string): number {
  const count = Math.max(rank, 1);
  const normalized = axis < 0 ? axis + count : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= count) {
    throw new UserError(
      "argument",
      `${asked}: axis ${axis} is out of range for a tensor of ${rank} dimensions; expected an integer from ${-count} to ${count - 1}.`,
    );
  }
  return normalized;
}

/** Several axes, normalized, ascending, without duplicates; `undefined` means all. Those of a scalar are none. */
export function normalizeAxes(axes: readonly number[] | undefined, rank: number, asked: string): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const normalized = axes.map((axis) => normalizeAxis(axis, rank, asked));
  if (new Set(normalized).size !== normalized.length) {
    throw new UserError("argument", `${asked}: axes [${axes.join(", ")}] name one axis twice.`);
  }
  return rank === 0 ? [] : normalized.sort((a, b) => a - b);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}
