import { describe, expect, it } from "vitest";
import { f32, type BinaryOp, type Kernel, type UnaryOp } from "../../../src/codegen/kernel-ir.ts";
import { binary, constant, ref, unary } from "../../../src/codegen/legalize/build-expr.ts";
import { expandableOps, expandMath } from "../../../src/codegen/legalize/expand-math.ts";
import { interpretKernel, powOf, roundHalfToEven } from "../interpret-kernel.ts";
import { runWasm } from "../wasm/run-wasm.ts";

type How = "wasm" | "fused";

function compute(kernel: Kernel, inputs: readonly Float32Array[], how: How): Float32Array {
  const out = new Float32Array(inputs[0]?.length ?? 0);
  const buffers = { ...Object.fromEntries(inputs.map((x, k) => [`in${k}`, x])), out };
  if (how === "wasm") runWasm(kernel, buffers);
  else interpretKernel(expandMath(kernel, expandableOps), buffers, { fused: true });
  return out;
}

function kernelOf(
  count: number,
  inputCount: number,
  apply: (...xs: readonly ReturnType<typeof ref>[]) => ReturnType<typeof ref>,
): Kernel {
  const inputs = Array.from({ length: inputCount }, (_, k) => `in${k}`);
  const group = { kind: "group", type: { scalar: "i32", lanes: 1 } } as const;
  return {
    name: "apply",
    comment: "",
    buffers: [
      ...inputs.map((name) => ({ name, scalar: "f32", access: "read", elementCount: count }) as const),
      { name: "out", scalar: "f32", access: "write", elementCount: count },
    ],
    shared: [],
    groups: count,
    groupSize: 1,
    body: [
      ...inputs.map(
        (buffer) => ({ kind: "load", name: `${buffer}_x`, type: f32, buffer, index: group }) as const,
      ),
      {
        kind: "store",
        buffer: "out",
        index: group,
        value: apply(...inputs.map((name) => ref(`${name}_x`, f32))),
      },
    ],
  };
}

const applyUnary = (op: UnaryOp, xs: Float32Array, how: How): Float32Array =>
  compute(
    kernelOf(xs.length, 1, (x) =>
      op === "isnan" ? { kind: "convert", type: f32, x: unary(op, x!) } : unary(op, x!),
    ),
    [xs],
    how,
  );
const applyBinary = (op: BinaryOp, xs: Float32Array, ys: Float32Array, how: How): Float32Array =>
  compute(
    kernelOf(xs.length, 2, (x, y) => binary(op, x!, y!)),
    [xs, ys],
    how,
  );

/** `count` numbers from `low` to `high`, both included, half of them evenly spaced, half geometrically. */
function sample(low: number, high: number, count = 4000): number[] {
  const half = count / 2;
  const even = Array.from({ length: half }, (_, i) => low + ((high - low) * i) / (half - 1));
  const geometric = Array.from({ length: half }, (_, i) => 2 ** (-100 * (1 - i / (half - 1))));
  return [
    ...even,
    ...geometric.map((t) => t * high).filter((x) => x >= low),
    ...geometric.map((t) => t * low).filter((x) => x <= high),
  ];
}

/** erf to f64: Taylor series below 2 (Abramowitz & Stegun 7.1.5), continued fraction above (7.1.14). */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = a;
  for (let n = 100; n > 0; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / fraction);
}

interface Case {
  readonly op: UnaryOp;
  readonly exact: (x: number) => number;
  readonly low: number;
  readonly high: number;
  /** Largest relative error. */
  readonly relative?: number;
  /** Largest absolute error, where the relative one has no bound. */
  readonly absolute?: number;
}

