/** Normalisation layers. */
import { checkIs, checkSpreads, positive } from "./constraints.ts";
import { elementCount, formatShape } from "../../../ir/shape.ts";
import { norm } from "../../../nn/statistics.ts";
import { byNeighbours } from "../../../nn/local-response-norm.ts";
import { standardize } from "../../../nn/normalization-functions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import { Tensor as Symbolic } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";

/** An attribute; before operator set 14 asking for statistics, which may be left out by empty names, too; before 7 an attribute that says the opposite. */
function isTrained(node: OperatorNode): boolean {
  if (node.opset < 7) return !node.flag("is_test", false);
  return node.opset < 14
    ? [1, 2, 3, 4].some((position) => node.hasOutput(position))
    : node.flag("training_mode", false);
}

/** Inference; or, with training_mode, by batch statistics, returning the new running ones. */
function batchNormalization(node: OperatorNode): readonly Tensor[] {
  const [x, scale, bias, mean, variance] = node.inputs() as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const eps = node.float("epsilon", 1e-5);
  const momentum = node.float("momentum", 0.9);
  const { trace } = x;
  const isTraining = isTrained(node);
  // Until operator set 8: statistics for each position of a channel; of two dimensions, every channel has one.
  const isSpatial = node.opset >= 9 || node.flag("spatial", true) || x.rank === 2;
  if (!isSpatial) {
    if (isTraining) return node.fail("unsupported", "spatial = 0 is not supported in training.");
    return [perPosition(node, [x, scale, bias, mean, variance], eps)];
  }
  if (!isTraining) {
    return [
      new Symbolic(trace, trace.add("batch_norm", [x.id, mean.id, variance.id, scale.id, bias.id], { eps })),
    ];
  }
  // ONNX weighs the old value by momentum, and puts the biased variance into the running one.
  const results = trace.addAll("batch_norm_training", [x.id, scale.id, bias.id], {
    eps,
    momentum: null,
    tracked: false,
    meanOffset: false,
    singleValue: "zero-variance",
    lowering: "undecided",
    reason: "",
  });
  const [y, batchMean] = results.map((id) => new Symbolic(trace, id)) as [Tensor, Tensor];
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const batchVariance = x.sub(perChannel(batchMean, x.rank)).square().mean(axes);
  const blend = (old: Tensor, batch: Tensor) => old.mul(momentum).add(batch.mul(1 - momentum));
  return [y, blend(mean, batchMean), blend(variance, batchVariance), batchMean, batchVariance].slice(
    0,
    node.outputCount,
  );
}

/** `[N, C, …]` by statistics `[C, …]`: every position is a channel of its own. */
function perPosition(
  node: OperatorNode,
  [x, ...parameters]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  eps: number,
): Tensor {
  const size = elementCount(x.shape.slice(1));
  const odd = parameters.find(({ shape }) => elementCount(shape) !== size);
  if (odd !== undefined)
    return node.fail(
      "shape",
      `with spatial = 0, scale, bias, mean and variance have the shape ${formatShape(x.shape.slice(1))} of an item; got ${formatShape(odd.shape)}.`,
    );
  const [scale, bias, mean, variance] = parameters.map((vector) => vector.reshape([size])) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const flat = x.reshape([x.shape[0]!, size]);
  const operands = [flat.id, mean.id, variance.id, scale.id, bias.id];
  return new Symbolic(x.trace, x.trace.add("batch_norm", operands, { eps })).reshape(x.shape);
}

/** A vector of channels against `[N, C, …]`. */
const perChannel = (vector: Tensor, rank: number): Tensor =>
  vector.reshape([vector.shape[0]!, ...new Array<number>(rank - 2).fill(1)]);

function instanceNormalization(node: OperatorNode): Tensor {
  const [x, scale, bias] = node.inputs() as [Tensor, Tensor, Tensor];
  for (const [what, vector] of Object.entries({ scale, bias })) checkIs(node, what, vector, [x.shape[1]!]);
  const axes = x.shape.slice(2).map((_, i) => i + 2);
  const normalized = standardize(x, axes, node.float("epsilon", 1e-5));
  return normalized.mul(perChannel(scale, x.rank)).add(perChannel(bias, x.rank));
}

