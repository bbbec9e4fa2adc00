/** Builds an ONNX model node by node, and encodes it with protobufjs by the schema in `onnx.proto`. */
import { readFileSync } from "node:fs";
import { importIfInstalled } from "./import-if-installed.ts";

/** The part of protobufjs that is used here. */
interface Protobufjs {
  readonly parse: (
    source: string,
    options: { readonly keepCase: boolean },
  ) => {
    readonly root: { lookupType(name: string): MessageType };
  };
}
interface MessageType {
  fromObject(object: object): object;
  encode(message: object): { finish(): Uint8Array };
}

type Attribute = number | { readonly float: number } | readonly number[];

const float32 = 1;
const opset = 17;
const irVersion = 8;

export class OnnxModelBuilder {
  readonly #nodes: object[] = [];
  readonly #initializers: object[] = [];

  /** Adds a node with one output, and returns the output's name. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const output = `v${this.#nodes.length}`;
    this.#nodes.push({
      input: inputs,
      output: [output],
      name: `${opType}_${this.#nodes.length}`,
      op_type: opType,
      attribute: Object.entries(attributes).map(([name, value]) => ({ name, ...encodeAttribute(value) })),
    });
    return output;
  }

  /** Adds a weight, and returns its name. */
  initializer(name: string, shape: readonly number[], data: Float32Array): string {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#initializers.push({ dims: shape, data_type: float32, name, raw_data: raw });
    return name;
  }

  /** The model as a file's bytes; undefined where protobufjs is not installed. */
  async encode(input: OnnxInterface, output: OnnxInterface): Promise<Uint8Array | undefined> {
    const protobuf = await importIfInstalled<Protobufjs>("protobufjs");
    if (protobuf === undefined) return undefined;
    const schema = readFileSync(new URL("onnx.proto", import.meta.url), "utf8");
    const type = protobuf.parse(schema, { keepCase: true }).root.lookupType("onnx.ModelProto");
    const model = {
      ir_version: irVersion,
      producer_name: "heddle-bench",
      opset_import: [{ domain: "", version: opset }],
      graph: {
        name: "model",
        node: this.#nodes,
        initializer: this.#initializers,
        input: [describe(input)],
        output: [describe(output)],
      },
    };
    return type.encode(type.fromObject(model)).finish();
  }
}

export interface OnnxInterface {
  readonly name: string;
  readonly shape: readonly number[];
}

function describe({ name, shape }: OnnxInterface): object {
  const dim = shape.map((size) => ({ dim_value: size }));
  return { name, type: { tensor_type: { elem_type: float32, shape: { dim } } } };
}

function encodeAttribute(value: Attribute): object {
  if (typeof value === "number") return { i: value, type: "INT" };
  return "float" in value ? { f: value.float, type: "FLOAT" } : { ints: value, type: "INTS" };
}
