/**
 * Graphs inside nodes: the branches of If. A branch takes no inputs; it reads what the graphs around it define, by
 * name. In: the attribute's message. Out: its nodes in an order in which they can run, and its constants.
 */
import { UserError } from "../../errors.ts";
import type { HostTensor } from "../../ir/host-tensor.ts";
import { executionOrder } from "./execution-order.ts";
import { namedNodes, outerReads, type OnnxNode } from "./nodes.ts";
import type { GraphProto } from "./schema/onnx_pb.ts";
import { readTensor } from "./tensors.ts";

export interface Subgraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, { readonly value: HostTensor; readonly elementType: number }>;
  readonly outputs: readonly string[];
}

/** @throws UserError (`file-format`) for a branch that takes inputs or whose nodes do not fit together */
export function readBranch(graph: GraphProto, place: string): Subgraph {
  if (graph.input.length > 0)
    throw new UserError("file-format", `onnx: ${place} takes inputs; branches of If take none.`);
  const constants = new Map(
    graph.initializer.map((tensor) => [
      tensor.name,
      { value: readTensor(tensor), elementType: tensor.dataType },
    ]),
  );
  const known = new Set([...outerReads(graph), ...constants.keys()]);
  const outputs = graph.output.map(({ name }) => name);
  return { nodes: executionOrder(namedNodes(graph.node), known, outputs), constants, outputs };
}
