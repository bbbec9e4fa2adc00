/**
 * Folds an inference batch norm into the weights of the convolution (or linear layer) before it.
 *
 *     bn(conv(x, w), μ, σ², γ, β) = conv(x, w·s) + (β − μ·s)      with s = γ / sqrt(σ² + ε) per output channel
 *
 * The new weights depend on parameters and running statistics alone, so `prepare` computes them, once per
 * parameter version, and they never go stale.
 */
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import { alongChannels, contractionOf } from "./per-channel.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";
import { staticValues } from "./static-values.ts";

export const foldBatchNormIntoConv: Pass = {
  name: "fold-batch-norm-into-conv",
  summary: "multiplies batch norms into the weights of the convolutions before them",
  required: false,
  run: (graph, context) => {
    const fixed = staticValues(graph);
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "batch_norm") continue;
        const decision = foldBatchNorm(rewriter, node, fixed);
        if (decision) context.note(`${node.origin?.modulePath ?? `%${nodeId(node)}`}: ${decision}`);
      }
    });
  },
};

function foldBatchNorm(
  rewriter: Rewriter,
  node: NodeOf<"batch_norm">,
  fixed: ReadonlySet<ValueId>,
): string | undefined {
  const [x, mean, variance, gamma, beta] = node.operands as [ValueId, ValueId, ValueId, ValueId, ValueId];
  const contraction = contractionOf(rewriter, x);
  if (contraction === undefined || contraction.attributes.packing !== null) return undefined;
  const weight = contraction.operands[1]!;
  if (
    !fixed.has(weight) ||
    ![mean, variance, gamma, beta].every((value) => isFixed(rewriter, value, fixed))
  ) {
    return "kept: its weights or statistics are computed in the run";
  }
  if (!rewriter.hasSingleUse(x)) return "kept: the convolution's own result is used elsewhere, too";

  const { origin } = node;
  const { eps } = node.attributes;
  const epsilon = rewriter.add("constant", [], {
    value: { dtype: "f32", shape: [], data: Float32Array.of(eps) },
  });
  const scale = rewriter.add(
    "mul",
    [gamma, rewriter.add("rsqrt", [rewriter.add("add", [variance, epsilon], {}, origin)], {}, origin)],
    {},
    origin,
  );
  const shift = rewriter.add("sub", [beta, rewriter.add("mul", [mean, scale], {}, origin)], {}, origin);
  const weightRank = rewriter.typeOf(weight).shape.length;
  // Output channels are the rows of a convolution's weight, the columns of a matrix.
  const perOutput =
    contraction.op === "conv"
      ? rewriter.add(
          "reshape",
          [scale],
          { shape: [rewriter.typeOf(scale).shape[0]!, ...new Array<number>(weightRank - 1).fill(1)] },
          origin,
        )
      : scale;
  const scaled = rewriter.add("mul", [weight, perOutput], {}, origin);
  const folded =
    contraction.op === "conv"
      ? rewriter.add("conv", [contraction.operands[0]!, scaled], contraction.attributes, contraction.origin)
      : rewriter.add(
          "matmul",
          [contraction.operands[0]!, scaled],
          contraction.attributes,
          contraction.origin,
        );
  const rank = rewriter.typeOf(x).shape.length;
  const y = rewriter.add("add", [folded, alongChannels(rewriter, shift, rank, origin)], {}, origin);
  rewriter.redirect(nodeId(node), y);
  rewriter.removeIfUnused(nodeId(node));
  return `folded into ${contraction.origin?.modulePath ?? contraction.op}`;
}

/** Values added since the analysis are fixed if all they are made of is. */
function isFixed(rewriter: Rewriter, value: ValueId, fixed: ReadonlySet<ValueId>): boolean {
  if (fixed.has(value)) return true;
  const node = rewriter.graph.nodes[value] === undefined ? rewriter.producer(value) : undefined;
  return node !== undefined && node.operands.every((operand) => isFixed(rewriter, operand, fixed));
}
