/**
 * Sums of products of 8-bit integers, exactly, by the convolutions and matrix products of f32, which holds whole
 * numbers up to 2²⁴. Where a sum could be larger the weight is taken apart into digits, each of which gives a sum of
 * its own:
 *
 *     x · w = x · d₀ + 16 · (x · d₁)        with        w = d₀ + 16 · d₁
 */
import type { Tensor } from "../../../nn/tensor.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";

/** f32 holds all whole numbers up to here. */
const greatestExact = 2 ** 24;
/** The greatest distance of an 8-bit integer from its zero point. */
const greatestValue = 255;

/** A weight whose elements are known. Elements `[…, sums, inner]`, in this order, go to the sum of their index there. */
export interface KnownWeight {
  readonly values: ArrayLike<number>;
  /** One for all, or one for each sum. */
  readonly zeros: ArrayLike<number>;
  readonly sums: number;
  readonly inner: number;
}

/** Whether a type is one whose products are summed here. */
export function isByte(elementType: number | undefined): boolean {
  return elementType === DataType.INT8 || elementType === DataType.UINT8;
}

/**
 * The i32 sums; undefined where no number of digits makes them exact.
 * @param x less its zero point, i32
 * @param weight likewise
 * @param terms products in a sum
 * @param multiply sums of products of f32
 */
export function exactSums(
  x: Tensor,
  weight: Tensor,
  terms: number,
  known: KnownWeight | undefined,
  multiply: (x: Tensor, weight: Tensor) => Tensor,
): Tensor | undefined {
  const bits = [8, 4, 3, 2, 1].find((width) =>
    digitBounds(width, terms, known).every((bound) => bound * greatestValue <= greatestExact),
  );
  if (bits === undefined) return undefined;
  const base = 2 ** bits;
  const input = x.to("f32");
  let rest = weight.to("f32");
  let result: Tensor | undefined;
  const count = digitCount(bits);
  for (let i = 0; i < count; i++) {
    const higher = i === count - 1 ? undefined : rest.div(base).floor();
    const digit = higher === undefined ? rest : rest.sub(higher.mul(base));
    const sums = multiply(input, digit)
      .to("i32")
      .mul(base ** i);
    result = result === undefined ? sums : result.add(sums);
    rest = higher ?? rest;
  }
  return result;
}

/** Digits of so many bits that numbers of −255 to 255 have; the last one has the sign. 8 stands for the whole. */
function digitCount(bits: number): number {
  return bits === 8 ? 1 : Math.ceil(8 / bits);
}

/** For each digit, the largest sum there can be of its absolute values. */
function digitBounds(bits: number, terms: number, known: KnownWeight | undefined): readonly number[] {
  const last = digitCount(bits) - 1;
  if (known === undefined) {
    const greatest = (digit: number) => (bits === 8 ? greatestValue : 2 ** bits - (digit < last ? 1 : 0));
    return Array.from({ length: last + 1 }, (_, digit) => terms * greatest(digit));
  }
  const { values, zeros, sums, inner } = known;
  const totals = Array.from({ length: last + 1 }, () => new Float64Array(sums));
  const mask = 2 ** bits - 1;
  for (let start = 0; start < values.length; start += sums * inner) {
    for (let sum = 0; sum < sums; sum++) {
      const zero = zeros.length === 1 ? zeros[0]! : zeros[sum]!;
      const from = start + sum * inner;
      for (let i = from; i < from + inner; i++) {
        let rest = values[i]! - zero;
        for (let digit = 0; digit < last; digit++) {
          totals[digit]![sum]! += rest & mask;
          rest >>= bits;
        }
        totals[last]![sum]! += Math.abs(rest);
      }
    }
  }
  return totals.map((total) => total.reduce((most, value) => Math.max(most, value), 0));
}
