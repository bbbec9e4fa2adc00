/** Removes nodes whose results reach no output. */
import { nodeId } from "../ir/graph.ts";
import { executionOrder } from "../ir/graph-index.ts";
import type { Pass } from "./pass.ts";
import { rewrite } from "./rewrite.ts";

export const eliminateDeadValues: Pass = {
  name: "eliminate-dead-values",
  summary: "removes what no result depends on",
  required: false,
  run: (graph) =>
    rewrite(graph, (rewriter) => {
      for (const node of executionOrder(graph).toReversed()) rewriter.removeIfUnused(nodeId(node));
    }),
};
