/**
 * Dropping at random (Srivastava et al., 2014). The numbers are drawn on the device: `state` (u32, no dimensions)
 * says where their stream is, and is advanced after the run.
 */
import { formatShape, type Shape } from "../ir/shape.ts";
import type { StateBuffer } from "../ir/stored-tensor.ts";
import { Tensor } from "./tensor.ts";

/** True with probability 1 − `probability`. */
function keptAtRandom({ trace }: Tensor, shape: Shape, probability: number, state: StateBuffer): Tensor {
  const stream = trace.read(state);
  const uniform = new Tensor(trace, trace.add("random_uniform", [stream], { shape }));
  trace.update(state, trace.add("add", [stream, trace.scalar(1, "u32")], {}));
  return uniform.ge(probability);
}

/** What keeps the mean when `probability` of all is dropped. */
const scaleOf = (probability: number): number => (probability === 1 ? 0 : 1 / (1 - probability));

/** Zeroes each element with `probability` and scales the rest to keep the mean. */
export function dropout(x: Tensor, probability: number, state: StateBuffer): Tensor {
  return x.mul(keptAtRandom(x, x.shape, probability, state).to("f32").mul(scaleOf(probability)));
}

/**
 * Zeroes each channel of `x [N, C, …]` as a whole with `probability` (Tompson et al., 2015) and scales the rest;
 * `[C, …]`, one dimension less than `rank + 2`, is one item.
 */
export function featureDropout(x: Tensor, rank: number, probability: number, state: StateBuffer): Tensor {
  if (x.rank !== rank + 2 && x.rank !== rank + 1) {
    x.trace.fail(
      "shape",
      `dropout${rank}d: input ${formatShape(x.shape)} has ${x.rank} dimensions, expected ${rank + 2} or ${rank + 1}.`,
    );
  }
  // PyTorch takes three dimensions in dropout2d to be [N, C, L].
  const leading = x.rank === rank + 2 || rank === 2 ? 2 : 1;
  const channels = x.shape.map((size, axis) => (axis < leading ? size : 1));
  return x.mul(keptAtRandom(x, channels, probability, state).to("f32").mul(scaleOf(probability)));
}

/** What SELU tends to far below zero. */
const seluFloor = -1.7580993408473766;

/**
 * Sets each element to the least value of SELU, f, with `probability` p, then scales and shifts so that mean 0 and
 * variance 1 stay: a · x + b with a = ((1 − p)(1 + p · f²))^(−1/2), b = −a · p · f (Klambauer et al., 2017).
 */
export function alphaDropout(x: Tensor, probability: number, state: StateBuffer): Tensor {
  if (probability === 1) return x.mul(0);
  const kept = keptAtRandom(x, x.shape, probability, state);
  const scale = ((1 - probability) * (1 + probability * seluFloor ** 2)) ** -0.5;
  return x
    .where(kept, seluFloor)
    .mul(scale)
    .sub(scale * probability * seluFloor);
}
