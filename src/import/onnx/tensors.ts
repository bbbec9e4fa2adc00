/**
 * ONNX tensors to host tensors: raw bytes, typed fields or external data. f32 and f16 stay the file's bytes; bf16
 * and f64 become f32, small integers i32; 64-bit integers stay so until they enter a graph. Sizes are checked
 * before anything is allocated.
 */
import { UserError } from "../../errors.ts";
import { givenBytes } from "../../ir/given-bytes.ts";
import type { HostDType } from "../../ir/dtype.ts";
import { allocateArray } from "../../ir/dtype.ts";
import { MemoryBytes, type ByteSource } from "../../ir/byte-source.ts";
import { decodeTensor, type EncodedTensor } from "../../ir/encoded-tensor.ts";
import type { HostTensor } from "../../ir/host-tensor.ts";
import { halfToNumber } from "../../ir/half.ts";
import { elementCount, formatShape } from "../../ir/shape.ts";
import { shortText } from "../../ir/short-text.ts";
import { graphTensor } from "../../ir/trace.ts";
import {
  TensorProto_DataLocation,
  TensorProto_DataType as DataType,
  type TensorProto,
} from "./schema/onnx_pb.ts";

/** Gives the bytes of a file beside the model. Names that leave the model's folder never get here. */
export type ExternalData = (name: string) => Uint8Array;

/** Where the elements of tensors are that lie outside the message. */
export interface TensorFiles {
  /** Raw data that was left in the model's file. */
  readonly rawData?: ReadonlyMap<TensorProto, ByteSource>;
  readonly externalData?: ((name: string) => Uint8Array | ArrayBuffer | ByteSource) | undefined;
}

/**
 * Shorter data does not stay on disk: folding computes with it, perhaps often, and reading it again would take
 * longer than it is worth.
 */
export const leastLeftBytes = 2 ** 15;

interface Format {
  readonly dtype: HostDType;
  readonly bytes: number;
  readonly read: (view: DataView, offset: number) => number | bigint;
}

