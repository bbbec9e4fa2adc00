/**
 * The order in which weights are prepared: the largest first, each finished before the next begins. Beside what
 * is prepared already only one weight's raw values are on the device, and they are least when that is most.
 */
import type { Node, ValueId } from "../ir/graph.ts";
import { sizeBytes } from "../ir/tensor-type.ts";

/** Nodes of which some read others; those of different groups share inputs and constants at most. */
interface Group {
  readonly nodes: readonly Node[];
  readonly largestBytes: number;
}

/** @param order an order of execution; so is what is returned */
export function largestFirst(order: readonly Node[]): Node[] {
  const constants = order.filter((node) => node.op === "constant");
  const groupOf = new Map<ValueId, Group>();
  for (const node of order) {
    if (node.op === "constant") continue;
    const joined = [...new Set(node.operands.flatMap((operand) => groupOf.get(operand) ?? []))];
    const sizes = node.results.map((result) => sizeBytes(result.type));
    const group: Group = {
      nodes: [...joined.flatMap(({ nodes }) => nodes), node],
      largestBytes: Math.max(...sizes, ...joined.map(({ largestBytes }) => largestBytes)),
    };
    for (const { results } of group.nodes) for (const { id } of results) groupOf.set(id, group);
  }
  const groups = [...new Set(groupOf.values())].sort((a, b) => b.largestBytes - a.largestBytes);
  return [...constants, ...groups.flatMap(({ nodes }) => nodes)];
}
