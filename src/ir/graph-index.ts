/**
 * What follows from a graph: who makes and who reads each value, its type, an order of execution. Graphs do not
 * change, so each is worked out once, when it is first asked for, and kept as long as the graph.
 */
import { nodeId, type Graph, type Node, type ValueId } from "./graph.ts";
import type { TensorType } from "./tensor-type.ts";

/** The node that makes each value (graph inputs have none). */
export function producersOf(graph: Graph): ReadonlyMap<ValueId, Node> {
  return (indexOf(graph).producers ??= producers(graph));
}

/** The type of every value. */
export function typesOf(graph: Graph): ReadonlyMap<ValueId, TensorType> {
  return (indexOf(graph).types ??= types(graph));
}

/** The ids of the nodes that read each value, each once; values that none reads are left out. */
export function usersOf(graph: Graph): ReadonlyMap<ValueId, readonly ValueId[]> {
  return (indexOf(graph).users ??= users(graph));
}

/**
 * Nodes in an order of execution: insertion order, with dependencies pulled forward. Linear in the size
 * of the graph. A cycle makes the result shorter than the graph, which `verify` reports.
 */
export function executionOrder(graph: Graph): readonly Node[] {
  return (indexOf(graph).order ??= order(graph));
}

interface GraphIndex {
  producers?: ReadonlyMap<ValueId, Node>;
  types?: ReadonlyMap<ValueId, TensorType>;
  users?: ReadonlyMap<ValueId, readonly ValueId[]>;
  order?: readonly Node[];
}

const indices = new WeakMap<Graph, GraphIndex>();

function indexOf(graph: Graph): GraphIndex {
  let index = indices.get(graph);
  if (index === undefined) indices.set(graph, (index = {}));
  return index;
}

function producers(graph: Graph): Map<ValueId, Node> {
  const found = new Map<ValueId, Node>();
  for (const node of Object.values(graph.nodes)) {
    for (const result of node.results) found.set(result.id, node);
  }
  return found;
}

function types(graph: Graph): Map<ValueId, TensorType> {
  const found = new Map<ValueId, TensorType>();
  for (const input of graph.inputs) found.set(input.id, input.type);
  for (const node of Object.values(graph.nodes)) {
    for (const result of node.results) found.set(result.id, result.type);
  }
  return found;
}

function users(graph: Graph): Map<ValueId, ValueId[]> {
  const found = new Map<ValueId, ValueId[]>();
  for (const node of Object.values(graph.nodes)) {
    const id = nodeId(node);
    for (const operand of node.operands) {
      const readers = found.get(operand);
      if (readers === undefined) found.set(operand, [id]);
      else if (readers.at(-1) !== id) readers.push(id);
    }
  }
  return found;
}

function order(graph: Graph): Node[] {
  const makers = producersOf(graph);
  const ordered: Node[] = [];
  const isDone = new Map<Node, boolean>();
  // A stack of nodes, and how many operands of each are seen to.
  const open: Node[] = [];
  const seen: number[] = [];
  const enter = (node: Node): void => {
    isDone.set(node, false);
    open.push(node);
    seen.push(0);
  };
  for (const root of Object.values(graph.nodes)) {
    if (!isDone.has(root)) enter(root);
    while (open.length > 0) {
      const top = open.length - 1;
      const node = open[top]!;
      const next = seen[top]!++;
      if (next === node.operands.length) {
        open.pop();
        seen.pop();
        isDone.set(node, true);
        ordered.push(node);
        continue;
      }
      const producer = makers.get(node.operands[next]!);
      if (producer === undefined) continue;
      const done = isDone.get(producer);
      if (done === undefined) enter(producer);
      else if (!done) return ordered.filter((other) => other !== producer);
    }
  }
  return ordered;
}
