/**
 * The type of a graph value: dtype, logical shape, and the order its dimensions have in memory.
 *
 * Shapes are always logical (NCHW for images); `layout` lists the dimensions from slowest to fastest in
 * memory and is left out when that is 0, 1, 2 …  A channels-last image is `f32[1,64,56,56]{0,2,3,1}`.
 * No op's meaning depends on a layout: only the addresses in its kernel do.
 */
import { deviceElementBytes, type DType } from "./dtype.ts";
import { elementCount, formatShape, sameShape, type Shape } from "./shape.ts";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly layout?: readonly number[];
}

export function tensorType(dtype: DType, shape: Shape, layout?: readonly number[]): TensorType {
  const isRowMajor = layout === undefined || layout.every((axis, position) => axis === position);
  return isRowMajor ? { dtype, shape } : { dtype, shape, layout };
}

/** Dimensions from slowest to fastest. */
export function layoutOf(type: TensorType): readonly number[] {
  return type.layout ?? type.shape.map((_, axis) => axis);
}

/** Elements between neighbours along each logical dimension. */
export function stridesOf(type: TensorType): number[] {
  const strides = new Array<number>(type.shape.length).fill(1);
  let stride = 1;
  for (const axis of [...layoutOf(type)].reverse()) {
    strides[axis] = stride;
    stride *= type.shape[axis]!;
  }
  return strides;
}

/** The layout whose fastest dimension is the channel dimension, 1. */
export function channelsLast(rank: number): readonly number[] {
  return [0, ...Array.from({ length: Math.max(rank - 2, 0) }, (_, i) => i + 2), ...(rank > 1 ? [1] : [])];
}

export function sizeBytes(type: TensorType): number {
  return elementCount(type.shape) * deviceElementBytes;
}

export function sameLayout(a: TensorType, b: TensorType): boolean {
  return sameShape(layoutOf(a), layoutOf(b));
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape) && sameLayout(a, b);
}

/** `f32[1,64,56,56]{0,2,3,1}`. */
export function formatType(type: TensorType): string {
  const layout = type.layout === undefined ? "" : `{${type.layout.join(",")}}`;
  return `${type.dtype}${formatShape(type.shape)}${layout}`;
}
