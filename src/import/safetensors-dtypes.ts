/**
 * The element types a safetensors file may hold and the host dtype each is read as: bytes in (little-endian,
 * at any alignment), a host array of its own memory out. Narrow types widen without loss; only F64 is rounded.
 */
import { allocateArray, type HostArray, type HostDType } from "../ir/dtype.ts";

interface FileDType {
  readonly elementBytes: number;
  readonly hostDType: HostDType;
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => HostArray;
}

export const fileDTypes: ReadonlyMap<string, FileDType> = new Map<string, FileDType>([
  ["F32", { elementBytes: 4, hostDType: "f32", decode: (bytes) => new Float32Array(copy(bytes)) }],
  ["I64", { elementBytes: 8, hostDType: "i64", decode: (bytes) => new BigInt64Array(copy(bytes)) }],
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
  i64: "I64",
};

/** A buffer of the bytes alone, so that any element type may view it. */
function copy(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
function decodeHalves(halves: Uint16Array): Float32Array {
  const result = allocateArray("f32", halves.length);
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i]!;
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Infinity
          : NaN
        : exponent === 0
          ? fraction * 2 ** -14
          : (1 + fraction) * 2 ** (exponent - 15);
    result[i] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return result;
}

/** bfloat16: the upper half of a binary32. */
function decodeBrainFloats(uppers: Uint16Array): Float32Array {
  const bits = new Uint32Array(uppers.length);
  for (let i = 0; i < uppers.length; i++) bits[i] = uppers[i]! << 16;
  return new Float32Array(bits.buffer);
}
