/** Losses over scores of classes `[N, C, …]` (or `[C]`) and class numbers `[N, …]` (or one). */
import { checkOptions, type KnownOptions } from "../ir/check-options.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import { lossOptions, type LossOptions } from "./loss-functions.ts";
import { gatherAt, gatherElements } from "./positions.ts";
import { reduced, type Reduction } from "./reduction.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** What losses over classes may be told. */
export interface ClassLossOptions extends LossOptions {
  /** A factor for each class `[C]`. */
  readonly weight?: Operand | null;
  /** The class number that counts nothing, null for none; −100. */
  readonly ignoreIndex?: number | null;
}

const classLossOptions: KnownOptions<ClassLossOptions> = {
  ...lossOptions,
  weight: "any",
  ignoreIndex: "number or null",
};

/**
 * −w[t] · logProbability[t] for class numbers t; `mean` divides by the sum of the weights. Class numbers of an input
 * are checked before each run; those that the network computes take the nearest class where they lie outside, unless
 * `checkIndices` asks for an error.
 */
export function nllLoss(logProbability: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
  checkOptions<ClassLossOptions>("nllLoss", options, classLossOptions);
  const axis = classAxis("nllLoss", logProbability);
  expectClassNumbers("nllLoss", logProbability, axis, target, options);
  const { weight, isCounted } = classWeights(logProbability, axis, target, options);
  const losses = ofTarget(logProbability, axis, target).neg().mul(weight);
  return reducedByWeight(isCounted === null ? losses : losses.where(isCounted, 0), weight, options.reduction);
}

/** What cross entropy may be told. */
export interface CrossEntropyOptions extends ClassLossOptions {
  /** How much of the target is spread over all classes, 0 to 1; 0. */
  readonly labelSmoothing?: number;
}

/**
 * −Σ w · t · log softmax(x) over the classes of scores `x`. The target holds class numbers (i32) or, in the shape of
 * `x`, probabilities (f32), whose `mean` is that over the items.
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions<CrossEntropyOptions>("crossEntropy", options, {
    ...classLossOptions,
    labelSmoothing: "number",
  });
  const { labelSmoothing = 0, weight = null } = options;
  const axis = classAxis("crossEntropy", x);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    x.trace.fail("argument", `crossEntropy: labelSmoothing must be from 0 to 1, got ${labelSmoothing}.`);
  const logProbability = x.logSoftmax(axis);
  const spread = labelSmoothing / x.shape[axis]!;
  if (target.dtype === "f32")
    return ofProbabilities(logProbability, axis, target, spread, labelSmoothing, options);
  if (labelSmoothing === 0) {
    const { labelSmoothing: _, ...ofClasses } = options;
    return nllLoss(logProbability, target, ofClasses);
  }
  expectClassNumbers("crossEntropy", x, axis, target, options);
  const weights = classWeights(x, axis, target, options);
  const ofOne = ofTarget(logProbability, axis, target).mul(weights.weight);
  const ofAll = (weight === null ? logProbability : logProbability.mul(alongAxis(x, axis, weight))).sum(axis);
  const losses = ofOne
    .mul(1 - labelSmoothing)
    .add(ofAll.mul(spread))
    .neg();
  const { isCounted } = weights;
  return reducedByWeight(
    isCounted === null ? losses : losses.where(isCounted, 0),
    weights.weight,
    options.reduction,
  );
}

function ofProbabilities(
  logProbability: Tensor,
  axis: number,
  target: Tensor,
  spread: number,
  labelSmoothing: number,
  { weight = null, reduction = "mean" }: ClassLossOptions,
): Tensor {
  if (!sameShape(logProbability.shape, target.shape))
    logProbability.trace.fail(
      "shape",
      `crossEntropy: probabilities ${formatShape(target.shape)} must have the shape of the scores ${formatShape(logProbability.shape)}. Class numbers need dtype i32.`,
    );
  const smoothed = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(spread);
  const terms = logProbability.mul(smoothed);
  const losses = (weight === null ? terms : terms.mul(alongAxis(terms, axis, weight))).sum(axis).neg();
  return reduced(losses, reduction);
}

function classAxis(name: string, x: Tensor): number {
  if (x.rank === 0) x.trace.fail("shape", `${name}: scores [] have no classes, expected [N, C, …] or [C].`);
  return x.rank === 1 ? 0 : 1;
}

function expectClassNumbers(
  name: string,
  x: Tensor,
  axis: number,
  target: Tensor,
  { ignoreIndex = -100 }: ClassLossOptions,
): void {
  const expected = x.shape.filter((_, i) => i !== axis);
  if (target.dtype === "f32" || target.dtype === "bool")
    x.trace.fail(
      "dtype",
      `${name}: class numbers are ${target.dtype}, expected i32. Give the input's dtype: { shape, dtype: "i32" }.`,
    );
  if (!sameShape(target.shape, expected))
    x.trace.fail(
      "shape",
      `${name}: class numbers ${formatShape(target.shape)} do not fit scores ${formatShape(x.shape)}, expected ${formatShape(expected)}.`,
    );
  const range = { least: 0, greatest: x.shape[axis]! - 1, except: ignoreIndex ?? undefined };
  x.trace.noteIndex(target.id, range, `${name}: a class number of ${formatShape(x.shape)}`);
}

/** `x[…, target, …]`, the class in the place of `axis`, which goes. */
function ofTarget(x: Tensor, axis: number, target: Tensor): Tensor {
  return gatherElements(x, axis, target.to("i32").unsqueeze(axis)).squeeze(axis);
}

/** A vector of classes against `x`. */
function alongAxis(x: Tensor, axis: number, weight: Operand): Tensor {
  return toTensor(x.trace, weight).reshape([x.shape[axis]!, ...x.shape.slice(axis + 1).map(() => 1)]);
}

/** The weight of each item's class, 0 where it is ignored; and which items are not, null for all. */
function classWeights(
  x: Tensor,
  axis: number,
  target: Tensor,
  { weight = null, ignoreIndex = -100 }: ClassLossOptions,
): { readonly weight: Tensor; readonly isCounted: Tensor | null } {
  const classes = x.shape[axis]!;
  const table = weight === null ? null : toTensor(x.trace, weight);
  if (table !== null && !sameShape(table.shape, [classes]))
    x.trace.fail(
      "shape",
      `the weights of classes are ${formatShape(table.shape)}, expected [${classes}], one for each.`,
    );
  const own =
    table === null ? toTensor(x.trace, 1).expand(target.shape) : gatherAt(table, 0, target.to("i32"));
  if (ignoreIndex === null) return { weight: own, isCounted: null };
  const isCounted = target.to("i32").ne(ignoreIndex);
  return { weight: own.where(isCounted, 0), isCounted };
}

/** As `reduced`, but the mean is that by weight. */
function reducedByWeight(losses: Tensor, weight: Tensor, reduction: Reduction = "mean"): Tensor {
  return reduction === "mean" ? losses.sum().div(weight.sum()) : reduced(losses, reduction);
}
