/**
 * Folds padding with a constant into the window operation that reads it, as exporters of networks with "same"
 * padding write it: nothing is copied, and what skips positions outside the image skips these, too.
 *
 *     conv(pad(x, 0))              →   conv(x) with more padding
 *     avg_pool(pad(x, 0))          →   avg_pool(x) with more padding, which the divisor counts
 *     max_pool(pad(x, −∞))         →   max_pool(x) with more padding
 */
import { nodeId, type Node, type NodeOf } from "../ir/graph.ts";
import { windowExtent } from "../ir/ops/window.ts";
import type { Pass } from "./pass.ts";
import { rewrite } from "./rewrite.ts";

type Padding = readonly (readonly [number, number])[];
type PoolNode = NodeOf<"avg_pool"> | NodeOf<"max_pool">;

export const foldPadIntoWindow: Pass = {
  name: "fold-pad-into-window",
  summary: "makes padding in front of convolutions and pooling part of their own",
  required: false,
  run: (graph, { note }) =>
    rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        const pad = node && rewriter.producer(node.operands[0] ?? "");
        if (node === undefined || pad?.op !== "pad") continue;
        const folded = fold(node, pad);
        if (folded === undefined) continue;
        rewriter.replace({ ...folded, operands: [pad.operands[0]!, ...node.operands.slice(1)] });
        rewriter.removeIfUnused(nodeId(pad));
        note(`${node.origin?.modulePath ?? `%${nodeId(node)}`}: padding ${formatPadding(pad)}`);
      }
    }),
};

/** The node with the padding as its own; undefined where that would mean something else. */
function fold(node: Node, pad: NodeOf<"pad">): Node | undefined {
  const { value, padding } = pad.attributes;
  const isSpatial = padding.slice(0, 2).every(([before, after]) => before === 0 && after === 0);
  if (!isSpatial) return undefined;
  if (node.op === "conv" && value === 0) {
    const sum = sumOf(padding, node.attributes.padding);
    return { ...node, attributes: { ...node.attributes, padding: sum } };
  }
  if (node.op === "avg_pool" && value === 0) {
    const { attributes } = node;
    // What lies outside counts or does not: padding of both kinds cannot be told apart afterwards.
    const counts = attributes.countIncludePad || attributes.padding.flat().every((amount) => amount === 0);
    const sum = sumOf(padding, attributes.padding);
    if (!counts || attributes.ceilMode || !isAllowed(node, sum)) return undefined;
    return { ...node, attributes: { ...attributes, padding: sum, countIncludePad: true } };
  }
  if (node.op === "max_pool" && value === -Infinity) {
    const sum = sumOf(padding, node.attributes.padding);
    return isAllowed(node, sum) ? { ...node, attributes: { ...node.attributes, padding: sum } } : undefined;
  }
  return undefined;
}

function sumOf(pad: Padding, own: Padding): Padding {
  return own.map(([before, after], axis) => [before + pad[axis + 2]![0], after + pad[axis + 2]![1]]);
}

/** Pooling takes at most half a window of padding, so that no window lies outside. */
function isAllowed({ attributes: { kernel, dilation } }: PoolNode, padding: Padding): boolean {
  return padding.every((pair, axis) => Math.max(...pair) <= windowExtent(kernel[axis]!, dilation[axis]!) / 2);
}

function formatPadding({ attributes: { padding } }: NodeOf<"pad">): string {
  return padding.slice(2).map(([before, after]) => `${before}+${after}`).join(", "); // prettier-ignore
}
