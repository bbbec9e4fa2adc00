/**
 * Folds a convolution's bias into the batch norm that follows it.
 *
 *     inference   bn(conv + b, μ, σ², γ, β) = bn(conv, μ − b, σ², γ, β)
 *     training    bn(conv + b) = bn(conv), because the batch mean cancels b; but the running mean is that of
 *                 conv + b, so b becomes the batch norm's mean offset
 */
import { nodeId, type Node } from "../ir/graph.ts";
import { asVector, biasedContraction } from "./per-channel.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const foldConvBiasIntoBatchNorm: Pass = {
  name: "fold-conv-bias-into-batch-norm",
  summary: "moves convolution biases into the batch norms that follow",
  required: false,
  run: (graph, context) =>
    rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "batch_norm" && node?.op !== "batch_norm_training") continue;
        const folded = foldBias(rewriter, node);
        if (folded) context.note(`${node.origin?.modulePath ?? `%${nodeId(node)}`}: ${folded}`);
      }
    }),
};

function foldBias(
  rewriter: Rewriter,
  node: Extract<Node, { op: "batch_norm" | "batch_norm_training" }>,
): string | undefined {
  const biased = biasedContraction(rewriter, node.operands[0]!);
  if (biased === undefined) return undefined;
  const { add, contraction } = biased;
  // Another reader of the biased sum would keep the addition alive.
  if (!rewriter.hasSingleUse(nodeId(add))) return undefined;
  const channels = rewriter.typeOf(node.operands[0]!).shape[1]!;
  const plain = contraction.results[0]!.id;

  if (node.op === "batch_norm") {
    const [, mean, ...rest] = node.operands as [string, string, ...string[]];
    const bias = asVector(rewriter, biased.bias, channels, node.origin);
    const shifted = rewriter.add("sub", [mean, bias], {}, node.origin);
    rewriter.replace({ ...node, operands: [plain, shifted, ...rest] });
    rewriter.removeIfUnused(nodeId(add));
    return "bias subtracted from the running mean";
  }
  if (node.attributes.meanOffset) return undefined;
  // The batch mean itself, where something reads it, is that of conv + b.
  const batchMean = node.results[1]!.id;
  if (rewriter.isOutput(batchMean) || rewriter.usersOf(batchMean).length > 0) return undefined;
  const { tracked } = node.attributes;
  const offset = tracked ? [asVector(rewriter, biased.bias, channels, node.origin)] : [];
  rewriter.replace({
    ...node,
    operands: [plain, ...node.operands.slice(1), ...offset],
    attributes: { ...node.attributes, meanOffset: tracked },
  });
  rewriter.removeIfUnused(nodeId(add));
  return tracked
    ? "bias dropped (the batch mean cancels it) and kept in the running mean"
    : "bias dropped: the batch mean cancels it";
}
