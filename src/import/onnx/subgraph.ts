/**
 * Graphs inside nodes: branches of If and bodies of Loop. They read what the graphs around them define, by name. In:
 * the attribute's message. Out: its nodes in an order in which they can run, and its constants.
 */
import type { HostTensor } from "../../ir/host-tensor.ts";
import { executionOrder } from "./execution-order.ts";
import { namedNodes, outerReads, type OnnxNode } from "./nodes.ts";
import type { GraphProto } from "./schema/onnx_pb.ts";
import { readTensor } from "./tensors.ts";

export interface Subgraph {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, { readonly value: HostTensor; readonly elementType: number }>;
}

/** @throws UserError (`file-format`) where its nodes do not fit together */
export function readSubgraph(graph: GraphProto): Subgraph {
  const constants = new Map(
    graph.initializer.map((tensor) => [
      tensor.name,
      { value: readTensor(tensor), elementType: tensor.dataType },
    ]),
  );
  const inputs = graph.input.map(({ name }) => name);
  const outputs = graph.output.map(({ name }) => name);
  const known = new Set([...outerReads(graph), ...constants.keys(), ...inputs]);
  return { inputs, outputs, nodes: executionOrder(namedNodes(graph.node), known, outputs), constants };
}
