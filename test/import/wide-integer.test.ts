/** Arithmetic on pairs of words is that of BigInt modulo 2^64, in `evaluate` and on every device. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { Trace } from "../../src/ir/trace.ts";
import * as wide from "../../src/import/onnx/wide-integer.ts";
import type { WideInteger } from "../../src/import/onnx/wide-integer.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { Tensor } from "../../src/nn/tensor.ts";
import { lazyDevice, runGraph, testedDevices } from "../devices/run-graph.ts";

const wrap = (x: bigint): bigint => BigInt.asIntN(64, x);
const random = seededRandom(11);
const bits = (): bigint => BigInt(Math.floor(random() * 2 ** 16));

/** Of every size and sign, around every power of two. */
function numbers(count: number): bigint[] {
  const special = [
    0n,
    1n,
    -1n,
    2n ** 31n,
    -(2n ** 31n),
    2n ** 32n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    0xffff_ffffn,
    2n ** 24n + 1n,
    2n ** 53n + 1n,
  ];
  return Array.from({ length: count }, (_, i) => {
    if (i < special.length) return special[i]!;
    const all = (bits() << 48n) | (bits() << 32n) | (bits() << 16n) | bits();
    const size = BigInt(1 + Math.floor(random() * 64));
    const near =
      random() < 0.2 ? 2n ** (size - 1n) + BigInt(Math.floor(random() * 5) - 2) : all & (2n ** size - 1n);
    return wrap(random() < 0.5 ? near : -near);
  });
}

const count = 240;
const [a, b] = [numbers(count), numbers(count).reverse()] as const;
const floats = Float32Array.from({ length: count }, (_, i) => (random() * 2 - 1) * 2 ** ((i * 66) / count));
floats.set([NaN, Infinity, -Infinity, 2 ** 63, -(2 ** 63), 0.9, -0.9, 2 ** 31, -(2 ** 31) - 256]);
const axis = 1;
const shape = [4, count / 4];

const words = (values: readonly bigint[]) => ({
  low: tensor(
    Uint32Array.from(values, (x) => Number(BigInt.asUintN(32, x))),
    shape,
    "u32",
  ),
  high: tensor(
    Int32Array.from(values, (x) => Number(x >> 32n)),
    shape,
    "i32",
  ),
});

/** Rows of `shape`, and what each becomes. */
const rows = (values: readonly bigint[]): bigint[][] => Array.from({ length: shape[0]! }, (_, r) => values.slice(r * shape[1]!, (r + 1) * shape[1]!)); // prettier-ignore
const sumOf = (values: readonly bigint[]): bigint => wrap(values.reduce((sum, x) => sum + x, 0n));
const saturated = (x: number): bigint => {
  if (Number.isNaN(x)) return 0n;
  if (x >= 2 ** 63) return 2n ** 63n - 1n;
  return x < -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(x));
};

interface Case {
  readonly of: (a: WideInteger, b: WideInteger, floats: Tensor) => WideInteger | Tensor;
  readonly expected: readonly (bigint | number)[];
}

const pairwise = (f: (x: bigint, y: bigint) => bigint | boolean): (bigint | number)[] =>
  a.map((x, i) => {
    const y = f(x, b[i]!);
    return typeof y === "boolean" ? Number(y) : wrap(y);
  });

