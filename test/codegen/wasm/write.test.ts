import { describe, expect, it } from "vitest";
import { InternalError } from "../../../src/errors.ts";
import { f32, i32, vectorOf, type BinaryOp, type CompareOp, type Expr, type Kernel, type Scalar, type Stmt, type UnaryOp } from "../../../src/codegen/kernel-ir.ts"; // prettier-ignore
import { add, and, binary, bitcast, compare, constant, convert, fma, lane, lt, mul, or, ref, select, splat, sub, unary } from "../../../src/codegen/legalize/build-expr.ts"; // prettier-ignore
import { wasmTarget, type Lanes, type Target } from "../../../src/codegen/target.ts";
import { legalizeForWasm } from "../../../src/codegen/wasm/legalize.ts";
import { writeWasm } from "../../../src/codegen/wasm/write.ts";
import { interpretKernel, type BufferData } from "../interpret-kernel.ts";
import { runWasm } from "./run-wasm.ts";

const group: Expr = { kind: "group", type: i32 };
const count = 64;
const openClTarget: Target = { ...wasmTarget, language: "opencl-c" };

/** Numbers in [0, 1), the same every time (D. Knuth's LCG constants for 2^32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function dataOf(scalar: Scalar, seed: number): BufferData {
  const next = randomNumbers(seed);
  if (scalar === "f32") return Float32Array.from({ length: count }, () => (next() - 0.5) * 20);
  const integers = Array.from({ length: count }, () => Math.floor((next() - 0.5) * 2 ** 32));
  if (scalar === "u32") return Uint32Array.from(integers);
  return Int32Array.from(integers, (x, i) => (i % 3 === 0 ? x % 100 : x));
}

const storable = (value: Expr): Expr => (value.type.scalar === "bool" ? convert("u32", value) : value);

function kernelOf(body: readonly Stmt[], buffers: Kernel["buffers"], groups: number): Kernel {
  return { name: "check", comment: "", buffers, shared: [], groups, groupSize: 1, body };
}

/** Applies `build` to `inputs` elementwise, through the writer and through the interpreter. */
function expectSameElementwise(
  scalar: "f32" | "i32" | "u32",
  lanes: Lanes,
  build: (a: Expr, b: Expr, c: Expr) => Expr,
  edit: (data: BufferData, input: number) => void = () => {},
): void {
  const type = vectorOf(scalar, lanes);
  const names = ["a", "b", "c"];
  const value = storable(build(ref("va", type), ref("vb", type), ref("vc", type)));
  const out = value.type.scalar as "f32" | "i32" | "u32";
  const body: readonly Stmt[] = [
    ...names.map((name): Stmt => ({
      kind: "load",
      name: `v${name}`,
      type,
      buffer: name,
      index: mul(group, lanes),
    })),
    { kind: "store", buffer: "y", index: mul(group, lanes), value },
  ];
  const buffers = [
    ...names.map((name) => ({ name, scalar, access: "read", elementCount: count }) as const),
    { name: "y", scalar: out, access: "write", elementCount: count } as const,
  ];
  const inputs = Object.fromEntries(names.map((name, k) => [name, dataOf(scalar, k + 1)]));
  names.forEach((name, k) => edit(inputs[name]!, k));
  expectSame(kernelOf(body, buffers, count / lanes), inputs, out);
}

function expectSame(kernel: Kernel, inputs: Readonly<Record<string, BufferData>>, out: Scalar): void {
  const make = (): BufferData =>
    out === "f32" ? new Float32Array(count) : out === "i32" ? new Int32Array(count) : new Uint32Array(count);
  const [expected, actual] = [make(), make()];
  interpretKernel(kernel, { ...inputs, y: expected });
  runWasm(kernel, { ...inputs, y: actual });
  expect(actual).toEqual(expected);
}

const specialFloats = (data: BufferData, input: number): void => {
  const special = [NaN, Infinity, -Infinity, 0, 1e-40, 3e38, -2.5, 4e9];
  for (let i = 0; i < 32; i++) data[i] = special[(input === 0 ? i : i >> 3) % 8] ?? 0;
};

