/**
 * Splits a graph in two: `prepare` computes what depends on parameters and unchanging state alone, once per
 * parameter version; `run` computes the rest every time and takes those values as `prepared` inputs. Views
 * and literals stay in `run`, where they cost nothing.
 */
import {
  nodeId,
  type Graph,
  type GraphInput,
  type GraphOutput,
  type Node,
  type ValueId,
} from "../ir/graph.ts";
import { executionOrder, typesOf } from "../ir/graph-index.ts";
import { staticValues } from "./static-values.ts";

export interface SplitGraphs {
  readonly prepare: Graph;
  readonly run: Graph;
}

export function splitPrepare(graph: Graph): SplitGraphs {
  const fixed = staticValues(graph);
  const types = typesOf(graph);
  const order = executionOrder(graph);
  const inPrepare = (node: Node): boolean => node.results.every((result) => fixed.has(result.id));
  const made = new Set(
    order
      .filter((node) => inPrepare(node) && node.op !== "constant")
      .flatMap((node) => node.results.map((r) => r.id)),
  );
  const runNodes = order.filter((node) => !inPrepare(node) || node.op === "constant");

  // A reshape of a parameter is read through its operand: moving a view to `prepare` would copy it.
  const viewed = new Map(
    order.filter((node) => isView(node) && inPrepare(node)).map((node) => [nodeId(node), node]),
  );
  const kept = new Set<Node>();
  const needed = new Set<ValueId>();
  const need = (value: ValueId): void => {
    const view = viewed.get(value);
    if (view !== undefined && !kept.has(view)) {
      kept.add(view);
      view.operands.forEach(need);
    } else if (view === undefined && made.has(value)) needed.add(value);
  };
  for (const node of runNodes) node.operands.forEach(need);
  for (const output of graph.outputs) need(output.value);

  const inRun = new Set([...runNodes, ...kept]);
  const used = usedBy(inRun, graph.outputs);
  const prepared = [...needed].map((value): GraphInput => ({
    id: value,
    role: "prepared",
    name: value,
    type: types.get(value)!,
  }));
  return {
    prepare: restrict(
      graph,
      `${graph.name}_prepare`,
      graph.inputs,
      order.filter((node) => inPrepare(node)),
      [...needed].map((value) => ({ name: value, value })),
    ),
    run: {
      name: graph.name,
      inputs: [...graph.inputs.filter((input) => input.role === "input" || used.has(input.id)), ...prepared],
      nodes: Object.fromEntries(
        order
          .filter((node) => inRun.has(node))
          .filter((node) => node.op !== "constant" || used.has(nodeId(node)))
          .map((node) => [nodeId(node), node]),
      ),
      outputs: graph.outputs,
    },
  };
}

function isView(node: Node): boolean {
  return node.op === "reshape" || node.op === "broadcast";
}

function usedBy(nodes: Iterable<Node>, outputs: readonly GraphOutput[]): Set<ValueId> {
  const used = new Set<ValueId>();
  for (const node of nodes) for (const operand of node.operands) used.add(operand);
  for (const output of outputs) {
    used.add(output.value);
    if (output.updates !== undefined) used.add(output.updates);
  }
  return used;
}

/** The part of a graph that makes `outputs`. */
function restrict(
  graph: Graph,
  name: string,
  inputs: readonly GraphInput[],
  nodes: readonly Node[],
  outputs: readonly GraphOutput[],
): Graph {
  const live = new Set(outputs.map((output) => output.value));
  const kept: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.results.some((result) => live.has(result.id))) continue;
    kept.push(node);
    for (const operand of node.operands) live.add(operand);
  }
  return {
    name,
    inputs: inputs.filter((input) => live.has(input.id)),
    nodes: Object.fromEntries(kept.reverse().map((node) => [nodeId(node), node])),
    outputs,
  };
}