function groupNormalization(node: OperatorNode): Tensor {
  const [x, scale, bias] = node.inputs() as [Tensor, Tensor, Tensor];
  const groups = node.requiredInt("num_groups", positive);
  node.ignore("stash_type");
  const [batch, channels] = x.shape as [number, number];
  if (channels % groups !== 0)
    return node.fail("shape", `${channels} channels do not divide into num_groups ${groups}.`);
  // Until operator set 20, scale and bias were those of groups.
  const length = node.opset < 21 ? groups : channels;
  for (const [what, vector] of Object.entries({ scale, bias }))
    if (vector.shape[0] !== channels) checkIs(node, what, vector, [length]);
  const grouped = x.reshape([batch, groups, -1]);
  const normalized = standardize(grouped, [2], node.float("epsilon", 1e-5)).reshape(x.shape);
  // Until opset 20 scale and bias had one element a group.
  const spread = (vector: Tensor) =>
    vector.shape[0] === channels
      ? vector
      : vector
          .unsqueeze(1)
          .expand(groups, channels / groups)
          .reshape([channels]);
  return normalized.mul(perChannel(spread(scale), x.rank)).add(perChannel(spread(bias), x.rank));
}

function layerNormalization(node: OperatorNode): readonly Tensor[] {
  const x = node.input(0);
  const axis = trailingAxis(node, x, -1);
  node.ignore("stash_type");
  const axes = x.shape.map((_, i) => i).slice(axis);
  const eps = node.float("epsilon", 1e-5);
  const [scale, bias] = [node.input(1), node.optional(2)];
  checkSpreads(node, scale, x, "the scale");
  if (bias !== undefined) checkSpreads(node, bias, x, "the bias");
  const scaled = standardize(x, axes, eps).mul(scale);
  const y = bias === undefined ? scaled : scaled.add(bias);
  if (!node.hasOutput(1) && !node.hasOutput(2)) return [y];
  const mean = x.mean(axes, true);
  return [y, mean, x.sub(mean).square().mean(axes, true).add(eps).rsqrt()];
}

function rmsNormalization(node: OperatorNode): Tensor {
  const x = node.input(0);
  const axis = trailingAxis(node, x, -1);
  node.ignore("stash_type");
  const axes = x.shape.map((_, i) => i).slice(axis);
  checkSpreads(node, node.input(1), x, "the scale");
  return x.mul(x.square().mean(axes, true).add(node.float("epsilon", 1e-5)).rsqrt()).mul(node.input(1));
}

const longestNeighbourhood = 1024;

/** x / (bias + α/size · Σ x²)^β, the sum over neighbouring channels. */
function localResponse(node: OperatorNode): Tensor {
  const x = node.input(0);
  const size = node.requiredInt("size", positive);
  if (!(size >= 1 && size <= longestNeighbourhood))
    return node.fail("unsupported", `size is ${size}, expected 1 to ${longestNeighbourhood}.`);
  return byNeighbours(x, size, Math.floor((size - 1) / 2), {
    alpha: node.float("alpha", 1e-4),
    beta: node.float("beta", 0.75),
    k: node.float("bias", 1),
  });
}

export const normalizations: OperatorFamily = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  LRN: localResponse,
  MeanVarianceNormalization: (node) => {
    const x = node.input(0);
    if (node.opset < 9)
      return node.fail("unsupported", "before operator set 9 it was an experiment and meant something else.");
    return standardize(x, node.ints("axes") ?? [0, 2, 3], 1e-9);
  },
  LpNormalization: (node) => {
    const x = node.input(0);
    const axis = trailingAxis(node, x, -1);
    const length = norm(x, node.int("p", 2, [1, 2]), axis, true);
    // What is all zeros stays so.
    return x.div(length.where(length.gt(0), 1));
  },
};
