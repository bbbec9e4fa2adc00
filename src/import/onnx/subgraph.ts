/**
 * Graphs inside nodes: branches of If and bodies of Loop. They read what the graphs around them define, by name. In:
 * the attribute's message. Out: its nodes in an order in which they can run, and its constants.
 */
import type { HostTensor } from "../../ir/host-tensor.ts";
import { executionOrder } from "./execution-order.ts";
import { namedNodes, outerReads, readsOf, type OnnxNode } from "./nodes.ts";
import type { GraphProto, ValueInfoProto } from "./schema/onnx_pb.ts";
import { readTensor } from "./tensors.ts";

export interface Subgraph {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What the file says of its outputs, which is often no more than their names. */
  readonly declared: readonly ValueInfoProto[];
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, { readonly value: HostTensor; readonly elementType: number }>;
}

/** @throws UserError (`file-format`) where its nodes do not fit together */
export function readSubgraph(graph: GraphProto): Subgraph {
  const inputs = graph.input.map(({ name }) => name);
  const outputs = graph.output.map(({ name }) => name);
  const own = graph.initializer.map(({ name }) => name);
  const known = new Set([...outerReads(graph), ...own, ...inputs]);
  const nodes = executionOrder(namedNodes(graph.node), known, outputs);
  const read = new Set([...nodes.flatMap(({ proto }) => readsOf(proto)), ...outputs]);
  // What nothing reads may be of any type.
  const constants = new Map(
    graph.initializer
      .filter(({ name }) => read.has(name))
      .map((tensor) => [tensor.name, { value: readTensor(tensor), elementType: tensor.dataType }]),
  );
  return { inputs, outputs, declared: graph.output, nodes, constants };
}
