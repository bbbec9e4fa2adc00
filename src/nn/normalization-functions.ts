/** Normalisation by the statistics of a tensor itself: layer, group, instance and RMS. */
import { formatShape, sameShape, type Shape } from "../ir/shape.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** (x − mean) / √(variance + ε) over `axes`; the variance is that of the centred values. */
export function standardize(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const centred = x.sub(x.mean(axes, true));
  return centred.mul(centred.square().mean(axes, true).add(eps).rsqrt());
}

/** x · weight + bias where they are given. */
function scaleAndShift(x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight === null ? x : x.mul(weight);
  return bias === null ? scaled : scaled.add(bias);
}

/** A vector of channels against `[N, C, …]`. */
function perChannel(x: Tensor, vector: Operand | null): Tensor | null {
  return vector === null
    ? null
    : toTensor(x.trace, vector).reshape([x.shape[1]!, ...x.shape.slice(2).map(() => 1)]);
}

/** The dimensions of `normalizedShape`, the last ones of `x`. */
function trailingAxes(name: string, x: Tensor, normalizedShape: Shape): number[] {
  const first = x.rank - normalizedShape.length;
  if (normalizedShape.length === 0 || first < 0 || !sameShape(x.shape.slice(first), normalizedShape)) {
    x.trace.fail(
      "shape",
      `${name}: input ${formatShape(x.shape)} does not end in the normalised shape ${formatShape(normalizedShape)}.`,
    );
  }
  return normalizedShape.map((_, i) => first + i);
}

/** Over the last dimensions, which are `normalizedShape`. */
export function layerNorm(
  x: Tensor,
  normalizedShape: Shape,
  weight: Operand | null = null,
  bias: Operand | null = null,
  eps = 1e-5,
): Tensor {
  const normalized = standardize(x, trailingAxes("layerNorm", x, normalizedShape), eps);
  const own = (value: Operand | null) => (value === null ? null : toTensor(x.trace, value));
  return scaleAndShift(normalized, own(weight), own(bias));
}

/** What f32 adds to 1 and still tells apart: PyTorch's ε where none is given. */
const floatEpsilon = 2 ** -23;

/** x / √(mean of x² + ε) over the last dimensions (Zhang & Sennrich, 2019). */
export function rmsNorm(
  x: Tensor,
  normalizedShape: Shape,
  weight: Operand | null = null,
  eps = floatEpsilon,
): Tensor {
  const axes = trailingAxes("rmsNorm", x, normalizedShape);
  const normalized = x.mul(x.square().mean(axes, true).add(eps).rsqrt());
  return weight === null ? normalized : normalized.mul(weight);
}

/** Over `numGroups` groups of the channels of `x [N, C, …]`, each with all its positions. */
export function groupNorm(
  x: Tensor,
  numGroups: number,
  weight: Operand | null = null,
  bias: Operand | null = null,
  eps = 1e-5,
): Tensor {
  const [batch, channels] = x.shape;
  if (x.rank < 2 || channels! % numGroups !== 0) {
    x.trace.fail(
      "shape",
      `groupNorm: input ${formatShape(x.shape)} needs a dimension 1 that divides into ${numGroups} groups.`,
    );
  }
  const grouped = x.reshape([batch!, numGroups, -1]);
  const normalized = standardize(grouped, [2], eps).reshape(x.shape);
  return scaleAndShift(normalized, perChannel(x, weight), perChannel(x, bias));
}

/** Over the positions of every channel of every item of `x [N, C, …]`. */
export function instanceNorm(
  x: Tensor,
  weight: Operand | null = null,
  bias: Operand | null = null,
  eps = 1e-5,
): Tensor {
  const axes = x.shape.slice(2).map((_, i) => i + 2);
  if (axes.length === 0)
    x.trace.fail("shape", `instanceNorm: input ${formatShape(x.shape)} has no positions.`);
  return scaleAndShift(standardize(x, axes, eps), perChannel(x, weight), perChannel(x, bias));
}
