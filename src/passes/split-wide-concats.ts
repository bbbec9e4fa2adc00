/**
 * Splits concatenations of more tensors than a kernel may bind, or than its text should spell out, into concatenations
 * of concatenations.
 *
 *     concat(a, b, c, d) = concat(concat(a, b), concat(c, d))
 */
import { nodeId, type NodeOf } from "../ir/graph.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

/** Parts in one kernel, one tensor or many: each is a branch of its text. */
const mostParts = 48;

export const splitWideConcats: Pass = {
  name: "split-wide-concats",
  summary: "splits concatenations of more tensors than one kernel may bind",
  required: true,
  run: (graph, { target, note }) =>
    rewrite(graph, (rewriter) => {
      const limit = Math.max(2, target.maxStorageBuffers - 1);
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "concat") continue;
        const isNarrow = node.operands.length <= mostParts && new Set(node.operands).size <= limit;
        if (isNarrow) continue;
        const atATime = Math.min(limit, mostParts);
        split(rewriter, node, atATime);
        note(`%${nodeId(node)}: ${node.operands.length} tensors, ${atATime} at a time`);
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
