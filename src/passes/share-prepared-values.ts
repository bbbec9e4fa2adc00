/**
 * Prepares each weight once: weights that several nodes read, as in a recurrent layer or a network applied to two
 * images, were folded, transformed and packed at each of their uses, and are equal again.
 *
 *     pack(w), pack(w)  →  pack(w)
 *
 * Only values that `prepare` computes are compared: what runs compute was compared before, and passes since then
 * have changed layouts that fusion counts on.
 */
import { nodeId } from "../ir/graph.ts";
import { shareValues } from "./eliminate-common-values.ts";
import type { Pass } from "./pass.ts";
import { staticValues } from "./static-values.ts";

export const sharePreparedValues: Pass = {
  name: "share-prepared-values",
  summary: "prepares weights that several nodes read once",
  required: false,
  run: (graph) => {
    const fixed = staticValues(graph);
    return shareValues(graph, (node) => fixed.has(nodeId(node)));
  },
};
