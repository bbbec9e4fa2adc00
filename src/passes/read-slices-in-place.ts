/**
 * Marks slices that shall be read where they lie, in the buffer of what they are cut from, by kernels that compute
 * no operands in passing: convolutions, pooling, reductions, normalisations.
 *
 *     %h = slice(%x) {…}; %y = conv(%h, %w)   →   %h = slice(%x) {…, inPlace=true}; …
 */
import { canReadInPlace } from "../codegen/read-slices.ts";
import { nodeId, type NodeOf } from "../ir/graph.ts";
import { mayBeView } from "../ir/may-be-view.ts";
import { isPointwiseNode } from "./fusion-group.ts";
import { LiveBytes } from "./live-bytes.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const readSlicesInPlace: Pass = {
  name: "read-slices-in-place",
  summary: "has kernels read slices in the buffer of what they are cut from",
  required: false,
  run: (graph, { note }) =>
    rewrite(graph, (rewriter) => {
      const order = rewriter.originalOrder();
      const slices = new Map<string, { readonly whole: string }>();
      const live = new LiveBytes(rewriter, order);
      const peak = live.peak(slices);
      for (const node of order) {
        if (node.op !== "slice" || !isWorthIt(rewriter, node)) continue;
        const from = node.operands[0]!;
        slices.set(nodeId(node), { whole: slices.get(from)?.whole ?? from });
        const bytes = live.peak(slices);
        if (bytes > peak) {
          slices.delete(nodeId(node));
          note(`%${nodeId(node)}: ${bytes - peak} bytes more would be live at once`);
          continue;
        }
        rewriter.replace({ ...node, attributes: { ...node.attributes, inPlace: true } });
        note(`%${nodeId(node)}: read in %${from}`);
      }
    }),
};

function isWorthIt(rewriter: Rewriter, slice: NodeOf<"slice">): boolean {
  const [from] = slice.operands as [string];
  const id = nodeId(slice);
  const readers = rewriter.usersOf(id);
  const surroundings = { from: rewriter.typeOf(from), readers, isReturned: rewriter.isOutput(id) };
  if (!canReadInPlace(slice, surroundings) || readers.every(isPointwiseNode)) return false;
  // A view of a slice would be a copy.
  if (readers.some(mayBeView)) return false;
  const maker = rewriter.producer(from);
  // What is replaced may be written over by the kernel that reads it.
  if (maker === undefined) return !rewriter.isUpdated(from);
  if (maker.op === "constant") return false;
  // What nothing else reads is computed where it is needed only, by the kernel that would write the slice.
  return !isPointwiseNode(maker) || rewriter.usersOf(from).length > 1;
}
