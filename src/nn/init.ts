/** Initial values, as PyTorch's layers have them by default. */
import { zeros, type HostTensor } from "../ir/host-tensor.ts";
import type { Shape } from "../ir/shape.ts";

/** A source of numbers in [0, 1). */
export type RandomSource = () => number;

/** A tensor of samples from U(−bound, bound). */
export function uniform(shape: Shape, bound: number, random: RandomSource = Math.random): HostTensor<"f32"> {
  const result = zeros(shape, "f32");
  for (let i = 0; i < result.data.length; i++) result.data[i] = (2 * random() - 1) * bound;
  return result;
}

/** A matrix `[out, in]` of samples from U(−b, b), b = √(6 / (in + out)) (Glorot & Bengio, 2010). */
export function xavierUniform(shape: readonly [number, number], random?: RandomSource): HostTensor<"f32"> {
  return uniform(shape, Math.sqrt(6 / (shape[0] + shape[1])), random);
}

/** A tensor of samples from N(0, 1), by the transform of Box and Muller (1958). */
export function normal(shape: Shape, random: RandomSource = Math.random): HostTensor<"f32"> {
  const result = zeros(shape, "f32");
  for (let i = 0; i < result.data.length; i++) {
    result.data[i] = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  }
  return result;
}

/** A tensor of one value. */
export function filled(shape: Shape, value: number): HostTensor<"f32"> {
  const result = zeros(shape, "f32");
  result.data.fill(value);
  return result;
}

/** The bound U(−1/√fanIn, 1/√fanIn) that PyTorch's Linear and Conv use for weight and bias (Kaiming with a = √5). */
export function defaultBound(fanIn: number): number {
  return fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn);
}

/** A small repeatable generator for seeded weights: xorshift32 (Marsaglia, 2003). */
export function seededRandom(seed: number): RandomSource {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state / 4294967296;
  };
}
