/** Collecting nodes into a fusion: one node whose body is a graph of them. */
import { nodeId, type Graph, type GraphInput, type Node, type ValueId } from "../ir/graph.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { elementCount } from "../ir/shape.ts";
import type { Rewriter } from "./rewrite.ts";

export function isElementwiseNode(node: Node): boolean {
  return opRecord(node.op).kind === "elementwise";
}

export function isMovementNode(node: Node): boolean {
  return opRecord(node.op).kind === "movement";
}

/** Computed element by element, so that the kernel that reads the result can do it in passing. */
export function isPointwiseNode(node: Node): boolean {
  return isElementwiseNode(node) || isMovementNode(node);
}

/** A constant that becomes a literal in a kernel that reads it element by element. */
export function isLiteralNode(node: Node | undefined): boolean {
  return node?.op === "constant" && elementCount(node.attributes.value.shape) === 1;
}

/** Values a group reads from outside, in the order first read; literals are not read. */
export function externalOperands(rewriter: Rewriter, nodes: readonly Node[]): ValueId[] {
  return [...readsOf(rewriter, nodes).external];
}

/** What a group reads: values from outside, and the constants that its kernel spells out. */
function readsOf(rewriter: Rewriter, nodes: readonly Node[]) {
  const inside = new Set(nodes.flatMap((node) => node.results.map((result) => result.id)));
  const external = new Set<ValueId>();
  const literals = new Map<ValueId, Node>();
  for (const node of nodes) {
    for (const operand of node.operands) {
      if (inside.has(operand)) continue;
      const producer = rewriter.producer(operand);
      if (producer !== undefined && isLiteralNode(producer)) literals.set(operand, producer);
      else external.add(operand);
    }
  }
  // The others, products and reductions, have loops over what they read: that must lie in a buffer.
  for (const node of literals.size === 0 ? [] : nodes) {
    if (isPointwiseNode(node)) continue;
    for (const operand of node.operands) if (literals.delete(operand)) external.add(operand);
  }
  return { external, literals };
}

/** Results that something outside the group reads. */
export function externalResults(rewriter: Rewriter, nodes: readonly Node[]): ValueId[] {
  const ids = new Set(nodes.map(nodeId));
  return nodes.flatMap((node) =>
    node.results
      .map((result) => result.id)
      .filter((id) => rewriter.isOutput(id) || rewriter.usersOf(id).some((user) => !ids.has(nodeId(user)))),
  );
}

/** Storage buffers the fused kernel binds. New state that the kernel writes over the old shares its buffer. */
export function bufferCount(rewriter: Rewriter, nodes: readonly Node[]): number {
  const operands = externalOperands(rewriter, nodes);
  const results = externalResults(rewriter, nodes).filter((id) => !replacesOperand(rewriter, id, operands));
  return operands.length + Math.max(1, results.length);
}

/** Whether a result is the new value of a state that the same kernel reads. */
export function replacesOperand(rewriter: Rewriter, result: ValueId, operands: readonly ValueId[]): boolean {
  return rewriter
    .outputsOf(result)
    .some(({ updates }) => updates !== undefined && operands.includes(updates));
}

/**
 * Replaces a group by one fusion node with the same results.
 * @param nodes in an order of execution
 */
export function fuse(rewriter: Rewriter, nodes: readonly Node[]): void {
  const { external, literals } = readsOf(rewriter, nodes);
  const operands = [...external];
  const results = externalResults(rewriter, nodes);
  const inputs = operands.map((id): GraphInput => ({
    id,
    role: "input",
    name: id,
    type: rewriter.typeOf(id),
  }));
  const members = [...literals.values(), ...nodes];
  const body: Graph = {
    name: "body",
    inputs,
    nodes: Object.fromEntries(members.map((node) => [nodeId(node), node])),
    outputs: results.map((id) => ({ name: id, value: id })),
  };
  const origin = nodes.find((node) => node.origin?.modulePath !== undefined)?.origin;
  const fused = {
    op: "fusion",
    operands,
    attributes: { body },
    results: results.map((id) => ({ id, type: rewriter.typeOf(id) })),
    ...(origin && { origin }),
  } as Node;
  for (const node of [...nodes].reverse()) rewriter.remove(nodeId(node));
  rewriter.insert(fused);
}