describe.each([1, 2, 4, 8, 16] as readonly Lanes[])("writeWasm, %i lanes", (lanes) => {
  const arithmetic: readonly BinaryOp[] = ["add", "sub", "mul", "div", "min", "max"];
  it.each(arithmetic)("f32 %s", (op) => {
    expectSameElementwise("f32", lanes, (a, b) => binary(op, a, b));
    expectSameElementwise("f32", lanes, (a, b) => binary(op, a, b), specialFloats);
    expectSameElementwise("f32", lanes, (a) => binary(op, a, 1.5), specialFloats);
    expectSameElementwise("f32", lanes, (a) => binary(op, 1.5, a), specialFloats);
  });

  const integer: readonly BinaryOp[] = ["add", "sub", "mul", "min", "max", "and", "or", "xor"];
  it.each(integer)("i32 and u32 %s", (op) => {
    for (const scalar of ["i32", "u32"] as const) {
      expectSameElementwise(scalar, lanes, (a, b) => binary(op, a, b));
      expectSameElementwise(scalar, lanes, (a) => binary(op, a, 77));
    }
  });

  it.each(["div", "rem"] as const)("i32 and u32 %s", (op) => {
    for (const scalar of ["i32", "u32"] as const) {
      expectSameElementwise(scalar, lanes, (a, b) => binary(op, a, or(b, 1)));
      for (const divisor of [1, 3, 8, 1024])
        expectSameElementwise(scalar, lanes, (a) => binary(op, a, divisor));
    }
  });

  it.each(["shl", "shr"] as const)("i32 and u32 %s", (op) => {
    for (const scalar of ["i32", "u32"] as const) {
      expectSameElementwise(scalar, lanes, (a) => binary(op, a, 5));
      expectSameElementwise(scalar, lanes, (a, b) => binary(op, a, and(b, 31)));
      expectSameElementwise(scalar, lanes, (a, b) => binary(op, a, splat(and(lane(b, 0), 31), lanes)));
    }
  });

  const comparisons: readonly CompareOp[] = ["eq", "ne", "lt", "le", "gt", "ge"];
  it.each(comparisons)("%s", (op) => {
    for (const scalar of ["f32", "i32", "u32"] as const) {
      expectSameElementwise(scalar, lanes, (a, b) => compare(op, a, b));
      expectSameElementwise(scalar, lanes, (a) => compare(op, a, a));
      expectSameElementwise(scalar, lanes, (a, b, c) => select(compare(op, a, b), b, c));
    }
    expectSameElementwise("f32", lanes, (a, b) => compare(op, a, b), specialFloats);
    expectSameElementwise("f32", lanes, (a, b) => select(compare(op, a, b), b, a), specialFloats);
  });

  const unaryF32: readonly UnaryOp[] = [
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "round",
    "sqrt",
    "isnan",
  ];
  it.each(unaryF32)("f32 %s", (op) => {
    expectSameElementwise("f32", lanes, (a) => unary(op, a), specialFloats);
  });

  it.each(["neg", "abs", "sign", "bitnot"] as const)("i32 %s", (op) => {
    expectSameElementwise("i32", lanes, (a) => unary(op, a));
  });

  it("fma, which rounds twice", () => {
    expectSameElementwise("f32", lanes, (a, b, c) => fma(a, b, c));
  });

  it("conversions and bit casts between all types", () => {
    for (const from of ["f32", "i32", "u32"] as const)
      for (const to of ["f32", "i32", "u32", "bool"] as const)
        expectSameElementwise(from, lanes, (a) => convert(to, a), from === "f32" ? specialFloats : undefined);
    for (const to of ["f32", "i32", "u32"] as const) {
      expectSameElementwise("f32", lanes, (a, b) => convert(to, lt(a, b)));
      expectSameElementwise("f32", lanes, (a) => bitcast(to, a));
      expectSameElementwise("i32", lanes, (a) => bitcast("i32", bitcast(to, and(a, 0x3fff_ffff))));
    }
  });

  it("logic of bool", () => {
    const p = (a: Expr, b: Expr): Expr => lt(a, b);
    for (const op of ["and", "or", "xor"] as const)
      expectSameElementwise("f32", lanes, (a, b, c) => binary(op, p(a, b), p(b, c)));
    expectSameElementwise("f32", lanes, (a, b) => unary("not", p(a, b)));
    expectSameElementwise("f32", lanes, (a, b, c) => compare("eq", p(a, b), p(b, c)));
    expectSameElementwise("f32", lanes, (a, b) => select(constant(vectorOf("bool", lanes), 1), a, b));
  });

  it("lanes, splats and packs of f32, i32 and bool", () => {
    const reversed = (x: Expr): Expr =>
      lanes === 1
        ? x
        : {
            kind: "pack",
            type: x.type,
            lanes: Array.from({ length: lanes }, (_, k) => lane(x, lanes - 1 - k)),
          };
    for (const scalar of ["f32", "i32"] as const) {
      expectSameElementwise(scalar, lanes, (a) => reversed(a));
      expectSameElementwise(scalar, lanes, (a) => splat(lane(a, lanes - 1), lanes));
      expectSameElementwise(scalar, lanes, (a) => splat(add(lane(a, 0), 1), lanes));
      expectSameElementwise(scalar, lanes, (a) => splat(constant({ ...a.type, lanes: 1 }, 7), lanes));
    }
    expectSameElementwise("f32", lanes, (a, b) => reversed(lt(a, b)));
    expectSameElementwise("f32", lanes, (a, b) => splat(lane(lt(a, b), lanes - 1), lanes));
    expectSameElementwise("f32", lanes, (a) => splat(lt(lane(a, 0), 0), lanes));
    expectSameElementwise("f32", lanes, (a) => add(a, reversed(constant(a.type, 2))));
  });
});

