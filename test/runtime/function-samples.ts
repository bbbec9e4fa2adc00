/** Every unary and binary function of kernel IR, over ranges where f32 shows what it gets wrong. */
import type { BinaryOp, UnaryOp } from "../../src/codegen/kernel-ir.ts";
import { f32 } from "../../src/codegen/kernel-ir.ts";
import { powOf, roundHalfToEven } from "../codegen/interpret-kernel.ts";
import { binary, ref, unary } from "./expressions.ts";
import type { Sample } from "./sample-kernels.ts";

export interface FunctionSample {
  readonly label: string;
  readonly sample: Sample;
  readonly expected: Float32Array;
  /** Largest absolute error allowed, where a relative one means nothing (zeros of sin, say). */
  readonly absolute: number;
}

const count = 4096;
const specials = [NaN, Infinity, -Infinity, 0, 1, -1];

const linear = (low: number, high: number): Float32Array => fill((t) => low + (high - low) * t);
/** Both signs, magnitudes spread over exponents. */
const signed = (low: number, high: number): Float32Array =>
  fill((t, i) => low * (high / low) ** t * (i % 2 ? -1 : 1));
const positive = (low: number, high: number): Float32Array => fill((t) => low * (high / low) ** t);

function fill(at: (t: number, i: number) => number): Float32Array {
  const body = count - specials.length;
  return Float32Array.from({ length: count }, (_, i) =>
    i < body ? at(i / (body - 1), i) : (specials[i - body] ?? 0),
  );
}

const unaryCases: readonly (readonly [UnaryOp, Float32Array, (x: number) => number, number?])[] = [
  ["neg", signed(1e-30, 1e30), (x) => -x],
  ["abs", signed(1e-30, 1e30), Math.abs],
  ["sign", linear(-3, 3), (x) => (Number.isNaN(x) ? 0 : Math.sign(x))],
  ["floor", signed(1e-3, 1e9), Math.floor],
  ["ceil", signed(1e-3, 1e9), Math.ceil],
  ["trunc", signed(1e-3, 1e9), Math.trunc],
  ["round", linear(-100, 100).map((x) => Math.round(x * 4) / 4), roundHalfToEven],
  ["sqrt", positive(1e-37, 1e38), Math.sqrt],
  ["rsqrt", positive(1e-37, 1e38), (x) => 1 / Math.sqrt(x)],
  ["exp", linear(-86, 88), Math.exp],
  ["log", positive(1e-37, 1e38), Math.log],
  ["log", linear(0.9, 1.1), Math.log],
  ["expm1", linear(-30, 88), Math.expm1],
  ["expm1", signed(1e-30, 10), Math.expm1],
  ["log1p", positive(1e-30, 1e38), Math.log1p],
  ["log1p", signed(1e-30, 0.999), Math.log1p],
  ["sin", linear(-300, 300), trigonometric(Math.sin), 2e-7],
  ["cos", linear(-300, 300), trigonometric(Math.cos), 2e-7],
  ["tan", linear(-1.5, 1.5), trigonometric(Math.tan), 2e-7],
  ["asin", linear(-1, 1), Math.asin],
  ["acos", linear(-1, 1), Math.acos],
  ["atan", signed(1e-6, 1e8), Math.atan],
  ["sinh", signed(1e-6, 80), Math.sinh],
  ["cosh", signed(1e-6, 80), Math.cosh],
  ["tanh", signed(1e-6, 1e30), Math.tanh],
  ["asinh", signed(1e-6, 1e30), Math.asinh],
  ["acosh", positive(1.001, 1e30), Math.acosh],
  ["atanh", signed(1e-6, 0.9999), Math.atanh],
  ["erf", signed(1e-6, 10), erf],
];

const binaryCases: readonly (readonly [
  BinaryOp,
  Float32Array,
  Float32Array,
  (a: number, b: number) => number,
])[] = [
  ["div", signed(1e-10, 1e10), signed(1e-3, 1e3), (a, b) => a / b],
  ["quotient", signed(1e-10, 1e10), signed(1e-3, 1e3), (a, b) => a / b],
  ["rem", linear(-1000, 1000), fill((_, i) => (i % 13) - 6.5), (a, b) => a % b],
  ["pow", positive(1e-3, 1e3), linear(-8, 8), powOf],
  ["pow", linear(-9, 9), fill((_, i) => (i % 7) - 3), powOf],
  ["min", linear(-9, 9), fill((_, i) => (i % 7) - 3), Math.min],
  ["max", linear(-9, 9), fill((_, i) => (i % 7) - 3), Math.max],
];

export const functionSamples: readonly FunctionSample[] = [
  ...unaryCases.map(([op, x, f, absolute = 0], i): FunctionSample => {
    const value = unary(op, ref("xv", f32));
    return sampleOf(`${op} over ${range(x)}`, `f${i}_${op}`, value, { x }, x.map(f), absolute);
  }),
  ...binaryCases.map(([op, x, b, f], i): FunctionSample => {
    const value = binary(op, ref("xv", f32), ref("bv", f32));
    const expected = x.map((v, k) => f(v, b[k] ?? NaN));
    return sampleOf(`${op} over ${range(x)}`, `g${i}_${op}`, value, { x, b }, expected, 0);
  }),
];

function sampleOf(
  label: string,
  name: string,
  value: ReturnType<typeof unary>,
  inputs: Readonly<Record<string, Float32Array>>,
  expected: Float32Array,
  absolute: number,
): FunctionSample {
  const names = Object.keys(inputs);
  return {
    label,
    expected,
    absolute,
    sample: {
      name,
      items: count,
      inputs,
      buffers: [...names, "y"].map((buffer) => ({
        name: buffer,
        scalar: "f32",
        access: buffer === "y" ? "write" : "read",
        elementCount: count,
      })),
      body: (item) => [
        ...names.map(
          (buffer) => ({ kind: "load", name: `${buffer}v`, type: f32, buffer, index: item }) as const,
        ),
        { kind: "store", buffer: "y", index: item, value },
      ],
    },
  };
}

function range(x: Float32Array): string {
  const finite = x.slice(0, count - specials.length);
  return `${Math.min(...finite).toPrecision(2)}…${Math.max(...finite).toPrecision(2)}`;
}

function trigonometric(f: (x: number) => number): (x: number) => number {
  return (x) => (Number.isFinite(x) ? f(x) : NaN);
}

/** Maclaurin series below 3, continued fraction (Abramowitz and Stegun 7.1.14) from there on. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (!Number.isFinite(x)) return Math.sign(x);
  if (a < 3) {
    let [sum, term] = [a, a];
    for (let n = 1; n < 100; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}
