/** How far predictions are from targets, element by element, with the names and defaults of `torch.nn.functional`. */
import { checkOptions, type KnownOptions } from "../ir/check-options.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import { softplus } from "./activation-functions.ts";
import { reduced, reductions, type Reduction } from "./reduction.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** How the elements' losses become one. */
export interface LossOptions {
  /** How losses become one number; their mean. */
  readonly reduction?: Reduction;
}

/** Names and kinds of these options. */
export const lossOptions: KnownOptions<LossOptions> = { reduction: reductions };

/** Refuses targets that broadcasting would spread: they are hardly ever meant. */
function expectSameShape(name: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape))
    x.trace.fail(
      "shape",
      `${name}: the target ${formatShape(target.shape)} must have the shape of the input ${formatShape(x.shape)}. Reshape or expand it.`,
    );
}

/** (x − t)². */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions<LossOptions>("mseLoss", options, lossOptions);
  expectSameShape("mseLoss", x, target);
  return reduced(x.sub(target).square(), options.reduction);
}

/** |x − t|. */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions<LossOptions>("l1Loss", options, lossOptions);
  expectSameShape("l1Loss", x, target);
  return reduced(x.sub(target).abs(), options.reduction);
}

/** What the smooth L1 loss may be told. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola becomes a line; 1. */
  readonly beta?: number;
}

/** Names and kinds of these options. */
export const smoothL1Options: KnownOptions<SmoothL1LossOptions> = { ...lossOptions, beta: "number" };

/** With d = |x − t|: d² / 2β below β, d − β / 2 from there on (Girshick, 2015). */
export function smoothL1Loss(x: Tensor, target: Tensor, options: SmoothL1LossOptions = {}): Tensor {
  checkOptions<SmoothL1LossOptions>("smoothL1Loss", options, smoothL1Options);
  const { beta = 1, reduction } = options;
  expectSameShape("smoothL1Loss", x, target);
  if (!(beta >= 0)) x.trace.fail("argument", `smoothL1Loss: beta must be at least 0, got ${beta}.`);
  const d = x.sub(target).abs();
  if (beta === 0) return reduced(d, reduction);
  return reduced(
    d
      .square()
      .mul(0.5 / beta)
      .where(d.lt(beta), d.sub(0.5 * beta)),
    reduction,
  );
}

/** What the Huber loss may be told. */
export interface HuberLossOptions extends LossOptions {
  /** Where the parabola becomes a line; 1. */
  readonly delta?: number;
}

/** Names and kinds of these options. */
export const huberOptions: KnownOptions<HuberLossOptions> = { ...lossOptions, delta: "number" };

/** With d = |x − t|: d² / 2 up to δ, δ · (d − δ / 2) above (Huber, 1964). */
export function huberLoss(x: Tensor, target: Tensor, options: HuberLossOptions = {}): Tensor {
  checkOptions<HuberLossOptions>("huberLoss", options, huberOptions);
  const { delta = 1, reduction } = options;
  expectSameShape("huberLoss", x, target);
  if (!(delta > 0)) x.trace.fail("argument", `huberLoss: delta must be above 0, got ${delta}.`);
  const d = x.sub(target).abs();
  const line = d.sub(0.5 * delta).mul(delta);
  return reduced(d.square().mul(0.5).where(d.le(delta), line), reduction);
}

/** What binary cross entropy may be told. */
export interface BinaryLossOptions extends LossOptions {
  /** Factors for the losses, broadcast to them. */
  readonly weight?: Operand | null;
}

/** −(t · log x + (1 − t) · log(1 − x)) for probabilities x; logarithms are at least −100, as in PyTorch. */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: BinaryLossOptions = {}): Tensor {
  checkOptions<BinaryLossOptions>("binaryCrossEntropy", options, { ...lossOptions, weight: "any" });
  expectSameShape("binaryCrossEntropy", x, target);
  const ifTrue = target.mul(x.log().clamp(-100));
  const ifFalse = target.sub(1).mul(x.neg().log1p().clamp(-100));
  return reduced(weighted(ifFalse.sub(ifTrue), options.weight), options.reduction);
}

/** What binary cross entropy of logits may be told. */
export interface BinaryLogitsLossOptions extends BinaryLossOptions {
  /** Factors for what is true, broadcast to the losses. */
  readonly posWeight?: Operand | null;
}

/**
 * The binary cross-entropy of sigmoid(x), without its overflow: (1 − t) · x + (1 + (p − 1) · t) · log(1 + e^−x), p
 * being `posWeight`.
 */
export function binaryCrossEntropyWithLogits(
  x: Tensor,
  target: Tensor,
  options: BinaryLogitsLossOptions = {},
): Tensor {
  checkOptions<BinaryLogitsLossOptions>("binaryCrossEntropyWithLogits", options, {
    ...lossOptions,
    weight: "any",
    posWeight: "any",
  });
  expectSameShape("binaryCrossEntropyWithLogits", x, target);
  const { posWeight = null } = options;
  const linear = toTensor(x.trace, 1).sub(target).mul(x);
  const smooth = softplus(x.neg(), 1, Infinity);
  const factor = posWeight === null ? null : toTensor(x.trace, posWeight).sub(1).mul(target).add(1);
  const losses = linear.add(factor === null ? smooth : smooth.mul(factor));
  return reduced(weighted(losses, options.weight), options.reduction);
}

const weighted = (losses: Tensor, weight: Operand | null = null): Tensor =>
  weight === null ? losses : losses.mul(weight);

/** What the Kullback–Leibler divergence may be told. */
export interface KLDivOptions {
  /** `batchmean`, what the divergence is by definition, divides the sum by the size of the first dimension; `mean`. */
  readonly reduction?: Reduction | "batchmean";
  /** The target holds logarithms, too; false. */
  readonly logTarget?: boolean;
}

/** Names and kinds of these options. */
export const klDivOptions: KnownOptions<KLDivOptions> = {
  reduction: [...reductions, "batchmean"],
  logTarget: "boolean",
};

/** t · (log t − x), 0 where t is: `x` holds logarithms of probabilities, the target probabilities. */
export function klDiv(x: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  checkOptions<KLDivOptions>("klDiv", options, klDivOptions);
  const { reduction, logTarget = false } = options;
  expectSameShape("klDiv", x, target);
  const losses = logTarget
    ? target.exp().mul(target.sub(x))
    : target.mul(target.log()).where(target.ne(0), 0).sub(target.mul(x));
  if (reduction !== "batchmean") return reduced(losses, reduction);
  return losses.sum().div(x.shape[0] ?? 1);
}
