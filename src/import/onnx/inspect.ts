/**
 * What an ONNX file holds, read without compiling it: operators with counts, what of them is supported, inputs
 * and outputs, parameters, and, where shapes are known, the multiply-adds of one run.
 */
import { UserError } from "../../errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { elementCount } from "../../ir/shape.ts";
import type { ConstantBindings, ShapeBindings } from "./bind-inputs.ts";
import { splitConstantWeights } from "./constant-nodes.ts";
import { dataDependentNodes, openBranches } from "./data-dependence.ts";
import { inlineFunctions } from "./inline-functions.ts";
import { declaredShape, isUntyped, type Dimension } from "./declared-tensors.ts";
import { importParsed, type ImportOptions } from "./model.ts";
import { operators } from "./operators/index.ts";
import { parseModel, type ParsedModel } from "./parse-model.ts";
import type { GraphProto, ValueInfoProto } from "./schema/onnx_pb.ts";
import { innerNodes, namedNodes } from "./nodes.ts";
import { inspectSupport, type SupportReport } from "./support.ts";
import { bytesOfElementType, elementTypeName, type TensorFiles } from "./tensors.ts";
import { traceOnnx } from "./trace-onnx.ts";

export interface InspectedTensor {
  readonly name: string;
  /** ONNX's name of the element type, e.g. `FLOAT`; `not a tensor` for sequences and maps, `unknown` where the file does not say. */
  readonly elementType: string;
  /** Undefined where the file does not say. */
  readonly shape: readonly Dimension[] | undefined;
}

export interface InspectedOperator {
  /** With its domain where that is not ONNX's own: `com.microsoft::FusedMatMul`. */
  readonly name: string;
  /** Number of nodes. */
  readonly count: number;
  readonly supported: boolean;
  /** Why not, where it is not supported. */
  readonly reason?: string;
}

export interface OnnxInspection {
  readonly opset: number;
  /** Name and version of what wrote the file. */
  readonly producer: string;
  readonly inputs: readonly InspectedTensor[];
  readonly outputs: readonly InspectedTensor[];
  /** Most frequent first, those in branches and loop bodies among them. */
  readonly operators: readonly InspectedOperator[];
  /** Elements of all initialisers. */
  readonly parameterCount: number;
  readonly parameterBytes: number;
  /** What compiling would refuse with what is given, with the nodes' names; empty where the model is supported. */
  readonly unsupported: SupportReport["unsupported"];
  /** The same of branches and loop bodies, which matters only where they are taken. */
  readonly unsupportedInBranches: SupportReport["unsupported"];
  /** Inputs that branches and loops depend on, so that compiling needs their values: `constants`. */
  readonly constantsWanted: readonly string[];
  /** The nodes among the unsupported that these values settle. */
  readonly settledByConstants: readonly string[];
  /** Of convolutions and matrix products; undefined where symbolic dimensions are not bound or something is unsupported. */
  readonly multiplyAdds: number | undefined;
}

export interface InspectOptions extends ImportOptions {
  readonly shapes?: ShapeBindings;
  readonly constants?: ConstantBindings;
}

/** External data may also be files that are read when they are needed. */
type ParsedOptions = Omit<InspectOptions, "externalData"> & Pick<TensorFiles, "externalData">;

/** ONNX operators that can be imported, in alphabetical order. */
export function supportedOperators(): readonly string[] {
  return Object.keys(operators).sort();
}

/**
 * Describes an ONNX model without compiling it. What is unsupported is listed, not thrown.
 * @throws UserError (`file-format`) when the bytes are not an ONNX model
 * @example inspectOnnx(await readFile("resnet18.onnx")).parameterCount // 11689512
 */
export function inspectOnnx(bytes: Uint8Array, options: InspectOptions = {}): OnnxInspection {
  return inspectParsed(parseModel(bytes), options);
}

