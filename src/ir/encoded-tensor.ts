/**
 * A tensor as a file holds it: little-endian elements in the file's own bytes, at whatever offset they lie.
 * Weights are most of a model, so they are kept like this, uploaded from there, and decoded only for whoever
 * asks for their numbers.
 */
import { elementCount, type Shape } from "./shape.ts";
import type { HostTensor } from "./host-tensor.ts";

export interface EncodedTensor {
  readonly dtype: "f32" | "f16";
  readonly shape: Shape;
  /** Exactly the elements; other tensors may lie in the same buffer. */
  readonly bytes: Uint8Array;
}

/** The same tensor as an array: a view where the bytes are aligned, a copy where they are not. */
export function decodeTensor({ dtype, shape, bytes }: EncodedTensor): HostTensor {
  const count = elementCount(shape);
  const size = dtype === "f32" ? 4 : 2;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const [buffer, offset] = [aligned.buffer as ArrayBuffer, aligned.byteOffset];
  return dtype === "f32"
    ? { dtype, shape, data: new Float32Array(buffer, offset, count) }
    : { dtype, shape, data: new Uint16Array(buffer, offset, count) };
}
