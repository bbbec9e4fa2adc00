/**
 * Joins a convolution, with what is fused to it, to the max pooling that alone reads it, where a CPU runs them:
 * the convolution's result never leaves the core's cache.
 *
 *     y = relu(conv(x, w)); z = max_pool(y)   →   z = fusion(x, w, …) { … }
 */
import { nodeId, type NodeOf } from "../ir/graph.ts";
import { elementCount } from "../ir/shape.ts";
import { layoutOf } from "../ir/tensor-type.ts";
import { bodyOf, isReadOnce, join, onlyNode } from "./join-bodies.ts";
import type { Pass } from "./pass.ts";
import { rewrite } from "./rewrite.ts";

export const fuseConvPool: Pass = {
  name: "fuse-conv-pool",
  summary: "computes a convolution inside the kernel of the max pooling that reads it",
  required: false,
  run: (graph, { target, note }) => {
    if (target.family !== "cpu") return graph;
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const second = bodyOf(rewriter, rewriter.node(nodeId(original)));
        const pool = second && onlyNode(second.body, "max_pool");
        if (second === undefined || pool === undefined || !isPlain(pool)) continue;
        const between = pool.operands[0]!;
        const first = bodyOf(rewriter, rewriter.producer(between));
        const conv = first && onlyNode(first.body, "conv");
        if (first === undefined || conv === undefined || !isWorthJoining(conv, pool)) continue;
        if (!isReadOnce(rewriter, second.body, between)) continue;
        const joined = join(first, second);
        if (joined.operands.length + 1 > target.maxStorageBuffers) continue;
        rewriter.replace(joined);
        rewriter.remove(nodeId(first.node));
        note(`${second.node.origin?.modulePath ?? `%${nodeId(second.node)}`}: takes ${first.node.origin?.modulePath ?? `%${nodeId(first.node)}`}`); // prettier-ignore
      }
    });
  },
};

/** Two dimensions, and windows without gaps that are small enough to be written out. */
function isPlain({ attributes: { kernel, dilation } }: NodeOf<"max_pool">): boolean {
  return kernel.length === 2 && elementCount(kernel) <= largestWindow && dilation.every((step) => step === 1);
}

const largestWindow = 16;

/** A result that stays in a core's cache until it is pooled needs no help. */
const fewestBytes = 512 * 1024;

/** Every item computes whole rows of a block of channels. */
function isWorthJoining({ attributes, results }: NodeOf<"conv">, pool: NodeOf<"max_pool">): boolean {
  const { packing, groups } = attributes;
  const [{ type }] = results as [NodeOf<"conv">["results"][number]];
  const isDirect = packing !== null && packing.winograd === undefined && packing.winogradRows === undefined;
  if (!isDirect || groups !== 1 || packing.columns % packing.block !== 0) return false;
  const isChannelsLast = layoutOf(type).at(-1) === 1 && layoutOf(pool.results[0]!.type).at(-1) === 1;
  return isChannelsLast && type.shape.length === 4 && elementCount(type.shape) * 4 >= fewestBytes;
}
