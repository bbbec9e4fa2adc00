/** Walking tensors by index, for the reference semantics. Clarity over speed. */
import { rowMajorStrides, type Shape } from "../shape.ts";

/** Calls `visit` with every index of `shape` in row-major order; the array is reused between calls. */
export function forEachIndex(
  shape: Shape,
  visit: (index: readonly number[], position: number) => void,
): void {
  const total = shape.reduce((product, size) => product * size, 1);
  const index = new Array<number>(shape.length).fill(0);
  for (let position = 0; position < total; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Strides that read a tensor of `shape` as if broadcast to `target`: 0 along repeated axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const own = rowMajorStrides(shape);
  return target.map((_, axis) => {
    const ownAxis = axis - (target.length - shape.length);
    return ownAxis < 0 || shape[ownAxis] === 1 ? 0 : own[ownAxis]!;
  });
}

export function offsetOf(index: readonly number[], strides: readonly number[]): number {
  let offset = 0;
  for (let axis = 0; axis < strides.length; axis++) offset += index[axis]! * strides[axis]!;
  return offset;
}