const cases: readonly Case[] = [
  { op: "exp", exact: Math.exp, low: -87, high: 88.72, relative: 3e-7 },
  { op: "log", exact: Math.log, low: 1e-37, high: 3.4e38, relative: 3e-7 },
  { op: "log", exact: Math.log, low: 0.9, high: 1.1, relative: 3e-7 },
  { op: "log", exact: Math.log, low: 2e-45, high: 1e-38, relative: 3e-7 },
  { op: "sin", exact: Math.sin, low: -0.7, high: 0.7, relative: 3e-7 },
  { op: "sin", exact: Math.sin, low: -1e4, high: 1e4, absolute: 3e-7 },
  { op: "cos", exact: Math.cos, low: -1e4, high: 1e4, absolute: 3e-7 },
  { op: "tan", exact: Math.tan, low: -1.5, high: 1.5, relative: 6e-7 },
  { op: "tan", exact: Math.tan, low: -100, high: 100, relative: 6e-7 },
  { op: "asin", exact: Math.asin, low: -1, high: 1, relative: 3e-7 },
  { op: "acos", exact: Math.acos, low: -1, high: 1, relative: 6e-7 },
  { op: "atan", exact: Math.atan, low: -50, high: 50, relative: 3e-7 },
  { op: "atan", exact: Math.atan, low: -3e38, high: 3e38, relative: 3e-7 },
  { op: "sinh", exact: Math.sinh, low: -89.4, high: 89.4, relative: 6e-7 },
  { op: "sinh", exact: Math.sinh, low: -2, high: 2, relative: 6e-7 },
  { op: "cosh", exact: Math.cosh, low: -89.4, high: 89.4, relative: 6e-7 },
  { op: "tanh", exact: Math.tanh, low: -12, high: 12, relative: 4e-7 },
  { op: "asinh", exact: Math.asinh, low: -10, high: 10, relative: 4e-7 },
  { op: "asinh", exact: Math.asinh, low: -3e38, high: 3e38, relative: 4e-7 },
  { op: "acosh", exact: Math.acosh, low: 1, high: 10, relative: 4e-7 },
  { op: "acosh", exact: Math.acosh, low: 1, high: 3e38, relative: 4e-7 },
  { op: "atanh", exact: Math.atanh, low: -0.9999, high: 0.9999, relative: 6e-7 },
  { op: "expm1", exact: Math.expm1, low: -1, high: 1, relative: 5e-7 },
  { op: "expm1", exact: Math.expm1, low: -1e-3, high: 1e-3, relative: 3e-7 },
  { op: "expm1", exact: Math.expm1, low: -103, high: 88.7, relative: 5e-7 },
  { op: "log1p", exact: Math.log1p, low: -0.9999, high: 2, relative: 5e-7 },
  { op: "log1p", exact: Math.log1p, low: -1e-3, high: 1e-3, relative: 3e-7 },
  { op: "log1p", exact: Math.log1p, low: 0, high: 3e38, relative: 3e-7 },
  { op: "erf", exact: erf, low: -5, high: 5, relative: 4e-7 },
  { op: "rsqrt", exact: (x) => 1 / Math.sqrt(x), low: 1e-37, high: 3e38, relative: 2e-7 },
  { op: "sign", exact: (x) => Math.sign(x), low: -3, high: 3, absolute: 0 },
  { op: "round", exact: roundHalfToEven, low: -20, high: 20, absolute: 0 },
  { op: "round", exact: roundHalfToEven, low: -1e10, high: 1e10, absolute: 0 },
];

const normal = 2 ** -126;

function largestError(
  result: Float32Array,
  xs: Float32Array,
  { exact, relative }: Case,
): { error: number; at: number } {
  let worst = { error: 0, at: NaN };
  xs.forEach((x, i) => {
    const expected = exact(x);
    const actual = result[i] ?? NaN;
    // Results below the normal range may keep fewer digits or none.
    if (relative !== undefined && Math.abs(expected) < normal && Math.abs(actual) <= normal) return;
    const difference = Math.abs(actual - expected);
    const error =
      relative === undefined
        ? difference
        : expected === 0 && difference === 0
          ? 0
          : difference / Math.abs(expected);
    if (!(error <= worst.error)) worst = { error, at: x };
  });
  return worst;
}

