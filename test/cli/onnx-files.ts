/** Small ONNX files for the tests of the command, in a folder of their own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll } from "vitest";
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type GraphProtoSchema,
} from "../../src/import/onnx/schema/onnx_pb.ts";

type GraphInit = MessageInitShape<typeof GraphProtoSchema>;

/** A folder that goes away after the tests of a file; gives the paths of files in it. */
export function scratchFolder(): {
  path: (name: string) => string;
  write: (name: string, content: Uint8Array | string) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), "heddle-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  return {
    path,
    write(name, content) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
      return path(name);
    },
  };
}

export function onnxFile(graph: GraphInit): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: "heddle-tests",
      opsetImport: [{ domain: "", version: 17n }],
      graph: { name: "g", ...graph },
    }),
  );
}

export function floatTensor(
  name: string,
  shape: readonly (number | string)[],
  elemType = TensorProto_DataType.FLOAT,
) {
  const dim = shape.map((size) =>
    typeof size === "number"
      ? { value: { case: "dimValue", value: BigInt(size) } as const }
      : { value: { case: "dimParam", value: size } as const },
  );
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

/** y = x + w, w in a file beside the model. */
export function modelWithExternalData(location: string): Uint8Array {
  return onnxFile({
    node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
    input: [floatTensor("x", [2])],
    output: [floatTensor("y", [2])],
    initializer: [
      {
        name: "w",
        dims: [2n],
        dataType: TensorProto_DataType.FLOAT,
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: [{ key: "location", value: location }],
      },
    ],
  });
}