const cases: Readonly<Record<string, Case>> = {
  add: { of: wide.add, expected: pairwise((x, y) => x + y) },
  subtract: { of: wide.subtract, expected: pairwise((x, y) => x - y) },
  multiply: { of: wide.multiply, expected: pairwise((x, y) => x * y) },
  negated: { of: wide.negated, expected: pairwise((x) => -x) },
  absolute: { of: wide.absolute, expected: pairwise((x) => (x < 0n ? -x : x)) },
  signOf: { of: wide.signOf, expected: pairwise((x) => (x > 0n ? 1n : x < 0n ? -1n : 0n)) },
  equal: {
    of: (x, y) => wide.equal(x, wide.choose(y.high.lt(0), x, y)),
    expected: pairwise((x, y) => (y < 0n ? true : x === y)),
  },
  less: { of: wide.less, expected: pairwise((x, y) => x < y) },
  isTrue: { of: wide.isTrue, expected: pairwise((x) => x !== 0n) },
  "choose the less": {
    of: (x, y) => wide.choose(wide.less(x, y), x, y),
    expected: pairwise((x, y) => (x < y ? x : y)),
  },
  leaves32Bits: { of: wide.leaves32Bits, expected: pairwise((x) => BigInt.asIntN(32, x) !== x) },
  widened: {
    of: (x) => wide.widened(wide.narrowedToI32(x)),
    expected: pairwise((x) => BigInt.asIntN(32, x)),
  },
  toFloat: { of: wide.toFloat, expected: a.map((x) => nearestFloat(x)) },
  fromFloat: { of: (_a, _b, x) => wide.fromFloat(x), expected: [...floats].map(saturated) },
  sumOver: { of: (x) => wide.sumOver(x, [axis], false), expected: rows(a).map(sumOf) },
  runningSums: {
    of: (x) => wide.runningSums(x, axis, false),
    expected: rows(a).flatMap((row) => row.map((_, i) => sumOf(row.slice(0, i + 1)))),
  },
};

/** Math.fround rounds what Number has rounded already; this rounds once, halves to even. */
function nearestFloat(x: bigint): number {
  const magnitude = x < 0n ? -x : x;
  const shift = BigInt(Math.max(0, magnitude.toString(2).length - 24));
  const [kept, rest] = [magnitude >> shift, magnitude & ((1n << shift) - 1n)];
  const half = shift === 0n ? 1n : 1n << (shift - 1n);
  const isUp = shift > 0n && (rest > half || (rest === half && (kept & 1n) === 1n));
  const rounded = Number(kept + (isUp ? 1n : 0n)) * 2 ** Number(shift);
  return x < 0n ? -rounded : rounded;
}

function traced() {
  const trace = new Trace("wide", new Map(), { isUserCode: false });
  const input = (name: string, dtype: "u32" | "i32" | "f32") =>
    new Tensor(trace, trace.input(name, tensorType(dtype, shape)));
  const pair = (name: string): WideInteger => ({
    low: input(`${name}.low`, "u32"),
    high: input(`${name}.high`, "i32"),
  });
  const operands = [pair("a"), pair("b"), input("floats", "f32")] as const;
  const outputs = Object.entries(cases).flatMap(([name, { of }]) => {
    const result = of(...operands);
    if (result instanceof Tensor) return [{ name, value: result.id }];
    return [
      { name: `${name}.low`, value: result.low.id },
      { name: `${name}.high`, value: result.high.id },
    ];
  });
  return trace.finish(outputs).graph;
}

const values: Readonly<Record<string, HostTensor>> = {
  "a.low": words(a).low,
  "a.high": words(a).high,
  "b.low": words(b).low,
  "b.high": words(b).high,
  floats: tensor(floats, shape),
};

function expectExact(results: Readonly<Record<string, HostTensor>>): void {
  for (const [name, { expected }] of Object.entries(cases)) {
    const [low, high] = [results[`${name}.low`], results[`${name}.high`]];
    const actual =
      low === undefined
        ? [...results[name]!.data].map(Number)
        : [...low.data].map((word, i) => (BigInt(Number(high!.data[i])) << 32n) | BigInt(word));
    expect(actual, name).toEqual(expected);
  }
}

describe("whole numbers of 64 bits as pairs of words", () => {
  const graph = traced();
  it("in evaluate", () => expectExact(evaluate(graph, values)));
  for (const kind of testedDevices) {
    const device = lazyDevice(kind);
    it(`on ${kind}`, async () => {
      const { results } = await runGraph(await device(), graph, values);
      expectExact(results);
    });
  }
});