const formats: Readonly<Partial<Record<DataType, Format>>> = {
  [DataType.FLOAT]: { dtype: "f32", bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  [DataType.DOUBLE]: { dtype: "f32", bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  [DataType.FLOAT16]: { dtype: "f32", bytes: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  [DataType.BFLOAT16]: {
    dtype: "f32",
    bytes: 2,
    read: (view, at) => bfloatToNumber(view.getUint16(at, true)),
  },
  [DataType.INT64]: { dtype: "i64", bytes: 8, read: (view, at) => view.getBigInt64(at, true) },
  [DataType.UINT64]: { dtype: "u64", bytes: 8, read: (view, at) => view.getBigUint64(at, true) },
  [DataType.INT32]: { dtype: "i32", bytes: 4, read: (view, at) => view.getInt32(at, true) },
  [DataType.INT16]: { dtype: "i32", bytes: 2, read: (view, at) => view.getInt16(at, true) },
  [DataType.INT8]: { dtype: "i32", bytes: 1, read: (view, at) => view.getInt8(at) },
  [DataType.UINT8]: { dtype: "i32", bytes: 1, read: (view, at) => view.getUint8(at) },
  [DataType.UINT16]: { dtype: "i32", bytes: 2, read: (view, at) => view.getUint16(at, true) },
  [DataType.UINT32]: { dtype: "u32", bytes: 4, read: (view, at) => view.getUint32(at, true) },
  [DataType.BOOL]: { dtype: "bool", bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

/** Types of fewer than 16 bits that came later, of which the schema here has no names. */
const laterTypes: ReadonlyMap<number, string> = new Map(
  "FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ UINT4 INT4 FLOAT4E2M1 FLOAT8E8M0 UINT2 INT2"
    .split(" ")
    .map((name, i) => [17 + i, name]),
);

/** The name ONNX has for an element type. */
export function elementTypeName(type: number): string {
  return DataType[type] ?? laterTypes.get(type) ?? `type ${type}`;
}

/** Whether there is such a type in ONNX, supported or not. */
export function isElementType(type: number): boolean {
  return type !== 0 && (DataType[type] !== undefined || laterTypes.has(type));
}

/** The dtype a graph value of an ONNX element type has; undefined where it is not supported. */
export function dtypeOfElementType(type: number): HostDType | undefined {
  return formats[type as DataType]?.dtype;
}

const declared: Readonly<Partial<Record<DataType, HostDType>>> = {
  [DataType.DOUBLE]: "f64",
  [DataType.FLOAT16]: "f16",
  [DataType.INT16]: "i16",
  [DataType.INT8]: "i8",
  [DataType.UINT8]: "u8",
  [DataType.UINT16]: "u16",
};

/** The dtype in which callers pass and get an ONNX element type; bf16, which has no array, goes as f32. */
export function declaredDType(type: number): HostDType | undefined {
  return declared[type as DataType] ?? dtypeOfElementType(type);
}

const limits: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  [DataType.UINT8]: [0, 255],
  [DataType.INT8]: [-128, 127],
  [DataType.UINT16]: [0, 65535],
  [DataType.INT16]: [-32768, 32767],
};

/** Least and greatest value of an integer type of fewer than 32 bits; undefined for all others. */
export function integerLimits(type: number | undefined): readonly [number, number] | undefined {
  return type === undefined ? undefined : limits[type as DataType];
}

/** Bytes of one element in the file; undefined for types that are not supported. */
export function bytesOfElementType(type: number): number | undefined {
  return formats[type as DataType]?.bytes;
}

/** A tensor that is all in the message, as an array. */
export function readTensor(proto: TensorProto): HostTensor {
  const read = readEncoded(proto, {});
  return "contents" in read ? knownTensor(read) : read;
}

/** Elements to compute with while importing: f16 as f32. */
export function knownTensor(encoded: EncodedTensor): HostTensor {
  const value = decodeTensor(encoded);
  return value.dtype === "f16" ? graphTensor(value, "onnx") : value;
}

/** The tensor, left as the file's bytes, and those where they are, if they are what a weight keeps. */
export function readEncoded(proto: TensorProto, files: TensorFiles): HostTensor | EncodedTensor {
  const name = `tensor '${proto.name}'`;
  const format = formats[proto.dataType as DataType];
  if (format === undefined) {
    throw new UserError(
      "unsupported",
      `onnx: ${name} holds ${elementTypeName(proto.dataType)}, which is not supported.`,
    );
  }
  const shape = proto.dims.map((size) => checkedSize(size, name));
  const count = elementCount(shape);
  if (count >= 2 ** 31)
    throw new UserError(
      "file-format",
      `onnx: ${name} has shape ${formatShape(shape)}, 2^31 elements or more.`,
    );
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    return decode(externalBytes(proto, name, count * format.bytes, files.externalData), format, shape, name);
  }
  const rawData = files.rawData?.get(proto) ?? new MemoryBytes(proto.rawData);
  if (rawData.byteLength > 0 || count === 0) return decode(rawData, format, shape, name);
  return fromTypedFields(proto, format, shape, name);
}

function checkedSize(size: bigint, name: string): number {
  if (size < 0n || size >= 2n ** 31n)
    throw new UserError("file-format", `onnx: ${name} has a dimension of size ${size}.`);
  return Number(size);
}

function decode(
  source: ByteSource,
  format: Format,
  shape: readonly number[],
  name: string,
): HostTensor | EncodedTensor {
  const count = elementCount(shape);
  if (source.byteLength !== count * format.bytes) {
    throw new UserError(
      "file-format",
      `onnx: ${name} with shape ${formatShape(shape)} needs ${count * format.bytes} bytes, but has ${source.byteLength}. The file may be truncated.`,
    );
  }
  const contents = source.byteLength < leastLeftBytes ? new MemoryBytes(source.read()) : source;
  if (format === formats[DataType.FLOAT]) return { dtype: "f32", shape, contents };
  if (format === formats[DataType.FLOAT16]) return { dtype: "f16", shape, contents };
  const bytes = contents.read();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = allocateArray(format.dtype, count);
  for (let i = 0; i < count; i++) data[i] = format.read(view, i * format.bytes) as never;
  return { dtype: format.dtype, shape, data };
}

/** Elements in the protobuf's own fields; which one depends on the type. */
function fromTypedFields(
  proto: TensorProto,
  format: Format,
  shape: readonly number[],
  name: string,
): HostTensor {
  const type = proto.dataType as DataType;
  const values = typedField(proto, type);
  const count = elementCount(shape);
  if (values.length !== count) {
    throw new UserError(
      "file-format",
      `onnx: ${name} with shape ${formatShape(shape)} needs ${count} elements, but has ${values.length}.`,
    );
  }
  const [least, greatest] = fieldLimits[type] ?? [];
  const outside = least === undefined ? -1 : values.findIndex((value) => value < least || value > greatest!);
  if (outside >= 0) {
    throw new UserError(
      "file-format",
      `onnx: ${name} is ${elementTypeName(type)}, but element ${outside} is ${values[outside]}, expected ${least} to ${greatest}.`,
    );
  }
  const convert = fieldConversions[type];
  const data = allocateArray(format.dtype, count);
  for (let i = 0; i < count; i++)
    data[i] = (
      data instanceof BigInt64Array || data instanceof BigUint64Array
        ? BigInt(values[i]!)
        : convert === undefined
          ? Number(values[i]!)
          : convert(Number(values[i]!))
    ) as never;
  return { dtype: format.dtype, shape, data };
}

function typedField(proto: TensorProto, type: DataType): readonly (number | bigint)[] {
  switch (type) {
    case DataType.FLOAT:
      return proto.floatData;
    case DataType.DOUBLE:
      return proto.doubleData;
    case DataType.INT64:
      return proto.int64Data;
    case DataType.UINT32:
    case DataType.UINT64:
      return proto.uint64Data;
    default:
      return proto.int32Data;
  }
}

/** Fields are wider than some types in them. Bits of 16 may be there with or without a sign; no writer means others. */
const fieldLimits: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  ...limits,
  [DataType.UINT32]: [0, 2 ** 32 - 1],
  [DataType.FLOAT16]: [-(2 ** 15), 2 ** 16 - 1],
  [DataType.BFLOAT16]: [-(2 ** 15), 2 ** 16 - 1],
};

/** Any number but 0 is true, in a field as in raw bytes. */
const fieldConversions: Readonly<Partial<Record<DataType, (value: number) => number>>> = {
  [DataType.BOOL]: (value) => (value === 0 ? 0 : 1),
  [DataType.FLOAT16]: (bits) => halfToNumber(bits & 0xffff),
  [DataType.BFLOAT16]: bfloatToNumber,
};

function externalBytes(
  proto: TensorProto,
  name: string,
  expected: number,
  external: TensorFiles["externalData"],
): ByteSource {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  const parts = location.split(/[\\/]/);
  if (
    location === "" ||
    /^([\\/]|[A-Za-z]:)/.test(location) ||
    parts.includes("..") ||
    location.includes("\0")
  ) {
    throw new UserError(
      "file-format",
      `onnx: ${name} names external data at ${shortText(location, 200)}, outside the model's folder.`,
    );
  }
  if (external === undefined) {
    throw new UserError(
      "argument",
      `onnx: ${name} is in the file ${shortText(location, 200)} beside the model; pass externalData to importOnnx.`,
    );
  }
  const found = external(location);
  const isSource = typeof found === "object" && found !== null && "parts" in found;
  const file = isSource
    ? (found as ByteSource)
    : new MemoryBytes(givenBytes(`onnx: externalData(${shortText(location, 200)}), for ${name}`, found));
  const offset = wholeNumber(entries.get("offset") ?? "0");
  // Some writers say 0 for "all of it".
  const given = wholeNumber(entries.get("length") ?? "0");
  const length = given === 0 ? expected : given;
  if (offset === undefined || length !== expected || offset + length > file.byteLength) {
    const place =
      offset === undefined
        ? `from offset ${shortText(entries.get("offset"))} on, which is no whole number in decimal,`
        : `${offset} … ${offset + expected}`;
    throw new UserError(
      "file-format",
      `onnx: ${name} needs bytes ${place} of ${shortText(location, 200)}, which has ${file.byteLength} (length given: ${entries.get("length") ?? expected}).`,
    );
  }
  return file.slice(offset, offset + length);
}

/** A number as the specification has it in text: decimal digits and no more. */
function wholeNumber(text: string): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

function bfloatToNumber(bits: number): number {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint32(0, (bits & 0xffff) << 16);
  return word.getFloat32(0);
}
