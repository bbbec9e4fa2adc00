/**
 * The element types a safetensors file may hold and the host dtype each is read as: bytes in (little-endian,
 * at any alignment), a host array of its own memory out. Narrow types widen without loss; only F64 is rounded.
 */
import type { HostArray, HostDType } from "../ir/dtype.ts";
import { decodeHalves } from "../ir/half.ts";

interface FileDType {
  readonly elementBytes: number;
  readonly hostDType: HostDType;
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => HostArray;
}

export const fileDTypes: ReadonlyMap<string, FileDType> = new Map<string, FileDType>([
  ["F32", { elementBytes: 4, hostDType: "f32", decode: (bytes) => new Float32Array(copy(bytes)) }],
  ["I64", { elementBytes: 8, hostDType: "i64", decode: (bytes) => new BigInt64Array(copy(bytes)) }],
  ["U64", { elementBytes: 8, hostDType: "u64", decode: (bytes) => new BigUint64Array(copy(bytes)) }],
  ["I32", { elementBytes: 4, hostDType: "i32", decode: (bytes) => new Int32Array(copy(bytes)) }],
  ["U32", { elementBytes: 4, hostDType: "u32", decode: (bytes) => new Uint32Array(copy(bytes)) }],
  ["BOOL", { elementBytes: 1, hostDType: "bool", decode: (bytes) => new Uint8Array(copy(bytes)) }],
  [
    "F64",
    { elementBytes: 8, hostDType: "f32", decode: (bytes) => new Float32Array(new Float64Array(copy(bytes))) },
  ],
  [
    "F16",
    { elementBytes: 2, hostDType: "f32", decode: (bytes) => decodeHalves(new Uint16Array(copy(bytes))) },
  ],
  [
    "BF16",
    { elementBytes: 2, hostDType: "f32", decode: (bytes) => decodeBrainFloats(new Uint16Array(copy(bytes))) },
  ],
  [
    "I8",
    { elementBytes: 1, hostDType: "i32", decode: (bytes) => new Int32Array(new Int8Array(copy(bytes))) },
  ],
  [
    "U8",
    { elementBytes: 1, hostDType: "i32", decode: (bytes) => new Int32Array(new Uint8Array(copy(bytes))) },
  ],
  [
    "I16",
    { elementBytes: 2, hostDType: "i32", decode: (bytes) => new Int32Array(new Int16Array(copy(bytes))) },
  ],
  [
    "U16",
    { elementBytes: 2, hostDType: "i32", decode: (bytes) => new Int32Array(new Uint16Array(copy(bytes))) },
  ],
]);

/** The file dtype that stores a host dtype as it is. */
export const fileDTypeOf: Readonly<Record<HostDType, string>> = {
  f32: "F32",
  i32: "I32",
  u32: "U32",
  bool: "BOOL",
  f16: "F16",
  f64: "F64",
  i8: "I8",
  u8: "U8",
  i16: "I16",
  u16: "U16",
  i64: "I64",
  u64: "U64",
};

/** A buffer of the bytes alone, so that any element type may view it. */
function copy(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** bfloat16: the upper half of a binary32. */
function decodeBrainFloats(uppers: Uint16Array): Float32Array {
  const bits = new Uint32Array(uppers.length);
  for (let i = 0; i < uppers.length; i++) bits[i] = uppers[i]! << 16;
  return new Float32Array(bits.buffer);
}