/** As `inspectOnnx`, for a model that was parsed, with or without its weights. */
export function inspectParsed(parsed: ParsedModel, options: ParsedOptions = {}): OnnxInspection {
  const { proto } = parsed;
  const graph = proto.graph;
  if (graph === undefined || graph.node.length + graph.output.length === 0)
    throw new UserError("file-format", "onnx: the file holds no graph. Is it an ONNX model?");
  const nodes = namedNodes(inlineFunctions(proto));
  const constants = new Set(Object.keys(options.constants ?? {}));
  const branches = openBranches(graph, nodes, constants);
  const report = inspectSupport(proto, nodes, dataDependentNodes(graph, nodes, constants));
  const inner = inspectSupport({}, innerNodes(nodes));
  const counts = new Map(report.operators);
  for (const [name, count] of inner.operators) counts.set(name, (counts.get(name) ?? 0) + count);
  const reasons = new Map(
    [...inner.unsupported, ...report.unsupported].map(({ operator, reason }) => [operator, reason]),
  );
  const isInitializer = new Set(graph.initializer.map(({ name }) => name));
  const sizes = [...graph.initializer, ...splitConstantWeights(graph, nodes).weights].map(
    ({ dims, dataType }) => {
      const count = dims.reduce((product, size) => product * Number(size), 1);
      return { count, bytes: count * (bytesOfElementType(dataType) ?? 0) };
    },
  );
  const opset = proto.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version ?? 0n;
  return {
    opset: Number(opset),
    producer: [proto.producerName, proto.producerVersion].filter((part) => part !== "").join(" "),
    inputs: graph.input.filter(({ name }) => !isInitializer.has(name)).map(describe),
    outputs: graph.output.map(describe),
    operators: [...counts]
      .map(([name, count]): InspectedOperator => {
        const reason = reasons.get(name);
        return { name, count, supported: reason === undefined, ...(reason !== undefined && { reason }) };
      })
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
    parameterCount: sizes.reduce((sum, { count }) => sum + count, 0),
    parameterBytes: sizes.reduce((sum, size) => sum + size.bytes, 0),
    unsupported: report.unsupported,
    unsupportedInBranches: inner.unsupported,
    constantsWanted: branches.inputs,
    settledByConstants: Array.from(branches.nodes, ({ name }) => name),
    multiplyAdds: isBound(graph, isInitializer, options.shapes ?? {}) ? estimate(parsed, options) : undefined,
  };
}

function describe(info: ValueInfoProto): InspectedTensor {
  const elementType = isUntyped(info)
    ? "unknown"
    : info.type?.tensorType === undefined
      ? "not a tensor"
      : elementTypeName(info.type.tensorType.elemType);
  return { name: info.name, elementType, shape: declaredShape(info) };
}

function isBound(graph: GraphProto, isInitializer: ReadonlySet<string>, shapes: ShapeBindings): boolean {
  return graph.input
    .filter(({ name }) => !isInitializer.has(name))
    .every((input) => {
      const isGiven = (name: string) => Object.hasOwn(shapes, name);
      const { name, shape } = describe(input);
      return isGiven(name) || (shape?.every((size) => typeof size === "number" || isGiven(size)) ?? false);
    });
}

/** Undefined where the model cannot be imported; why is told when it is. */
function estimate(
  parsed: ParsedModel,
  { externalData, shapes, constants, memoryLimitBytes }: ParsedOptions,
): number | undefined {
  try {
    const model = importParsed(parsed, externalData, memoryLimitBytes);
    return multiplyAdds(traceOnnx(model, shapes, constants, { memoryLimitBytes }).graph);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function multiplyAdds(graph: Graph): number {
  const nodes = Object.values(graph.nodes);
  const shapes = new Map(graph.inputs.map(({ id, type }) => [id, type.shape]));
  for (const node of nodes) for (const { id, type } of node.results) shapes.set(id, type.shape);
  return nodes.reduce((sum, node) => {
    const terms =
      node.op === "conv"
        ? elementCount(shapes.get(node.operands[1]!)!.slice(1))
        : node.op === "matmul"
          ? shapes.get(node.operands[0]!)!.at(-1)!
          : 0;
    return sum + terms * elementCount(node.results[0]!.type.shape);
  }, 0);
}
