/** The bytes of an ONNX file to the message that protobuf makes of them. */
import { fromBinary } from "@bufbuild/protobuf";
import { UserError } from "../../errors.ts";
import type { ByteSource } from "../../ir/byte-source.ts";
import { ModelProtoSchema, type ModelProto, type TensorProto } from "./schema/onnx_pb.ts";

/** A parsed model, and where the raw data of tensors lies that was left out of the message. */
export interface ParsedModel {
  readonly proto: ModelProto;
  readonly rawData: ReadonlyMap<TensorProto, ByteSource>;
}

/** @throws UserError (`file-format`) when the bytes are not an ONNX model */
export function parseModel(bytes: Uint8Array): ParsedModel {
  try {
    return { proto: fromBinary(ModelProtoSchema, bytes), rawData: new Map() };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      "file-format",
      `onnx: the file is not a readable ONNX model (${reason}). It may be truncated or damaged.`,
      {},
      { cause },
    );
  }
}