const f32x4 = vectorOf("f32", 4);
const buffersOf = (scalar: "f32" | "i32" = "f32"): Kernel["buffers"] => [
  { name: "x", scalar, access: "read", elementCount: count },
  { name: "y", scalar, access: "read_write", elementCount: count },
];
const at = (name: string): Expr => ref(name, i32);

describe("writeWasm, statements", () => {
  const x = dataOf("f32", 5);

  it("nested loops with accumulators, splat loads and shared addresses", () => {
    const body: readonly Stmt[] = [
      { kind: "var", name: "acc", value: constant(f32x4, 0) },
      {
        kind: "for", name: "i", start: 0, end: 6, step: 2,
        body: [
          { kind: "let", name: "row", value: mul(at("i"), 8) },
          {
            kind: "for", name: "k", start: 1, end: 4, step: 1,
            body: [
              { kind: "load", name: "s", type: f32, buffer: "x", index: add(at("row"), at("k")) },
              { kind: "load", name: "w", type: f32x4, buffer: "x", index: add(add(at("row"), mul(at("k"), 4)), 5) },
              { kind: "load", name: "v", type: f32x4, buffer: "x", index: sub(add(mul(at("k"), 4), at("row")), 3) },
              { kind: "assign", name: "acc", value: fma(ref("w", f32x4), splat(ref("s", f32), 4), ref("acc", f32x4)) },
              { kind: "assign", name: "acc", value: add(ref("v", f32x4), ref("acc", f32x4)) },
            ],
          },
        ],
      },
      { kind: "store", buffer: "y", index: mul(group, 4), value: ref("acc", f32x4) },
    ]; // prettier-ignore
    expectSame(kernelOf(body, buffersOf(), 16), { x }, "f32");
  });

  it("a scalar load that is used as a scalar and as a splat", () => {
    const body: readonly Stmt[] = [
      { kind: "load", name: "s", type: f32, buffer: "x", index: group },
      { kind: "store", buffer: "y", index: mul(group, 4), value: splat(ref("s", f32), 4) },
      { kind: "store", buffer: "y", index: mul(group, 4), value: mul(ref("s", f32), 2) },
    ];
    expectSame(kernelOf(body, buffersOf(), 16), { x }, "f32");
  });

  it("branches, with a tail that is handled one by one", () => {
    const length = 61;
    const start = mul(group, 4);
    const body: readonly Stmt[] = [
      {
        kind: "if",
        cond: compare("le", add(start, 4), length),
        then: [
          { kind: "load", name: "v", type: f32x4, buffer: "x", index: start },
          { kind: "store", buffer: "y", index: start, value: mul(ref("v", f32x4), 3) },
        ],
        else: [
          {
            kind: "for", name: "i", start: 0, end: 4, step: 1,
            body: [
              {
                kind: "if",
                cond: lt(add(start, at("i")), length),
                then: [
                  { kind: "load", name: "s", type: f32, buffer: "x", index: add(start, at("i")) },
                  { kind: "store", buffer: "y", index: add(start, at("i")), value: mul(ref("s", f32), 3) },
                ],
                else: [],
              },
            ],
          },
        ],
      },
      { kind: "comment", text: "nothing" },
    ]; // prettier-ignore
    expectSame(kernelOf(body, buffersOf(), 16), { x }, "f32");
  });

  it("a loop with one iteration, one with none, and a step that does not divide the range", () => {
    const addAt = (name: string): Stmt => ({
      kind: "assign",
      name: "sum",
      value: add(ref("sum", f32), convert("f32", at(name))),
    });
    const body: readonly Stmt[] = [
      { kind: "var", name: "sum", value: constant(f32, 0.5) },
      { kind: "for", name: "once", start: 7, end: 9, step: 4, body: [addAt("once")] },
      { kind: "for", name: "never", start: 7, end: 7, step: 1, body: [addAt("never")] },
      { kind: "for", name: "some", start: -3, end: 9, step: 5, body: [addAt("some")] },
      { kind: "store", buffer: "y", index: group, value: ref("sum", f32) },
    ];
    expectSame(kernelOf(body, buffersOf(), 4), { x }, "f32");
  });

  it("an index from data, and one that changes", () => {
    const data = Int32Array.from({ length: count }, (_, i) => (i * 37) % count);
    const body: readonly Stmt[] = [
      { kind: "load", name: "j", type: i32, buffer: "x", index: group },
      { kind: "load", name: "v", type: i32, buffer: "x", index: at("j") },
      { kind: "var", name: "p", value: at("v") },
      { kind: "let", name: "before", value: add(at("p"), 0) },
      { kind: "assign", name: "p", value: binary("rem", add(at("p"), 1), constant(i32, count)) },
      { kind: "load", name: "w", type: i32, buffer: "x", index: at("p") },
      { kind: "assign", name: "p", value: binary("div", at("p"), constant(i32, 2)) },
      { kind: "load", name: "u", type: i32, buffer: "x", index: binary("div", at("p"), constant(i32, 2)) },
      { kind: "load", name: "t", type: i32, buffer: "x", index: at("before") },
      {
        kind: "store",
        buffer: "y",
        index: group,
        value: add(add(add(at("w"), at("u")), mul(at("t"), 1000)), at("v")),
      },
    ];
    expectSame(kernelOf(body, buffersOf("i32"), count), { x: data }, "i32");
  });

  it("indices whose variable part is negative", () => {
    const down = sub(63, group);
    const shifted = sub(add(group, 20), mul(group, 1));
    const padded = add(sub(group, 40), 40);
    const body: readonly Stmt[] = [
      { kind: "load", name: "p", type: f32, buffer: "x", index: down },
      { kind: "load", name: "q", type: f32, buffer: "x", index: shifted },
      { kind: "load", name: "r", type: f32, buffer: "x", index: padded },
      { kind: "load", name: "s", type: f32, buffer: "x", index: add(mul(sub(group, 100000), 1), 100000) },
      { kind: "load", name: "t", type: f32, buffer: "x", index: add(mul(group, -1), 63) },
      { kind: "store", buffer: "y", index: sub(add(group, 3), 3), value: add(add(add(add(ref("p", f32), ref("q", f32)), ref("r", f32)), ref("s", f32)), ref("t", f32)) },
    ]; // prettier-ignore
    expectSame(kernelOf(body, buffersOf(), count), { x }, "f32");
  });

  it("indices whose variable part reaches in front of the whole memory", () => {
    const far = Float32Array.from({ length: 60_001 }, (_, i) => i);
    const index = add(mul(group, -20_000), 60_000);
    const body: readonly Stmt[] = [
      { kind: "load", name: "v", type: f32, buffer: "x", index },
      { kind: "store", buffer: "y", index: group, value: ref("v", f32) },
    ];
    const buffers = buffersOf().map((b) => (b.name === "x" ? { ...b, elementCount: far.length } : b));
    expectSame(kernelOf(body, buffers, 4), { x: far }, "f32");
  });

  it("addresses from several loops, whatever the names sort like", () => {
    const index = add(add(mul(at("z"), 16), mul(at("m"), 4)), at("a"));
    const store: Stmt = { kind: "store", buffer: "y", index, value: mul(ref("v", f32), 2) };
    const load: Stmt = { kind: "load", name: "v", type: f32, buffer: "x", index };
    const loop = (name: string, body: readonly Stmt[]): Stmt => ({
      kind: "for",
      name,
      start: 0,
      end: 4,
      step: 1,
      body,
    });
    expectSame(kernelOf([loop("z", [loop("m", [loop("a", [load, store])])])], buffersOf(), 1), { x }, "f32");
  });

  it("index arithmetic by powers of two and others", () => {
    const parts: readonly Expr[] = [
      binary("div", group, constant(i32, 8)),
      binary("rem", group, constant(i32, 8)),
      binary("div", group, constant(i32, 7)),
      binary("rem", group, constant(i32, 7)),
      binary("div", sub(group, 30), constant(i32, 4)),
      binary("rem", sub(group, 30), constant(i32, 4)),
      binary("shl", group, constant(i32, 2)),
    ];
    const sum = parts.reduce((total, part) => add(mul(total, 11), part));
    expectSame(
      kernelOf([{ kind: "store", buffer: "y", index: group, value: sum }], buffersOf("i32"), count),
      { x: new Int32Array(count) },
      "i32",
    );
  });
});

