/**
 * f16 parameters on devices: two to a u32 word, the first in the low half. Every device has words, so the file's
 * bytes are uploaded as they are, and the first operations of the graph are the decoding: exact, in integer
 * arithmetic and by powers of two. They move to `prepare`, where they fuse with the packing of the weight.
 *
 *     %w = input parameter u32[⌈n/2⌉] → f32[shape]
 */
import type { HostDType } from "./dtype.ts";
import type { ValueId } from "./graph.ts";
import type { HostTensor } from "./host-tensor.ts";
import { elementCount, type Shape } from "./shape.ts";
import { tensorType, type TensorType } from "./tensor-type.ts";
import type { Trace } from "./trace.ts";

/** Smaller ones are decoded on the host: their bytes cost less than a kernel and the nodes that describe it. */
const leastElements = 4096;

/** Whether a stored tensor enters graphs as words. */
export function entersAsWords({
  dtype,
  shape,
}: {
  readonly dtype: HostDType;
  readonly shape: Shape;
}): boolean {
  return dtype === "f16" && elementCount(shape) >= leastElements;
}

/** How an f16 tensor of this shape enters a graph. */
export function wordsType(shape: Shape): TensorType {
  return tensorType("u32", [Math.ceil(elementCount(shape) / 2)]);
}

/** The bits of f16 elements as words; the last half is 0 where their number is odd. */
export function wordsOf(halves: Uint16Array): HostTensor<"u32"> {
  const words = new Uint32Array(Math.ceil(halves.length / 2));
  halves.forEach((bits, i) => (words[i >> 1]! |= bits << (16 * (i & 1))));
  return { dtype: "u32", shape: [words.length], data: words };
}

const bits = (value: number): HostTensor => ({ dtype: "u32", shape: [], data: Uint32Array.of(value) });
const float = (value: number): HostTensor => ({ dtype: "f32", shape: [], data: Float32Array.of(value) });

/** A trace knows constants by identity, so all parameters share the nodes of these. */
const constants = {
  shifts: { dtype: "u32", shape: [2], data: Uint32Array.of(0, 16) } as HostTensor,
  lowHalf: bits(0xffff),
  fractionMask: bits(1023),
  exponentMask: bits(31),
  exponentShift: bits(10),
  shiftMask: bits(15),
  implicitOne: bits(1024),
  signBit: bits(0x8000),
  none: bits(0),
  one: bits(1),
  upper: bits(16),
  upperFactor: float(2 ** -9),
  lowerFactor: float(2 ** -25),
  infinity: float(Infinity),
  nan: float(NaN),
} as const;

/** Adds the nodes that make f32 elements of words. */
export function decodeWords(trace: Trace, words: ValueId, shape: Shape): ValueId {
  const count = elementCount(shape);
  const pairs = Math.ceil(count / 2);
  const known = (name: keyof typeof constants): ValueId => trace.constant(constants[name]);
  const binary = (
    op: "bit_and" | "shift_left" | "shift_right" | "add" | "mul" | "max" | "eq" | "ge",
    a: ValueId,
    b: ValueId,
  ): ValueId => trace.add(op, [a, b], {});
  const where = (condition: ValueId, a: ValueId, b: ValueId): ValueId =>
    trace.add("where", [condition, a, b], {});

  const column = trace.add("reshape", [words], { shape: [pairs, 1] });
  const half = binary("bit_and", binary("shift_right", column, known("shifts")), known("lowHalf"));
  const exponent = binary(
    "bit_and",
    binary("shift_right", half, known("exponentShift")),
    known("exponentMask"),
  );
  const fraction = binary("bit_and", half, known("fractionMask"));

  // fraction · 2^-24 where the exponent is 0, else (1024 + fraction) · 2^(exponent − 25). The power is split into
  // a shift by its low four bits, which leaves integers that f32 holds, and one of two factors for the fifth.
  const isSubnormal = binary("eq", exponent, known("none"));
  const significand = where(isSubnormal, fraction, binary("add", fraction, known("implicitOne")));
  const power = binary("max", exponent, known("one"));
  const shifted = binary("shift_left", significand, binary("bit_and", power, known("shiftMask")));
  const number = trace.add("cast", [shifted], { dtype: "f32" });
  const isUpper = binary("ge", power, known("upper"));
  const finite = binary("mul", number, where(isUpper, known("upperFactor"), known("lowerFactor")));

  const special = where(binary("eq", fraction, known("none")), known("infinity"), known("nan"));
  const magnitude = where(binary("eq", exponent, known("exponentMask")), special, finite);
  const isNegative = binary("ge", half, known("signBit"));
  const signed = where(isNegative, trace.add("neg", [magnitude], {}), magnitude);
  if (count % 2 === 0) return trace.add("reshape", [signed], { shape });
  const flat = trace.add("reshape", [signed], { shape: [2 * pairs] });
  const exact = trace.add("slice", [flat], { start: [0], size: [count], step: [1] });
  return trace.add("reshape", [exact], { shape });
}
