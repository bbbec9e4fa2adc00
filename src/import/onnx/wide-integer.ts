/**
 * Whole numbers of 64 bits as two words, for values that may leave 32: the low word is u32, the high one i32, and
 * together they are the number in two's complement, as in memory. Everything is exact modulo 2^64, as int64 is.
 *
 *     value = high · 2^32 + low
 */
import { elementCount } from "../../ir/shape.ts";
import { runningSum } from "../../nn/ordering.ts";
import { Tensor } from "../../nn/tensor.ts";

export interface WideInteger {
  /** u32. */
  readonly low: Tensor;
  /** i32. */
  readonly high: Tensor;
}

const op = (
  name: "bit_and" | "bit_or" | "bit_xor" | "shift_left" | "shift_right" | "add" | "sub" | "mul" | "where",
  ...operands: readonly Tensor[]
): Tensor => {
  const { trace } = operands[0]!;
  return new Tensor(
    trace,
    trace.add(
      name,
      operands.map((operand) => operand.id),
      {},
    ),
  );
};
const word = (x: Tensor, value: number): Tensor => new Tensor(x.trace, x.trace.scalar(value, "u32"));
const signed = (x: Tensor, value: number): Tensor => new Tensor(x.trace, x.trace.scalar(value, "i32"));
const asU32 = (x: Tensor): Tensor => x.to("u32");
const asI32 = (x: Tensor): Tensor => x.to("i32");
const select = (condition: Tensor, a: Tensor, b: Tensor): Tensor => op("where", condition, a, b);

/** The number of an i32, u32 or bool tensor. */
export function widened(x: Tensor): WideInteger {
  if (x.dtype === "u32") return { low: x, high: asI32(x).mul(signed(x, 0)) };
  const whole = x.dtype === "bool" ? x.to("i32") : x;
  return { low: asU32(whole), high: op("shift_right", whole, signed(whole, 31)) };
}

/** The low 32 bits. */
export function narrowedToI32({ low }: WideInteger): Tensor {
  return asI32(low);
}

/** i32: 0 where the number fits 32 bits, 1 where it does not. */
export function leaves32Bits({ low, high }: WideInteger): Tensor {
  return high.ne(op("shift_right", asI32(low), signed(low, 31))).to("i32");
}

export function add(a: WideInteger, b: WideInteger): WideInteger {
  const low = op("add", a.low, b.low);
  const carry = low.lt(a.low).to("i32");
  return { low, high: op("add", op("add", a.high, b.high), carry) };
}

export function negated(x: WideInteger): WideInteger {
  const low = op("sub", word(x.low, 0), x.low);
  const borrow = x.low.ne(word(x.low, 0)).to("i32");
  return { low, high: op("sub", op("sub", signed(x.high, 0), x.high), borrow) };
}

export function subtract(a: WideInteger, b: WideInteger): WideInteger {
  const low = op("sub", a.low, b.low);
  const borrow = a.low.lt(b.low).to("i32");
  return { low, high: op("sub", op("sub", a.high, b.high), borrow) };
}

export function multiply(a: WideInteger, b: WideInteger): WideInteger {
  const cross = op("add", op("mul", a.low, asU32(b.high)), op("mul", asU32(a.high), b.low));
  const high = op("add", highProduct(a.low, b.low), cross);
  return { low: op("mul", a.low, b.low), high: asI32(high) };
}

/** The upper word of a product of two u32, from their halves. */
function highProduct(a: Tensor, b: Tensor): Tensor {
  const [mask, shift] = [word(a, 0xffff), word(a, 16)];
  const halves = (x: Tensor) => [op("bit_and", x, mask), op("shift_right", x, shift)] as const;
  const [aLow, aHigh] = halves(a);
  const [bLow, bHigh] = halves(b);
  const middle = op("add", op("mul", aHigh, bLow), op("shift_right", op("mul", aLow, bLow), shift));
  const [middleLow, middleHigh] = halves(middle);
  const other = op("add", op("mul", aLow, bHigh), middleLow);
  return op("add", op("add", op("mul", aHigh, bHigh), middleHigh), op("shift_right", other, shift));
}

export function absolute(x: WideInteger): WideInteger {
  return choose(isNegative(x), negated(x), x);
}

export function isNegative({ high }: WideInteger): Tensor {
  return high.lt(signed(high, 0));
}

/** `condition ? a : b`. */
export function choose(condition: Tensor, a: WideInteger, b: WideInteger): WideInteger {
  return { low: select(condition, a.low, b.low), high: select(condition, a.high, b.high) };
}

export function equal(a: WideInteger, b: WideInteger): Tensor {
  return a.low.eq(b.low).logicalAnd(a.high.eq(b.high));
}

export function less(a: WideInteger, b: WideInteger): Tensor {
  return a.high.lt(b.high).logicalOr(a.high.eq(b.high).logicalAnd(a.low.lt(b.low)));
}

export function isZero(x: WideInteger): Tensor {
  return op("bit_or", x.low, asU32(x.high)).eq(word(x.low, 0));
}

