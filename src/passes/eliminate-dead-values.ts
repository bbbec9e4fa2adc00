/** Removes nodes whose results reach no output. */
import { executionOrder, nodeId } from "../ir/graph.ts";
import type { Pass } from "./pass.ts";
import { rewrite } from "./rewrite.ts";

export const eliminateDeadValues: Pass = {
  name: "eliminate-dead-values",
  summary: "removes what no result depends on",
  required: false,
  run: (graph) =>
    rewrite(graph, (rewriter) => {
      for (const node of executionOrder(graph).reverse()) rewriter.removeIfUnused(nodeId(node));
    }),
};
