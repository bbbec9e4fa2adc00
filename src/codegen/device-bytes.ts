/** Host tensors as they lie in device memory. */
import type { HostTensor } from "../ir/host-tensor.ts";

/** A host tensor as it lies in device memory: bool as u32, i64 never gets here. */
export function deviceBytes(tensor: HostTensor): Uint8Array {
  const data = tensor.dtype === "bool" ? Uint32Array.from(tensor.data as Uint8Array) : tensor.data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
