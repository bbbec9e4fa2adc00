/** Makes ONNX files from a few words, right or wrong, for tests of what the importer accepts. */
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  TensorProto_DataType as DataType,
  type AttributeProtoSchema,
  type FunctionProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "../../../src/import/onnx/schema/onnx_pb.ts";

/** A node in parts that tests change. */
export interface NodeParts {
  readonly opType: string;
  readonly name: string;
  readonly domain?: string;
  readonly input: string[];
  readonly output: string[];
  readonly attribute: AttributeInit[];
}

type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type ValueInit = MessageInitShape<typeof ValueInfoProtoSchema>;
export type FunctionInit = MessageInitShape<typeof FunctionProtoSchema>;
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;

export interface ModelParts {
  readonly nodes: readonly NodeParts[];
  readonly inputs?: readonly ValueInit[];
  readonly outputs?: readonly ValueInit[];
  readonly initializers?: readonly TensorInit[];
  readonly opset?: number;
  readonly producer?: string;
  readonly functions?: readonly FunctionInit[];
}

/** By default: input `x f32[2,3]`, output `y`, operator set 18. */
export function modelBytes({
  nodes,
  inputs = [value("x", [2, 3])],
  outputs = [value("y", [2, 3])],
  initializers = [],
  opset = 18,
  producer = "",
  functions = [],
}: ModelParts): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: producer,
    functions: [...functions],
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: {
      name: "test",
      node: [...nodes],
      input: [...inputs],
      output: [...outputs],
      initializer: [...initializers],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

export function node(
  opType: string,
  input: string[],
  output: string[],
  attributes: Readonly<Record<string, number | readonly number[] | string>> = {},
): NodeParts {
  return {
    opType,
    name: `${opType}_of_${output[0]}`,
    input,
    output,
    attribute: Object.entries(attributes).map(attributeOf),
  };
}

function attributeOf([name, given]: readonly [string, number | readonly number[] | string]): AttributeInit {
  if (typeof given === "string")
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(given) };
  if (typeof given !== "number") return { name, type: AttributeType.INTS, ints: given.map(BigInt) };
  return { name, type: AttributeType.INT, i: BigInt(given) };
}

export function value(
  name: string,
  shape: readonly (number | bigint | string)[],
  elemType: number = DataType.FLOAT,
): ValueInit {
  const dim = shape.map((size) => ({
    value:
      typeof size === "string"
        ? ({ case: "dimParam", value: size } as const)
        : ({ case: "dimValue", value: BigInt(size) } as const),
  }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

export function floats(name: string, dims: readonly number[], data: readonly number[]): TensorInit {
  return { name, dims: dims.map(BigInt), dataType: DataType.FLOAT, floatData: [...data] };
}

export function integers(name: string, data: readonly (number | bigint)[], dims = [data.length]): TensorInit {
  return { name, dims: dims.map(BigInt), dataType: DataType.INT64, int64Data: data.map(BigInt) };
}
