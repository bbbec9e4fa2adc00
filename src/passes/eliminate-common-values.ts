/** Computes each value once: nodes of equal op, operands, attributes and layout become one. */
import { attributesText } from "../ir/attributes-text.ts";
import type { Graph, Node, ValueId } from "../ir/graph.ts";
import { nodeId } from "../ir/graph.ts";
import { formatType } from "../ir/tensor-type.ts";
import type { Pass } from "./pass.ts";
import { rewrite } from "./rewrite.ts";

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
  const attributes = attributesText(node.attributes, identities);
  return `${node.op}(${node.operands.join()})${attributes}${node.results.map((r) => formatType(r.type)).join()}`;
}
