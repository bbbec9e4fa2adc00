/** Computes each value once: nodes of equal op, operands, attributes and layout become one. */
import { isHostTensor } from "../ir/host-tensor.ts";
import type { Graph, Node, ValueId } from "../ir/graph.ts";
import { nodeId } from "../ir/graph.ts";
import { formatType } from "../ir/tensor-type.ts";
import type { Pass } from "./pass.ts";
import { rewrite } from "./rewrite.ts";

/** Constants longer than this are compared by identity. */
const comparedElements = 64;

export const eliminateCommonValues: Pass = {
  name: "eliminate-common-values",
  summary: "computes equal values once",
  required: false,
  run: (graph) => shareValues(graph, () => true),
};

/** Makes equal values one, among the nodes that `included` accepts. */
export function shareValues(graph: Graph, included: (node: Node) => boolean): Graph {
  return rewrite(graph, (rewriter) => {
    const known = new Map<string, ValueId>();
    const identities = new Map<object, number>();
    for (const original of rewriter.originalOrder()) {
      if (!included(original)) continue;
      const node = rewriter.node(nodeId(original))!;
      const key = keyOf(node, identities);
      const earlier = known.get(key);
      if (earlier === undefined) {
        known.set(key, nodeId(node));
        continue;
      }
      rewriter
        .node(earlier)!
        .results.forEach((result, i) => rewriter.redirect(node.results[i]!.id, result.id));
      rewriter.remove(nodeId(node));
    }
  });
}

function keyOf(node: Node, identities: Map<object, number>): string {
  const attributes = JSON.stringify(node.attributes, (_, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    if (Object.is(value, -0)) return "-0";
    if (!isHostTensor(value)) return value;
    if (value.data.length <= comparedElements) {
      return `${value.dtype}[${value.shape.join()}]${Array.from(value.data as ArrayLike<number>, (x) => (Object.is(x, -0) ? "-0" : String(x))).join()}`;
    }
    if (!identities.has(value.data)) identities.set(value.data, identities.size);
    return `data ${identities.get(value.data)}`;
  });
  return `${node.op}(${node.operands.join()})${attributes}${node.results.map((r) => formatType(r.type)).join()}`;
}
