/**
 * Reads an ONNX file into a model: checked structure, named inputs and outputs with symbolic dimensions,
 * initialisers as host tensors. Nothing is compiled; `traceOnnx` turns it into a graph once shapes are bound.
 */
import { UserError } from "../../errors.ts";
import { deviceElementBytes } from "../../ir/dtype.ts";
import { checkMemoryLimit, MemoryCount } from "../../ir/memory-limit.ts";
import { checkOptions } from "../../ir/check-options.ts";
import { givenBytes } from "../../ir/given-bytes.ts";
import { elementCount } from "../../ir/shape.ts";
import { Parameter } from "../../ir/stored-tensor.ts";
import { splitConstantWeights } from "./constant-nodes.ts";
import { executionOrder } from "./execution-order.ts";
import { parseModel, type ParsedModel } from "./parse-model.ts";
import type { ModelProto, TensorProto, ValueInfoProto } from "./schema/onnx_pb.ts";
import { inlineFunctions } from "./inline-functions.ts";
import { declaredInput, declaredOutput, overridableInput, type ModelTensor } from "./declared-tensors.ts";
import { namedNodes, readsOf } from "./nodes.ts";
import { OnnxModel, type Initializer } from "./onnx-model.ts";
import { checkSupport } from "./support.ts";
import { traceOnnx } from "./trace-onnx.ts";
import {
  bytesOfElementType,
  knownTensor,
  readEncoded,
  type ExternalData,
  type TensorFiles,
} from "./tensors.ts";

export type { Dimension, ModelOutput, ModelTensor } from "./declared-tensors.ts";
export { OnnxModel, type Initializer } from "./onnx-model.ts";

/** What importing may be told. */
export interface ImportOptions {
  /** Gives the bytes of a file that the model keeps its weights in; only names inside the model's folder are asked for. */
  readonly externalData?: ExternalData;
  /**
   * Most memory that the model may ask for: of the host, for its weights and what is computed while importing, and of
   * the device, as `compile`'s option of this name. A file of a hundred bytes can ask for gigabytes; without a limit
   * it gets them. Default: no limit.
   */
  readonly memoryLimitBytes?: number;
}

const supportedOpsets = { oldest: 1, newest: 24 } as const;

/**
 * Imports an ONNX model.
 * @throws UserError (`file-format`, `unsupported`) that lists everything that is wrong or not supported, with node names
 * @example
 * const model = importOnnx(await readFile("resnet18.onnx"));
 * const compiled = await compile(model, { shapes: { N: 8 } });
 */
export function importOnnx(bytes: Uint8Array | ArrayBuffer, options: ImportOptions = {}): OnnxModel {
  const file = givenBytes("importOnnx", bytes, "openOnnx");
  checkOptions<ImportOptions>("importOnnx", options, {
    externalData: "function",
    memoryLimitBytes: "number",
  });
  checkMemoryLimit("importOnnx", options.memoryLimitBytes);
  return importParsed(parseModel(file), options.externalData, options.memoryLimitBytes);
}

/** As `importOnnx`, for a model that was parsed, with or without its weights. */
export function importParsed(
  { proto, rawData }: ParsedModel,
  externalData: TensorFiles["externalData"],
  memoryLimitBytes?: number,
): OnnxModel {
  const graph = proto.graph;
  if (graph === undefined || graph.node.length + graph.output.length === 0) {
    throw new UserError("file-format", "onnx: the file holds no graph. Is it an ONNX model?");
  }
  const all = namedNodes(inlineFunctions(proto));
  checkSupport(proto, all);
  const { nodes, weights } = splitConstantWeights(graph, all);
  const dialect = { opset: checkedOpset(proto), producer: proto.producerName };

  const tensors = new Map<string, TensorProto>();
  for (const tensor of [...graph.initializer, ...weights]) {
    if (tensors.has(tensor.name))
      throw new UserError("file-format", `onnx: initialiser '${tensor.name}' is defined twice.`);
    tensors.set(tensor.name, tensor);
  }
  checkDistinct("input", graph.input);
  checkDistinct("output", graph.output);
  const isListed = (input: ValueInfoProto): boolean => tensors.has(input.name);
  const inputs = graph.input.filter((input) => !isListed(input)).map(declaredInput);
  const outputs = graph.output.map(declaredOutput);
  if (outputs.length === 0) throw new UserError("file-format", "onnx: the graph has no outputs.");
  const ordered = executionOrder(
    nodes,
    new Set([...inputs.map((input) => input.name), ...tensors.keys()]),
    outputs.map(({ name }) => name),
  );
  const read = new Set([
    ...ordered.flatMap(({ proto: node }) => readsOf(node)),
    ...outputs.map(({ name }) => name),
  ]);
  const memory = new MemoryCount(memoryLimitBytes);
  for (const { name, shape } of [...inputs, ...outputs])
    memory.add(bytesOfDeclared(shape), `onnx: '${name}'`);
  const initializers = new Map<string, Initializer>();
  for (const [name, tensor] of tensors) {
    // What nothing reads may be of any type.
    if (!read.has(name) && bytesOfElementType(tensor.dataType) === undefined) continue;
    memory.add(bytesOfInitializer(tensor), `onnx: initialiser '${name}'`);
    initializers.set(name, initializerOf(tensor, { rawData, externalData }));
  }
  // Before IR version 4, initialisers had to be listed as inputs, too, and are constants all the same.
  const overridable = graph.input
    .filter(({ name }) => proto.irVersion >= 4n && initializers.has(name))
    .map((input) => overridableInput(input, tensors.get(input.name)!));
  return new OnnxModel({
    name: graph.name,
    dialect,
    inputs,
    outputs,
    nodes: ordered,
    initializers,
    overridable,
    trace: traceOnnx,
    memoryLimitBytes,
  });
}

/** What a value of this shape takes at least; symbolic dimensions may be bound to any size. */
function bytesOfDeclared(shape: ModelTensor["shape"]): number {
  const sizes = shape?.map((size) => (typeof size === "number" ? size : 1)) ?? [0];
  return elementCount(sizes) * deviceElementBytes;
}

/** As it is kept: as the file has it, but for narrow and wide integers, which become arrays to compute with. */
function bytesOfInitializer({ dims, dataType }: TensorProto): number {
  const count = dims.reduce((product, size) => product * Number(size), 1);
  return count * Math.max(deviceElementBytes, bytesOfElementType(dataType) ?? 0);
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
  const last = new Map(names.map((name, i) => [name, i]));
  const twice = names.find((name, i) => last.get(name) !== i);
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
