/** Losses over class scores `[N, C, …]` and class numbers `[N, …]`. */
import { checkIs, checkNumber } from "./constraints.ts";
import { nllLoss } from "../../../nn/classification-losses.ts";
import type { Reduction } from "../../../nn/reduction.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

const reductions: readonly Reduction[] = ["none", "mean", "sum"];

/** −w[target] · logProbability[target], averaged by weight, summed, or as it is; `ignore_index` counts nothing. */
function negativeLogLikelihood(node: OperatorNode, logProbability: Tensor, target: Tensor): Tensor {
  const reduction = node.choice("reduction", reductions, "mean");
  const given = node.long("ignore_index");
  // A number of 64 bits that is no class number.
  const ignored = given === undefined || BigInt.asIntN(32, given) !== given ? null : Number(given);
  const sizes = logProbability.shape.filter((_, axis) => axis !== 1);
  if (logProbability.rank < 2 || target.shape.join() !== sizes.join())
    return node.fail(
      "shape",
      `class numbers of [${target.shape.join()}] do not fit scores of [${logProbability.shape.join()}]; expected [N, …] and [N, C, …].`,
    );
  const classes = logProbability.shape[1]!;
  const known = node.known(1)?.data ?? [];
  for (let at = 0; at < known.length; at++)
    if (Number(known[at]) !== ignored) checkNumber(node, `class number ${at}`, known[at]!, [0, classes - 1]);
  const weight = node.optional(2);
  if (weight !== undefined) checkIs(node, "the weight", weight, [classes]);
  return nllLoss(logProbability, target, {
    weight: weight ?? null,
    ignoreIndex: ignored,
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
