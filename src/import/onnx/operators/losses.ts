/** Losses over class scores `[N, C, …]` and class numbers `[N, …]`. */
import { gatherAt, gatherElements } from "../../../nn/positions.ts";
import { toTensor, type Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

/** −w[target] · logProbability[target], averaged by weight, summed, or as it is; `ignore_index` counts nothing. */
function negativeLogLikelihood(node: OperatorNode, logProbability: Tensor, target: Tensor): Tensor {
  const reduction = node.string("reduction", "mean");
  const ignored = node.int("ignore_index", NaN);
  const weights = node.optional(2);
  const sizes = logProbability.shape.filter((_, axis) => axis !== 1);
  if (logProbability.rank < 2 || target.shape.join() !== sizes.join())
    return node.fail(
      "shape",
      `class numbers of [${target.shape.join()}] do not fit scores of [${logProbability.shape.join()}]; expected [N, …] and [N, C, …].`,
    );
  const chosen = gatherElements(logProbability, 1, target.unsqueeze(1)).squeeze(1).neg();
  const own =
    weights === undefined ? toTensor(chosen.trace, 1).expand(chosen.shape) : gatherAt(weights, 0, target);
  const weight = Number.isNaN(ignored) ? own : own.where(target.ne(ignored), 0);
  const losses = Number.isNaN(ignored) ? chosen.mul(weight) : chosen.mul(weight).where(target.ne(ignored), 0);
  if (reduction === "none") return losses;
  if (reduction === "sum") return losses.sum();
  if (reduction !== "mean") return node.fail("unsupported", `reduction ${reduction} is not known.`);
  return losses.sum().div(weight.sum());
}

export const losses: OperatorFamily = {
  NegativeLogLikelihoodLoss: (node) => negativeLogLikelihood(node, node.input(0), node.input(1).to("i32")),
  SoftmaxCrossEntropyLoss: (node) => {
    const logProbability = node.input(0).logSoftmax(1);
    const loss = negativeLogLikelihood(node, logProbability, node.input(1).to("i32"));
    return node.hasOutput(1) ? [loss, logProbability] : loss;
  },
};
