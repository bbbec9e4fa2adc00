/**
 * A convolution and the node that alone reads it, each with what is fused to it, as one fusion: what passes share
 * that compute one inside the kernel of the other.
 */
import { nodeId, type Graph, type GraphInput, type Node, type NodeOf, type ValueId } from "../ir/graph.ts";
import type { OpName } from "../ir/ops/registry.ts";
import { isElementwiseNode, isLiteralNode } from "./fusion-group.ts";
import type { PassContext } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

type Accepts<K extends OpName> = (rewriter: Rewriter, conv: NodeOf<"conv">, reader: NodeOf<K>) => boolean;

/**
 * Joins every convolution to its only reader of this op where both are accepted. (They are asked about last, so
 * that nothing is decided about what cannot be joined anyway.)
 */
export function joinConvToReader<K extends OpName>(
  graph: Graph,
  op: K,
  { target, note }: Pick<PassContext, "target" | "note">,
  accepts: Accepts<K>,
): Graph {
  return rewrite(graph, (rewriter) => {
    for (const original of rewriter.originalOrder()) {
      const second = bodyOf(rewriter, rewriter.node(nodeId(original)));
      const reader = second && onlyNode(second.body, op);
      if (second === undefined || reader === undefined) continue;
      const between = reader.operands[0]!;
      const first = bodyOf(rewriter, rewriter.producer(between));
      const conv = first && onlyNode(first.body, "conv");
      if (first === undefined || conv === undefined || !isReadOnce(rewriter, second.body, between)) continue;
      const joined = join(first, second);
      if (joined.operands.length + 1 > target.maxStorageBuffers) continue;
      if (!accepts(rewriter, conv, reader)) continue;
      rewriter.replace(joined);
      rewriter.remove(nodeId(first.node));
      note(`${nameOf(second.node)}: takes ${nameOf(first.node)}`);
    }
  });
}

function nameOf(node: Node): string {
  return node.origin?.modulePath ?? `%${nodeId(node)}`;
}

interface NodeWithBody {
  readonly node: Node;
  readonly body: Graph;
}

/** A fusion or a node alone, as a body whose inputs have the names of the values they are. */
function bodyOf(rewriter: Rewriter, node: Node | undefined): NodeWithBody | undefined {
  if (node?.op === "fusion") {
    const { body } = node.attributes;
    const isNamed = body.inputs.every((input, i) => input.id === node.operands[i]);
    return isNamed ? { node, body } : undefined;
  }
  if (node === undefined) return undefined;
  const inputs = [...new Set(node.operands)].map((id): GraphInput => ({ id, role: "input", name: id, type: rewriter.typeOf(id) })); // prettier-ignore
  const [{ id }] = node.results as [Node["results"][number]];
  return { node, body: { name: "body", inputs, nodes: { [id]: node }, outputs: [{ name: id, value: id }] } };
}

/** The one node of this op, where the body has besides it elementwise ops alone. */
function onlyNode<K extends OpName>(body: Graph, op: K): NodeOf<K> | undefined {
  const nodes = Object.values(body.nodes).filter((node) => !isElementwiseNode(node) && !isLiteralNode(node));
  const others = nodes.filter((node) => node.op !== op && node.op !== "reshape");
  const found = nodes.filter((node) => node.op === op);
  return found.length === 1 && others.length === 0 ? (found[0] as NodeOf<K>) : undefined;
}

/** Whether one operand of the body is all that reads the value. */
function isReadOnce(rewriter: Rewriter, body: Graph, value: ValueId): boolean {
  const reads = Object.values(body.nodes)
    .flatMap((node) => node.operands)
    .filter((operand) => operand === value);
  return rewriter.hasSingleUse(value) && reads.length === 1;
}

/** The second node, with the first one inside. */
function join(first: NodeWithBody, second: NodeWithBody): Node {
  const between = first.body.outputs[0]!.value;
  const inputs = new Map(
    [...first.body.inputs, ...second.body.inputs]
      .filter((input) => input.id !== between)
      .map((input) => [input.id, input]),
  );
  const body: Graph = {
    name: "body",
    inputs: [...inputs.values()],
    nodes: { ...first.body.nodes, ...second.body.nodes },
    outputs: second.body.outputs,
  };
  const { results, origin } = second.node;
  return { op: "fusion", operands: [...inputs.keys()], attributes: { body }, results, ...(origin && { origin }) } as Node; // prettier-ignore
}
