/**
 * A recorded tensor (`input_0.pb`) in the dtype that a caller of the model has it in. Read here anew, not by the
 * importer, so that what the importer makes of element types is compared with something else.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { allocateArray, type HostArray, type HostDType } from "../../src/ir/dtype.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import {
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  type TensorProto,
} from "../../src/import/onnx/schema/onnx_pb.ts";

const dtypes: Readonly<Partial<Record<DataType, HostDType>>> = {
  [DataType.FLOAT]: "f32",
  [DataType.DOUBLE]: "f64",
  [DataType.FLOAT16]: "f16",
  [DataType.INT8]: "i8",
  [DataType.UINT8]: "u8",
  [DataType.INT16]: "i16",
  [DataType.UINT16]: "u16",
  [DataType.INT32]: "i32",
  [DataType.UINT32]: "u32",
  [DataType.INT64]: "i64",
  [DataType.UINT64]: "u64",
  [DataType.BOOL]: "bool",
};

export interface RecordedTensor {
  readonly value: HostTensor;
  /** bf16 has no array and is held as f32; it has 8 bits of precision all the same. */
  readonly isBfloat: boolean;
}

/** @throws Error for element types that no array holds, such as strings */
export function readTensorFile(bytes: Uint8Array): RecordedTensor {
  const proto = fromBinary(TensorProtoSchema, bytes);
  const shape = proto.dims.map(Number);
  const type = proto.dataType as DataType;
  if (type === DataType.BFLOAT16) {
    const words = Uint32Array.from(halfWords(proto), (bits) => bits << 16);
    return { value: tensor(new Float32Array(words.buffer), shape), isBfloat: true };
  }
  const dtype = dtypes[type];
  if (dtype === undefined) throw new Error(`a recorded tensor of ${DataType[type] ?? `type ${type}`}`);
  const data = proto.rawData.length > 0 ? rawElements(proto.rawData, dtype) : typedElements(proto, dtype);
  return { value: tensor(data, shape, dtype), isBfloat: false };
}

function halfWords(proto: TensorProto): Uint16Array | readonly number[] {
  return proto.rawData.length > 0 ? (rawElements(proto.rawData, "u16") as Uint16Array) : proto.int32Data;
}

/** Files are little-endian, as every machine that this runs on. */
function rawElements(bytes: Uint8Array, dtype: HostDType): HostArray {
  const copy = new Uint8Array(bytes).buffer;
  const Elements = allocateArray(dtype, 0).constructor as new (buffer: ArrayBufferLike) => HostArray;
  return new Elements(copy);
}

function typedElements(proto: TensorProto, dtype: HostDType): HostArray | readonly number[] {
  switch (dtype) {
    case "f32":
      return proto.floatData;
    case "f64":
      return Float64Array.from(proto.doubleData);
    case "i64":
      return BigInt64Array.from(proto.int64Data);
    case "u64":
      return BigUint64Array.from(proto.uint64Data);
    case "u32":
      return Uint32Array.from(proto.uint64Data, Number);
    case "f16":
      return Uint16Array.from(proto.int32Data);
    default:
      return proto.int32Data;
  }
}