describe.each(["wasm", "fused"] as const)("expandMath (%s)", (how) => {
  it.each(cases)("$op on [$low, $high]", (row) => {
    const xs = Float32Array.from([...sample(row.low, row.high), 0.5, 1.5, 2.5, -0.5]).filter(
      (x) => x >= row.low && x <= row.high,
    );
    const worst = largestError(applyUnary(row.op, xs, how), xs, row);
    expect(worst.error, `at ${worst.at}`).toBeLessThanOrEqual(row.relative ?? row.absolute ?? 0);
  });

  const specials: readonly (readonly [UnaryOp, readonly (readonly [number, number])[]])[] = [
    ["exp", [[0, 1], [-0, 1], [Infinity, Infinity], [-Infinity, 0], [89, Infinity], [3e38, Infinity], [-104, 0], [-3e38, 0]]],
    ["log", [[1, 0], [0, -Infinity], [-0, -Infinity], [Infinity, Infinity], [-1, NaN], [-1e-40, NaN], [-Infinity, NaN]]],
    ["expm1", [[0, 0], [-0, 0], [Infinity, Infinity], [-Infinity, -1], [89, Infinity], [-104, -1], [1e-30, Math.fround(1e-30)]]],
    ["log1p", [[0, 0], [-0, 0], [-1, -Infinity], [Infinity, Infinity], [-1.5, NaN], [-Infinity, NaN], [1e-30, Math.fround(1e-30)]]],
    ["sin", [[0, 0], [Infinity, NaN], [-Infinity, NaN]]],
    ["cos", [[0, 1], [Infinity, NaN], [-Infinity, NaN]]],
    ["tan", [[0, 0], [Infinity, NaN]]],
    ["asin", [[0, 0], [1, Math.fround(Math.PI / 2)], [1.0001, NaN], [-Infinity, NaN]]],
    ["acos", [[1, 0], [-1, Math.fround(Math.PI)], [-1.0001, NaN], [Infinity, NaN]]],
    ["atan", [[0, 0], [Infinity, Math.fround(Math.PI / 2)], [-Infinity, Math.fround(-Math.PI / 2)]]],
    ["sinh", [[0, 0], [Infinity, Infinity], [-Infinity, -Infinity], [90, Infinity], [-3e38, -Infinity]]],
    ["cosh", [[0, 1], [Infinity, Infinity], [-Infinity, Infinity], [90, Infinity]]],
    ["tanh", [[0, 0], [Infinity, 1], [-Infinity, -1], [20, 1], [-3e38, -1]]],
    ["asinh", [[0, 0], [Infinity, Infinity], [-Infinity, -Infinity]]],
    ["acosh", [[1, 0], [0.999, NaN], [-Infinity, NaN], [Infinity, Infinity]]],
    ["atanh", [[0, 0], [1, Infinity], [-1, -Infinity], [1.5, NaN], [-Infinity, NaN]]],
    ["erf", [[0, 0], [Infinity, 1], [-Infinity, -1], [10, 1], [-3e38, -1]]],
    ["rsqrt", [[0, Infinity], [Infinity, 0], [-1, NaN], [4, 0.5]]],
    ["round", [[0.5, 0], [1.5, 2], [-2.5, -2], [Infinity, Infinity], [8388609, 8388609]]],
    ["sign", [[0, 0], [Infinity, 1], [-1e-40, -1]]],
    ["isnan", [[0, 0], [Infinity, 0], [-Infinity, 0], [3e38, 0], [NaN, 1], [-NaN, 1]]],
  ]; // prettier-ignore

  it.each(specials)("%s of special values", (op, pairs) => {
    const xs = Float32Array.from(pairs.map(([x]) => x));
    const result = Array.from(applyUnary(op, xs, how), (x) => x + 0);
    expect(result).toEqual(pairs.map(([, y]) => y));
  });

  it("gives NaN for NaN, except sign and isnan", () => {
    for (const [op] of specials) {
      if (op === "sign" || op === "isnan") continue;
      expect(applyUnary(op, Float32Array.of(NaN), how)[0], op).toBeNaN();
    }
    expect(applyUnary("sign", Float32Array.of(NaN), how)[0]).toBe(0);
  });

  it("keeps sin and cos of huge arguments within [-1, 1]", () => {
    const xs = Float32Array.of(1e5, 1e7, -1e9, 1e15, 3e38, -3e38);
    for (const op of ["sin", "cos"] as const)
      for (const y of applyUnary(op, xs, how)) expect(Math.abs(y)).toBeLessThanOrEqual(1);
  });

  it("pow is within 1e-6 for results from 1e-38 to 3e38", () => {
    const xs: number[] = [];
    const ys: number[] = [];
    for (const x of [...sample(1e-30, 50, 60), 0.999, 1.0001, 0.9999999, 1.0000001, 1e-40, 3e38])
      for (const y of [...sample(-30, 30, 60), 0.5, -0.5, 2, 3, 1000, -12345, 1e6, 1 / 3]) {
        xs.push(x);
        ys.push(y);
      }
    const a = Float32Array.from(xs);
    const b = Float32Array.from(ys);
    const result = applyBinary("pow", a, b, how);
    let worst = 0;
    let where = "";
    result.forEach((actual, i) => {
      const expected = a[i]! ** b[i]!;
      if (expected < normal) return expect(actual).toBeLessThanOrEqual(normal * 1.001);
      if (expected > 3.4028235e38) return expect(actual).toBeGreaterThan(3.4e38);
      const error = Math.abs(actual - expected) / expected;
      if (!(error <= worst)) [worst, where] = [error, `${a[i]} ** ${b[i]}`];
    });
    expect(worst, where).toBeLessThan(1e-6);
  });

  it("pow treats zeros, infinities, NaN and negative bases as C does", () => {
    const values = [
      0,
      -0,
      1,
      -1,
      2,
      -2,
      0.5,
      -0.5,
      3,
      -3,
      4,
      -2.5,
      1e10,
      -1e10,
      16777217,
      3e38,
      -3e38,
      Infinity,
      -Infinity,
      NaN,
    ];
    const xs = Float32Array.from(values.flatMap((x) => values.map(() => x)));
    const ys = Float32Array.from(values.flatMap(() => values));
    const result = applyBinary("pow", xs, ys, how);
    result.forEach((actual, i) => {
      const [x, y] = [xs[i]!, ys[i]!];
      const expected = Math.fround(powOf(x, y));
      const message = `pow(${x}, ${y})`;
      if (Number.isFinite(expected) && Math.abs(expected) > normal)
        expect(Math.abs(actual / expected - 1), message).toBeLessThan(1e-6);
      else expect(actual, message).toBe(expected);
    });
  });

  it("rem of f32 is exact for every quotient", () => {
    const values = [
      0,
      1,
      -1,
      2.5,
      -7.25,
      0.1,
      1e-3,
      12345.678,
      1e10,
      -1e20,
      3e38,
      1e-40,
      Infinity,
      -Infinity,
      NaN,
    ];
    const xs = Float32Array.from(values.flatMap((x) => values.map(() => x)));
    const ys = Float32Array.from(values.flatMap(() => values));
    applyBinary("rem", xs, ys, how).forEach((actual, i) => {
      expect(actual + 0, `${xs[i]} % ${ys[i]}`).toBe((xs[i]! % ys[i]!) + 0);
    });
  });
});

it("expandMath leaves functions that are not asked for", () => {
  const kernel = kernelOf(1, 1, (x) => unary("tanh", x!));
  expect(expandMath(kernel, new Set<UnaryOp>(["exp"]))).toEqual(kernel);
});

it("expandMath leaves the remainder of integers", () => {
  const x = constant({ scalar: "i32", lanes: 1 }, 7);
  const kernel: Kernel = {
    ...kernelOf(1, 0, () => x),
    body: [{ kind: "let", name: "r", value: binary("rem", x, x) }],
  };
  expect(expandMath(kernel, expandableOps)).toEqual(kernel);
});
