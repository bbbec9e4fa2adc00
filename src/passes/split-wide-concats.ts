/**
 * Splits concatenations of more tensors than a kernel may bind into concatenations of concatenations.
 *
 *     concat(a, b, c, d) = concat(concat(a, b), concat(c, d))
 */
import { nodeId, type NodeOf } from "../ir/graph.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const splitWideConcats: Pass = {
  name: "split-wide-concats",
  summary: "splits concatenations of more tensors than one kernel may bind",
  required: true,
  run: (graph, { target, note }) =>
    rewrite(graph, (rewriter) => {
      const limit = Math.max(2, target.maxStorageBuffers - 1);
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "concat" || new Set(node.operands).size <= limit) continue;
        split(rewriter, node, limit);
        note(`%${nodeId(node)}: ${node.operands.length} tensors, ${limit} at a time`);
      }
    }),
};

function split(rewriter: Rewriter, node: NodeOf<"concat">, limit: number): void {
  let parts = node.operands;
  while (parts.length > limit) {
    const groups = Array.from({ length: Math.ceil(parts.length / limit) }, (_, i) =>
      parts.slice(i * limit, (i + 1) * limit),
    );
    parts = groups.map((group) =>
      group.length === 1 ? group[0]! : rewriter.add("concat", group, node.attributes, node.origin),
    );
  }
  rewriter.replace({ ...node, operands: parts });
}
