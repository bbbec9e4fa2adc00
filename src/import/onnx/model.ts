/**
 * Reads an ONNX file into a model: checked structure, named inputs and outputs with symbolic dimensions,
 * initialisers as host tensors. Nothing is compiled; `traceOnnx` turns it into a graph once shapes are bound.
 */
import { UserError } from "../../errors.ts";
import type { HostDType } from "../../ir/dtype.ts";
import type { HostTensor } from "../../ir/host-tensor.ts";
import { elementCount } from "../../ir/shape.ts";
import { Parameter, type Stored } from "../../ir/stored-tensor.ts";
import { splitConstantWeights } from "./constant-nodes.ts";
import { executionOrder } from "./execution-order.ts";
import { parseModel, type ParsedModel } from "./parse-model.ts";
import type { ModelProto, TensorProto, ValueInfoProto } from "./schema/onnx_pb.ts";
import type { Dialect } from "./operator.ts";
import { inlineFunctions } from "./inline-functions.ts";
import { namedNodes, type OnnxNode } from "./nodes.ts";
import { checkSupport } from "./support.ts";
import {
  declaredDType,
  elementTypeName,
  knownTensor,
  readEncoded,
  type ExternalData,
  type TensorFiles,
} from "./tensors.ts";

/** A size, or the name of one that is bound when compiling. */
export type Dimension = number | string;

export interface ModelTensor {
  readonly name: string;
  /** As the file declares it; what goes in may also be wider, what comes out is this. */
  readonly dtype: HostDType;
  readonly shape: readonly Dimension[];
  /** ONNX's number for the element type. */
  readonly elementType: number;
}

/** Values known when importing. Float tensors of more than one element are parameters of the program. */
export interface Initializer {
  /** A weight is decoded anew each time this is asked for. */
  readonly value: HostTensor;
  readonly elementCount: number;
  readonly parameter: Parameter | undefined;
  readonly elementType: number;
}

export class OnnxModel {
  constructor(
    readonly name: string,
    readonly dialect: Dialect,
    readonly inputs: readonly ModelTensor[],
    readonly outputs: readonly ModelTensor[],
    readonly nodes: readonly OnnxNode[],
    readonly initializers: ReadonlyMap<string, Initializer>,
  ) {}

  /** Version of the default operator set. */
  get opset(): number {
    return this.dialect.opset;
  }

  /** Weights by their names in the file; what a module's state dict is. */
  *namedState(): Generator<readonly [string, Stored]> {
    for (const [name, { parameter }] of this.initializers)
      if (parameter !== undefined) yield [name, parameter];
  }
}

export interface ImportOptions {
  /** Gives the bytes of a file that the model keeps its weights in; only names inside the model's folder are asked for. */
  readonly externalData?: ExternalData;
}

const supportedOpsets = { oldest: 1, newest: 24 } as const;

/**
 * Imports an ONNX model.
 * @throws UserError (`file-format`, `unsupported`) that lists everything that is wrong or not supported, with node names
 * @example
 * const model = importOnnx(await readFile("resnet18.onnx"));
 * const compiled = await compile(model, { shapes: { N: 8 } });
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): OnnxModel {
  return importParsed(parseModel(bytes), options.externalData);
}

/** As `importOnnx`, for a model that was parsed, with or without its weights. */
export function importParsed(
  { proto, rawData }: ParsedModel,
  externalData: TensorFiles["externalData"],
): OnnxModel {
  const graph = proto.graph;
  if (graph === undefined || graph.node.length + graph.output.length === 0) {
    throw new UserError("file-format", "onnx: the file holds no graph. Is it an ONNX model?");
  }
  const all = namedNodes(inlineFunctions(proto));
  checkSupport(proto, all);
  const { nodes, weights } = splitConstantWeights(graph, all);
  const dialect = { opset: checkedOpset(proto), producer: proto.producerName };

  const initializers = new Map<string, Initializer>();
  for (const tensor of [...graph.initializer, ...weights]) {
    if (initializers.has(tensor.name))
      throw new UserError("file-format", `onnx: initialiser '${tensor.name}' is defined twice.`);
    initializers.set(tensor.name, initializerOf(tensor, { rawData, externalData }));
  }
  // Before IR version 4, initialisers were listed as inputs, too.
  const inputs = graph.input.filter((input) => !initializers.has(input.name)).map(describe);
  const outputs = graph.output.map(describe);
  checkDistinct("input", graph.input);
  checkDistinct("output", graph.output);
  if (outputs.length === 0) throw new UserError("file-format", "onnx: the graph has no outputs.");
  const ordered = executionOrder(
    nodes,
    new Set([...inputs.map((input) => input.name), ...initializers.keys()]),
    outputs.map(({ name }) => name),
  );
  return new OnnxModel(graph.name, dialect, inputs, outputs, ordered, initializers);
}

function initializerOf(tensor: TensorProto, files: TensorFiles): Initializer {
  const read = readEncoded(tensor, files);
  const count = elementCount(read.shape);
  const elementType = tensor.dataType;
  if ("contents" in read && count > 1) {
    return {
      parameter: new Parameter(read),
      elementCount: count,
      elementType,
      get value() {
        return knownTensor(read);
      },
    };
  }
  const value = "contents" in read ? knownTensor(read) : read;
  if (value.dtype === "f32" && count > 1)
    return { value, parameter: new Parameter(value), elementCount: count, elementType };
  return { value, parameter: undefined, elementCount: count, elementType };
}

function checkDistinct(kind: string, infos: readonly ValueInfoProto[]): void {
  const names = infos.map(({ name }) => name);
  if (names.includes("")) throw new UserError("file-format", `onnx: an ${kind} has no name.`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError("file-format", `onnx: ${kind} '${twice}' is declared twice.`);
}

function checkedOpset(proto: ModelProto): number {
  const entry = proto.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  const version = Number(entry?.version ?? 0n);
  if (version < supportedOpsets.oldest || version > supportedOpsets.newest) {
    throw new UserError(
      "unsupported",
      `onnx: the model uses operator set ${version}; supported are ${supportedOpsets.oldest} to ${supportedOpsets.newest}. Convert it with onnx.version_converter.`,
    );
  }
  return version;
}

function describe(info: ValueInfoProto): ModelTensor {
  const type = info.type?.tensorType;
  const dtype = type === undefined ? undefined : declaredDType(type.elemType);
  if (type === undefined || dtype === undefined) {
    throw new UserError(
      "unsupported",
      `onnx: '${info.name}' is ${type === undefined ? "not a tensor" : elementTypeName(type.elemType)}; only tensors of supported types can go in and out.`,
    );
  }
  const shape = (type.shape?.dim ?? []).map((dimension, axis): Dimension => {
    if (dimension.value.case === "dimValue") {
      const size = dimension.value.value;
      if (size >= 0n && size < 2n ** 31n) return Number(size);
      throw new UserError("file-format", `onnx: '${info.name}' has a dimension of size ${size}.`);
    }
    return dimension.value.case === "dimParam" && dimension.value.value !== ""
      ? dimension.value.value
      : `${info.name}.${axis}`;
  });
  return { name: info.name, dtype, shape, elementType: type.elemType };
}
