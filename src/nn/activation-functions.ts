/** Activation functions made of several operations, with the names and defaults of `torch.nn.functional`. */
import { checkOptions } from "../ir/check-options.ts";
import { formatShape, normalizeAxis } from "../ir/shape.ts";
import { toTensor, type Operand, type Tensor } from "./tensor.ts";

/** min(x, 0), NaN kept. */
const negativePart = (x: Tensor): Tensor => x.clamp(null, 0);

/** x above 0, α(eˣ − 1) below. */
export function elu(x: Tensor, alpha = 1): Tensor {
  return x.relu().add(negativePart(x).expm1().mul(alpha));
}

/** γ · elu(x, α) with the constants of Klambauer et al. (2017). */
export function selu(x: Tensor, alpha = 1.6732632423543772, gamma = 1.0507009873554805): Tensor {
  return elu(x, alpha).mul(gamma);
}

/** x above 0, α(e^(x/α) − 1) below. */
export function celu(x: Tensor, alpha = 1): Tensor {
  return x.relu().add(negativePart(x).div(alpha).expm1().mul(alpha));
}

/** slope · x below 0, else x, so that an infinite slope leaves 0 as it is. */
export function sloped(x: Tensor, slope: Tensor): Tensor {
  return x.where(x.ge(0), x.mul(slope));
}

/** x above 0, weight · x below; one weight, or one for each position of dimension 1. */
export function prelu(x: Tensor, weight: Operand): Tensor {
  const slopes = toTensor(x.trace, weight);
  const [count] = slopes.shape;
  const aligned =
    count === undefined || count === 1 || x.rank < 2
      ? slopes
      : slopes.reshape([count, ...x.shape.slice(2).map(() => 1)]);
  return sloped(x, aligned);
}

/** log(1 + eˣ) without overflow: max(x, 0) + log(1 + e^−|x|). */
function softplusOfOne(x: Tensor): Tensor {
  return x.relu().add(x.abs().neg().exp().log1p());
}

/** log(1 + e^(βx)) / β; x itself where βx is above `threshold`. */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  const scaled = beta === 1 ? x : x.mul(beta);
  const smooth = beta === 1 ? softplusOfOne(scaled) : softplusOfOne(scaled).div(beta);
  return threshold === Infinity ? smooth : x.where(scaled.gt(threshold), smooth);
}

/** log(1 / (1 + e^−x)). */
export function logSigmoid(x: Tensor): Tensor {
  return softplusOfOne(x.neg()).neg();
}

/** x / (1 + |x|). */
export function softsign(x: Tensor): Tensor {
  return x.div(x.abs().add(1));
}

/** x · tanh(log(1 + eˣ)). */
export function mish(x: Tensor): Tensor {
  return x.mul(softplusOfOne(x).tanh());
}

/** `x`, cut off below `min` and above `max`. */
export function hardtanh(x: Tensor, min = -1, max = 1): Tensor {
  return x.clamp(min, max);
}

/** x where it is above `threshold`, `value` elsewhere; NaN kept. */
export function threshold(x: Tensor, threshold: number, value: number): Tensor {
  return x.where(x.le(threshold).logicalNot(), value);
}

/** x + bias below −λ, x − bias above λ, 0 between; NaN kept. */
export function shrink(x: Tensor, lambda: number, bias: number): Tensor {
  return x.add(bias).where(x.lt(-lambda), x.sub(bias).where(x.gt(lambda), x.mul(0)));
}

/** x outside −λ … λ, 0 inside. */
export function hardshrink(x: Tensor, lambda = 0.5): Tensor {
  return shrink(x, lambda, 0);
}

/** λ nearer to zero, 0 inside −λ … λ. */
export function softshrink(x: Tensor, lambda = 0.5): Tensor {
  return shrink(x, lambda, lambda);
}

/** x − tanh(x). */
export function tanhshrink(x: Tensor): Tensor {
  return x.sub(x.tanh());
}

/** softmax(−x) along `axis`. */
export function softmin(x: Tensor, axis: number): Tensor {
  return x.neg().softmax(axis);
}

/** The first half along `axis` times the sigmoid of the second (Dauphin et al., 2017). */
export function glu(x: Tensor, axis = -1): Tensor {
  const at = normalizeAxis(axis, x.rank, "glu");
  const size = x.shape[at]!;
  if (size % 2 !== 0)
    x.trace.fail("shape", `glu: dimension ${at} of ${formatShape(x.shape)} does not divide into two halves.`);
  return x.slice(at, 0, size / 2).mul(x.slice(at, size / 2).sigmoid());
}

/** Between what the slopes of `rrelu` are drawn. */
export interface RReluOptions {
  /** Least slope below zero; 1/8. */
  readonly lower?: number;
  /** Greatest slope below zero; 1/3. */
  readonly upper?: number;
  /** Slopes drawn at random, which is not supported; false. */
  readonly training?: boolean;
}

/** x above 0, (lower + upper) / 2 · x below: what a leaky ReLU with random slopes is outside training. */
export function rrelu(x: Tensor, options: RReluOptions = {}): Tensor {
  checkOptions<RReluOptions>("rrelu", options, { lower: "number", upper: "number", training: "boolean" });
  const { lower = 1 / 8, upper = 1 / 3, training = false } = options;
  if (training)
    x.trace.fail(
      "unsupported",
      "rrelu: random slopes, which training mode draws, are not supported. Call eval() on the network, or use leakyRelu.",
    );
  return x.leakyRelu((lower + upper) / 2);
}
