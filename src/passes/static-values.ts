/** Which values depend on parameters, unchanging state and constants alone, so that `prepare` can compute them. */
import type { ValueId } from "../ir/graph.ts";
import type { Graph } from "../ir/graph.ts";
import { executionOrder } from "../ir/graph-index.ts";

export function staticValues(graph: Graph): Set<ValueId> {
  const updated = new Set(graph.outputs.map((output) => output.updates));
  const fixed = new Set<ValueId>();
  for (const input of graph.inputs) {
    if (input.role !== "input" && !updated.has(input.id)) fixed.add(input.id);
  }
  for (const node of executionOrder(graph)) {
    if (node.operands.every((operand) => fixed.has(operand))) {
      for (const result of node.results) fixed.add(result.id);
    }
  }
  return fixed;
}