/** −1, 0 or 1. */
export function signOf(x: WideInteger): WideInteger {
  const one = signed(x.high, 1);
  const sign = select(isNegative(x), signed(x.high, -1), select(isZero(x), signed(x.high, 0), one));
  return widened(sign.expand(x.low.shape));
}

/** Sums over axes, by parts of so few bits that the sum of each fits a word. */
export function sumOver(x: WideInteger, axes: readonly number[], keepDims: boolean): WideInteger {
  const count = elementCount(axes.map((axis) => x.low.shape[axis]!));
  return byParts(x, count, (part) => part.sum([...axes], keepDims));
}

/** Running sums along an axis. */
export function runningSums(x: WideInteger, axis: number, exclusive: boolean): WideInteger {
  return byParts(x, x.low.shape[axis]!, (part) => runningSum(part, axis, exclusive));
}

/** What a linear map of `count` terms makes of a number, from what it makes of its parts. */
export function byParts(x: WideInteger, count: number, map: (part: Tensor) => Tensor): WideInteger {
  const bits = count <= 2 ** 16 ? 16 : 8;
  if (count > 2 ** 24) x.low.trace.fail("unsupported", `a sum of ${count} whole numbers of 64 bits; at most 2^24 can be.`); // prettier-ignore
  let sum: WideInteger | undefined;
  for (let at = 0; at < 64; at += bits) {
    const half = at < 32 ? x.low : asU32(x.high);
    const shifted = at % 32 === 0 ? half : op("shift_right", half, word(half, at % 32));
    const part = map(op("bit_and", shifted, word(half, 2 ** bits - 1)));
    const placed = shiftedLeft(part, at);
    sum = sum === undefined ? placed : add(sum, placed);
  }
  return sum!;
}

/** A u32 times 2^bits. */
function shiftedLeft(x: Tensor, bits: number): WideInteger {
  const zero = op("mul", x, word(x, 0));
  if (bits === 0) return { low: x, high: asI32(zero) };
  if (bits >= 32)
    return { low: zero, high: asI32(bits === 32 ? x : op("shift_left", x, word(x, bits - 32))) };
  return {
    low: op("shift_left", x, word(x, bits)),
    high: asI32(op("shift_right", x, word(x, 32 - bits))),
  };
}

/** The nearest f32, halves to even: the first 32 bits of the magnitude, of which the last says whether any follow. */
export function toFloat(x: WideInteger): Tensor {
  const magnitude = absolute(x);
  let [high, low] = [asU32(magnitude.high), magnitude.low];
  let power = new Tensor(low.trace, low.trace.scalar(2 ** 32, "f32"));
  for (const step of [16, 8, 4, 2, 1]) {
    const fits = high.lt(word(high, 2 ** (32 - step)));
    const upper = op("shift_right", low, word(low, 32 - step));
    high = select(fits, op("bit_or", op("shift_left", high, word(high, step)), upper), high);
    low = select(fits, op("shift_left", low, word(low, step)), low);
    power = select(fits, power.mul(2 ** -step), power);
  }
  // Where the upper word is 0 it was shifted by 31 of its 32 bits: the last one is left.
  const isSmall = magnitude.high.eq(signed(magnitude.high, 0));
  const rest = select(low.ne(word(low, 0)), word(low, 1), word(low, 0));
  const first = select(isSmall, magnitude.low, op("bit_or", high, rest));
  const one = new Tensor(low.trace, low.trace.scalar(1, "f32"));
  const value = roundedToFloat(first).mul(select(isSmall, one, power));
  return select(isNegative(x), value.neg(), value);
}

/** A u32 as f32, halves to even: by halves of 16 bits, of which only the sum is rounded. */
function roundedToFloat(x: Tensor): Tensor {
  const upper = op("shift_right", x, word(x, 16)).to("f32").mul(65536);
  return upper.add(op("bit_and", x, word(x, 0xffff)).to("f32"));
}

const two32 = 2 ** 32;

/** An f32 truncated; what is beyond 64 bits saturates, NaN is 0. */
export function fromFloat(x: Tensor): WideInteger {
  const magnitude = x.abs().trunc();
  const isLarge = magnitude.ge(2 ** 63);
  const finite = new Tensor(x.trace, x.trace.scalar(0, "f32")).where(isLarge.logicalOr(x.isnan()), magnitude);
  const upper = finite.mul(1 / two32).trunc();
  const lower = finite.sub(upper.mul(two32));
  // Each half of the lower word fits an i32, which every device converts to.
  const lowerHalf = lower.mul(2 ** -16).trunc();
  const rest = lower.sub(lowerHalf.mul(2 ** 16));
  const low = op(
    "bit_or",
    op("shift_left", asU32(lowerHalf.to("i32")), word(asU32(rest.to("i32")), 16)),
    asU32(rest.to("i32")),
  );
  const whole: WideInteger = { low, high: upper.to("i32") };
  const greatest = { low: word(low, 0xffff_ffff), high: signed(low, 0x7fff_ffff) };
  const least = { low: word(low, 0), high: signed(low, -0x8000_0000) };
  const inside = choose(x.lt(0), negated(whole), whole);
  return choose(isLarge, choose(x.lt(0), least, greatest), inside);
}

export function isTrue(x: WideInteger): Tensor {
  return isZero(x).logicalNot();
}
