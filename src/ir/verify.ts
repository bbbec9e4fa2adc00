/**
 * Checks what every graph must satisfy: each value defined once, used after its definition, no cycles,
 * types as the ops infer them (a layout may differ: it is chosen, not inferred), updates of state that fit.
 * A graph that fails is a defect of the stage that made it.
 */
import { InternalError } from "../errors.ts";
import { inferTypes } from "./builder.ts";
import { nodeId, type Graph, type Node } from "./graph.ts";
import { executionOrder, typesOf } from "./graph-index.ts";
import { printNode } from "./print.ts";
import { sameShape } from "./shape.ts";
import { formatType, type TensorType } from "./tensor-type.ts";

/** Nodes whose types were found right, for operands of these types: most of a graph, after most passes. */
const verifiedFor = new WeakMap<Node, readonly TensorType[]>();

function isVerified(node: Node, types: ReadonlyMap<string, TensorType>): boolean {
  return verifiedFor.get(node)?.every((type, i) => type === types.get(node.operands[i]!)) ?? false;
}

export function verify(graph: Graph, stage: string): void {
  const fail = (problem: string, node?: Node): never => {
    throw new InternalError(`${stage}: ${problem}\n${excerpt(graph, node)}`);
  };

  const defined = new Set<string>();
  const define = (id: string, node?: Node): void => {
    if (defined.has(id)) fail(`%${id} is defined twice`, node);
    if (/^\d/.test(id)) fail(`%${id} looks like an integer`, node);
    defined.add(id);
  };
  for (const input of graph.inputs) define(input.id);
  const nodes = Object.values(graph.nodes);
  Object.keys(graph.nodes).forEach((key, i) => {
    const node = nodes[i]!;
    if (node.results.length === 0) fail(`node ${key} has no results`, node);
    if (nodeId(node) !== key) fail(`node ${key} has first result %${nodeId(node)}`, node);
    for (const result of node.results) define(result.id, node);
  });
  for (const node of nodes) {
    for (const operand of node.operands) if (!defined.has(operand)) fail(`%${operand} is not defined`, node);
  }
  if (executionOrder(graph).length !== nodes.length) fail("the graph has a cycle");

  const types = typesOf(graph);
  for (const node of nodes) {
    if (isVerified(node, types)) continue;
    const operands = node.operands.map((operand) => types.get(operand)!);
    const inferred = infer(node, operands, fail);
    const agree =
      inferred.length === node.results.length &&
      inferred.every((type, i) => {
        const stated = node.results[i]!.type;
        return type.dtype === stated.dtype && sameShape(type.shape, stated.shape);
      });
    if (!agree) fail(`inferred ${inferred.map(formatType).join(", ")}`, node);
    for (const { id, type } of node.results) {
      if (!isLayout(type))
        fail(`the layout of %${id}, ${formatType(type)}, is no order of its dimensions`, node);
    }
    if (node.op === "fusion") verify(node.attributes.body, `${stage}, body of %${nodeId(node)}`);
    verifiedFor.set(node, operands);
  }

  const states = new Map(
    graph.inputs.filter((input) => input.role === "state").map((input) => [input.id, input]),
  );
  const updated = new Set<string>();
  for (const output of graph.outputs) {
    const type = types.get(output.value);
    if (type === undefined) fail(`output "${output.name}" returns %${output.value}, which is not defined`);
    if (output.updates === undefined) continue;
    const state = states.get(output.updates);
    if (state === undefined) fail(`output "${output.name}" updates %${output.updates}, which is not state`);
    else if (updated.has(state.id)) fail(`state %${state.id} is updated twice`);
    else if (!sameShape(state.type.shape, type!.shape) || state.type.dtype !== type!.dtype) {
      fail(`state %${state.id} is ${formatType(state.type)}, its update ${formatType(type!)}`);
    } else updated.add(state.id);
  }
}

function infer(
  node: Node,
  operands: readonly TensorType[],
  fail: (problem: string, node: Node) => never,
): readonly TensorType[] {
  try {
    return inferTypes(node.op, operands, node.attributes);
  } catch (error) {
    if (error instanceof InternalError) throw error;
    return fail(`the types of %${nodeId(node)} cannot be inferred: ${(error as Error).message}`, node);
  }
}

function isLayout({ shape, layout }: TensorType): boolean {
  if (layout === undefined) return true;
  return layout.length === shape.length && shape.every((_, axis) => layout.includes(axis));
}

/** Ten lines of IR around a node. */
function excerpt(graph: Graph, node?: Node): string {
  const lines = Object.values(graph.nodes);
  const at = node === undefined ? 0 : lines.indexOf(node);
  return lines
    .slice(Math.max(0, at - 5), at + 5)
    .map((line) => `${line === node ? ">" : " "} ${printNode(line)}`)
    .join("\n");
}
