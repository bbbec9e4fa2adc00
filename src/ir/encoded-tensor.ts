/**
 * A tensor as a file holds it: little-endian elements in the file's own bytes, at whatever offset they lie, in
 * memory or still on disk. Weights are most of a model, so they are kept like this, uploaded from there, and
 * decoded only for whoever asks for their numbers.
 */
import type { ByteSource } from "./byte-source.ts";
import { elementCount, type Shape } from "./shape.ts";
import type { HostTensor } from "./host-tensor.ts";

export interface EncodedTensor {
  readonly dtype: "f32" | "f16";
  readonly shape: Shape;
  /** Exactly the elements. */
  readonly contents: ByteSource;
}

/** The same tensor as an array: a view where the bytes are in memory and aligned, a copy where they are not. */
export function decodeTensor({ dtype, shape, contents }: EncodedTensor): HostTensor {
  const count = elementCount(shape);
  const size = dtype === "f32" ? 4 : 2;
  const bytes = contents.read();
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const [buffer, offset] = [aligned.buffer as ArrayBuffer, aligned.byteOffset];
  return dtype === "f32"
    ? { dtype, shape, data: new Float32Array(buffer, offset, count) }
    : { dtype, shape, data: new Uint16Array(buffer, offset, count) };
}
