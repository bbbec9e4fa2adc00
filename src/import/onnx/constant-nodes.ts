/**
 * Weights that a file has as Constant nodes, as Paddle's and some converters' files do, are weights like those among
 * its initialisers: parameters with names, which go to a device once. Small constants and those of other types stay.
 */
import { elementCount } from "../../ir/shape.ts";
import type { OnnxNode } from "./nodes.ts";
import {
  TensorProto_DataType as DataType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from "./schema/onnx_pb.ts";

const floats: readonly number[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16];

export interface SplitNodes {
  readonly nodes: readonly OnnxNode[];
  /** Under the names of the nodes' results. */
  readonly weights: readonly TensorProto[];
}

/** @param nodes of the graph, calls of functions replaced */
export function splitConstantWeights(graph: GraphProto, nodes: readonly OnnxNode[]): SplitNodes {
  // What is defined twice stays as it is, for whoever finds that.
  const taken = new Set([...graph.initializer, ...graph.input].map(({ name }) => name));
  const kept: OnnxNode[] = [];
  const weights = new Map<string, TensorProto>();
  for (const node of nodes) {
    const tensor = weightOf(node.proto);
    const [name = ""] = node.proto.output;
    if (tensor === undefined || name === "" || taken.has(name) || weights.has(name)) kept.push(node);
    else weights.set(name, { ...tensor, name });
  }
  return { nodes: kept, weights: [...weights.values()] };
}

function weightOf(node: NodeProto): TensorProto | undefined {
  const [attribute, ...others] = node.attribute;
  const isPlain = node.opType === "Constant" && (node.domain === "" || node.domain === "ai.onnx");
  if (!isPlain || others.length > 0 || attribute?.name !== "value" || node.output.length !== 1)
    return undefined;
  const { t } = attribute;
  const isWeight = t !== undefined && floats.includes(t.dataType) && elementCount(t.dims.map(Number)) > 1;
  return isWeight ? t : undefined;
}