describe("writeWasm, the module", () => {
  const store: Stmt = { kind: "store", buffer: "y", index: group, value: constant(f32, 3) };

  it("runs only the groups asked for, and none for an empty range", () => {
    const memory = new WebAssembly.Memory({ initial: 2 });
    const binaryModule = new WebAssembly.Module(
      new Uint8Array(writeWasm(kernelOf([store], buffersOf(), 16), wasmTarget)),
    );
    const { run } = new WebAssembly.Instance(binaryModule, { env: { memory } }).exports as {
      readonly run: (...xs: number[]) => void;
    };
    run(4, 4, 65536, 65536);
    run(9, 4, 65536, 65536);
    run(2, 5, 65536, 65536);
    expect([...new Float32Array(memory.buffer, 65536, 8)]).toEqual([0, 0, 3, 3, 3, 0, 0, 0]);
  });

  it("folds constant parts of indices: sixteen loads of a row need one address", () => {
    const loads = Array.from({ length: 16 }, (_, k): Stmt => {
      return {
        kind: "load",
        name: `v${k}`,
        type: f32,
        buffer: "x",
        index: add(mul(add(mul(group, 2), k >> 2), 16), k & 3),
      };
    });
    const bytes = (body: readonly Stmt[]): number =>
      writeWasm(kernelOf(body, buffersOf(), 1), wasmTarget).length;
    // local.get, f32.load with offset, local.set: at most 8 bytes.
    expect(bytes(loads) - bytes(loads.slice(0, 1))).toBeLessThanOrEqual(15 * 8);
  });

  const broken: readonly (readonly [string, Kernel, RegExp])[] = [
    ["several invocations a group", { ...kernelOf([], [], 1), groupSize: 64 }, /64 invocations a group/],
    ["a barrier", kernelOf([{ kind: "barrier" }], [], 1), /barrier/],
    ["wide vectors", kernelOf([{ kind: "let", name: "v", value: constant(vectorOf("f32", 8), 0) }], [], 1), /8 lanes should have been split/],
    ["functions that are not expanded", kernelOf([{ kind: "let", name: "v", value: unary("exp", constant(f32, 0)) }], [], 1), /'exp' should have been expanded/],
    ["unbound names", kernelOf([{ kind: "let", name: "v", value: ref("w", f32) }], [], 1), /'w' is not bound/],
    ["unbound buffers", kernelOf([store], [], 1), /no buffer 'y'/],
  ]; // prettier-ignore
  it.each(broken)("rejects %s", (_, kernel, message) => {
    expect(() => writeWasm(kernel, wasmTarget)).toThrow(InternalError);
    expect(() => writeWasm(kernel, wasmTarget)).toThrow(message);
  });

  it("rejects other targets", () => {
    expect(() => writeWasm(kernelOf([], [], 1), openClTarget)).toThrow(/not for WebAssembly/);
    expect(() => legalizeForWasm(kernelOf([], [], 1), openClTarget)).toThrow(InternalError);
  });
});
