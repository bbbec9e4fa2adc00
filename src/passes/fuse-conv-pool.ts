/**
 * Joins a convolution, with what is fused to it, to the max pooling that alone reads it, where a CPU runs them:
 * the convolution's result never leaves the core's cache.
 *
 *     y = relu(conv(x, w)); z = max_pool(y)   →   z = fusion(x, w, …) { … }
 */
import type { NodeOf } from "../ir/graph.ts";
import { isByWinograd } from "../ir/ops/packing.ts";
import { elementCount } from "../ir/shape.ts";
import { layoutOf } from "../ir/tensor-type.ts";
import { joinConvToReader } from "./join-conv-to-reader.ts";
import type { Pass } from "./pass.ts";

export const fuseConvPool: Pass = {
  name: "fuse-conv-pool",
  summary: "computes a convolution inside the kernel of the max pooling that reads it",
  required: false,
  run: (graph, context) => {
    if (context.target.family !== "cpu") return graph;
    return joinConvToReader(
      graph,
      "max_pool",
      context,
      (_, conv, pool) => isPlain(pool) && isWorthJoining(conv, pool),
    );
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
  if (packing === null || isByWinograd(packing) || groups !== 1 || packing.columns % packing.block !== 0)
    return false;
  const isChannelsLast = layoutOf(type).at(-1) === 1 && layoutOf(pool.results[0]!.type).at(-1) === 1;
  return isChannelsLast && type.shape.length === 4 && elementCount(type.shape) * 4 >= fewestBytes;
}
