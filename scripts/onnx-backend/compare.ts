/** A result beside the recorded one, within ONNX's tolerances and our own. */
import { decodeHalves } from "../../src/ir/half.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { formatShape, sameShape } from "../../src/ir/shape.ts";
import type { RecordedTensor } from "./tensor-file.ts";

/** ONNX's own: each element for itself. Casts to bf16 were recorded by cutting bits off, and may be one off. */
const onnxAbsolute = 1e-7;
const onnxRelative = ({ isBfloat }: RecordedTensor): number => (isBfloat ? 2 ** -7 : 1e-3);

/**
 * Ours: the largest difference, relative to the largest element. f64 is computed in f32; a half has 11 bits and a
 * bfloat 8, and what is rounded to them may fall on the other side of a tie.
 */
function toleranceOf({ value, isBfloat }: RecordedTensor): number {
  if (isBfloat) return 2 ** -7;
  return value.dtype === "f16" ? 2 ** -10 : 1e-5;
}

const isFloat = ({ dtype }: HostTensor): boolean => dtype === "f32" || dtype === "f64" || dtype === "f16";

/**
 * What is wrong with `actual`; undefined where it is right.
 * @param isImprecise whether only ONNX's tolerance counts
 */
export function differenceOf(
  actual: HostTensor,
  recorded: RecordedTensor,
  isImprecise: boolean,
): string | undefined {
  const expected = recorded.value;
  if (actual.dtype !== expected.dtype || !sameShape(actual.shape, expected.shape))
    return `is ${actual.dtype}${formatShape(actual.shape)}, expected ${expected.dtype}${formatShape(expected.shape)}`;
  const [a, b] = [numbersOf(actual), numbersOf(expected)];
  if (a.length !== b.length) return `has ${a.length} elements, expected ${b.length}`;
  if (!isFloat(expected)) {
    const at = Array.from(b).findIndex((value, i) => value !== a[i]);
    return at < 0 ? undefined : `has ${a[at]} at ${at}, expected ${b[at]}`;
  }
  const tolerance = isImprecise ? Infinity : toleranceOf(recorded);
  return floatDifference(a as ArrayLike<number>, b as ArrayLike<number>, tolerance, onnxRelative(recorded));
}

function floatDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  tolerance: number,
  ofEach: number,
): string | undefined {
  let [largest, worst, worstAt, outside] = [0, 0, 0, -1];
  for (let i = 0; i < b.length; i++) {
    const [actual, expected] = [a[i]!, b[i]!];
    if (Number.isFinite(expected)) largest = Math.max(largest, Math.abs(expected));
    if (actual === expected || (Number.isNaN(actual) && Number.isNaN(expected))) continue;
    const distance = Math.abs(actual - expected);
    // NaN and infinities where there should be none, or the other way round.
    if (!Number.isFinite(distance)) return `has ${actual} at ${i}, expected ${expected}`;
    if (distance > worst) [worst, worstAt] = [distance, i];
    if (distance > onnxAbsolute + ofEach * Math.abs(expected)) outside = i;
  }
  // f64 is computed in f32, where what is smaller than its least normal number may be 0.
  const relative = worst / Math.max(largest, 2 ** -126);
  if (relative <= tolerance && outside < 0) return undefined;
  const at = relative > tolerance ? worstAt : outside;
  return `differs by ${relative.toExponential(1)} of the largest element; has ${a[at]} at ${at}, expected ${b[at]}`;
}

function numbersOf({ dtype, data }: HostTensor): ArrayLike<number | bigint> {
  return dtype === "f16" ? decodeHalves(data as Uint16Array) : data;
}
