/** Host tensors as they lie in device memory. */
import { MemoryBytes, type ByteSource } from "../ir/byte-source.ts";
import type { DType } from "../ir/dtype.ts";
import { entersAsWords } from "../ir/half-words.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { graphTensor } from "../ir/trace.ts";

/** A host tensor of a graph's dtype as it lies in device memory: bool as u32. */
export function deviceBytes(tensor: HostTensor<DType>): Uint8Array {
  const data = tensor.dtype === "bool" ? Uint32Array.from(tensor.data as Uint8Array) : tensor.data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A stored tensor's value as it lies in device memory: a file's own bytes where those are it. */
export function storedBytes(stored: Stored, name: string): ByteSource {
  const isSame = ["f32", "i32", "u32"].includes(stored.dtype) || entersAsWords(stored);
  return isSame ? stored.contents : new MemoryBytes(deviceBytes(graphTensor(stored.value, name)));
}
