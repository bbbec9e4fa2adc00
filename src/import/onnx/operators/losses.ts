/** Losses over class scores `[N, C, …]` and class numbers `[N, …]`. */
import { nllLoss } from "../../../nn/classification-losses.ts";
import type { Reduction } from "../../../nn/reduction.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

const reductions: readonly Reduction[] = ["none", "mean", "sum"];

/** −w[target] · logProbability[target], averaged by weight, summed, or as it is; `ignore_index` counts nothing. */
function negativeLogLikelihood(node: OperatorNode, logProbability: Tensor, target: Tensor): Tensor {
  const name = node.string("reduction", "mean");
  const reduction =
    reductions.find((item) => item === name) ?? node.fail("unsupported", `reduction ${name} is not known.`);
  const ignored = node.int("ignore_index", NaN);
  const sizes = logProbability.shape.filter((_, axis) => axis !== 1);
  if (logProbability.rank < 2 || target.shape.join() !== sizes.join())
    return node.fail(
      "shape",
      `class numbers of [${target.shape.join()}] do not fit scores of [${logProbability.shape.join()}]; expected [N, …] and [N, C, …].`,
    );
  return nllLoss(logProbability, target, {
    weight: node.optional(2) ?? null,
    ignoreIndex: Number.isNaN(ignored) ? null : ignored,
    reduction,
  });
}

export const losses: OperatorFamily = {
  NegativeLogLikelihoodLoss: (node) => negativeLogLikelihood(node, node.input(0), node.input(1).to("i32")),
  SoftmaxCrossEntropyLoss: (node) => {
    const logProbability = node.input(0).logSoftmax(1);
    const loss = negativeLogLikelihood(node, logProbability, node.input(1).to("i32"));
    return node.hasOutput(1) ? [loss, logProbability] : loss;
  },
};
