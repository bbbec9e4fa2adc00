/**
 * Hand-made kernels that between them use every node of kernel IR. Each is written over a flat item number,
 * so the same body runs with any group size, and with none in the interpreter that says what it means.
 */
import type { Expr, Kernel, KernelBuffer, Stmt } from "../../src/codegen/kernel-ir.ts";
import { bool, f32, i32, u32, vectorOf } from "../../src/codegen/kernel-ir.ts";
import { add, and, binary, bitcast, constant, convert, div, eq, fma, gt, isnanOf, lane, lt, mul, ne, neg, not, or, ref, select, shl, shr, splat, sub, unary, xor } from "./expressions.ts"; // prettier-ignore
import type { BufferData } from "../codegen/interpret-kernel.ts";

export interface Sample {
  readonly name: string;
  readonly items: number;
  readonly buffers: readonly KernelBuffer[];
  readonly body: (item: Expr) => readonly Stmt[];
  /** Contents of the buffers that are read. */
  readonly inputs: Readonly<Record<string, BufferData>>;
}

/** The sample with `groupSize` invocations a group. */
export function kernelOf(sample: Sample, groupSize: number): Kernel {
  const group: Expr = { kind: "group", type: i32 };
  const local: Expr = { kind: "local", type: i32 };
  const item = groupSize === 1 ? group : add(mul(group, groupSize), local);
  return {
    name: sample.name,
    comment: `y = ${sample.name}\nsecond line`,
    buffers: sample.buffers,
    shared: [],
    groups: Math.ceil(sample.items / groupSize),
    groupSize,
    body: [
      { kind: "let", name: "item", value: item },
      { kind: "if", cond: lt(ref("item", i32), sample.items), then: sample.body(ref("item", i32)), else: [] },
    ],
  };
}

const buffer = (name: string, access: KernelBuffer["access"], elementCount: number, scalar: KernelBuffer["scalar"] = "f32"): KernelBuffer => ({ name, scalar, access, elementCount }); // prettier-ignore
const bind = (name: string, value: Expr): Stmt => ({ kind: "let", name, value });
const load = (name: string, buffer: string, index: Expr, type = f32): Stmt => ({ kind: "load", name, type, buffer, index }); // prettier-ignore
const store = (buffer: string, index: Expr, value: Expr): Stmt => ({ kind: "store", buffer, index, value });
const assign = (name: string, value: Expr): Stmt => ({ kind: "assign", name, value });
const floats = (count: number, at: (i: number) => number): Float32Array => Float32Array.from({ length: count }, (_, i) => at(i)); // prettier-ignore
const specials = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2.5];

const f32x4 = vectorOf("f32", 4);
const f32x16 = vectorOf("f32", 16);

export const samples: readonly Sample[] = [
  {
    name: "vector_add",
    items: 1000,
    buffers: [buffer("a", "read", 1000), buffer("b", "read", 1000), buffer("y", "write", 1000)],
    inputs: { a: floats(1000, (i) => i / 3), b: floats(1000, (i) => 7 - i * i) },
    body: (item) => [
      load("av", "a", item),
      load("bv", "b", item),
      store("y", item, add(ref("av", f32), ref("bv", f32))),
    ],
  },
  {
    name: "row_dot",
    items: 70,
    buffers: [buffer("a", "read", 70 * 37), buffer("b", "read", 37), buffer("y", "read_write", 70)],
    inputs: {
      a: floats(70 * 37, (i) => Math.sin(i)),
      b: floats(37, (i) => Math.cos(i)),
      y: floats(70, (i) => i),
    },
    body: (item) => [
      load("before", "y", item),
      { kind: "var", name: "sum", value: ref("before", f32) },
      {
        kind: "for",
        name: "k",
        start: 0,
        end: 37,
        step: 1,
        body: [
          load("av", "a", add(mul(item, 37), ref("k", i32))),
          load("bv", "b", ref("k", i32)),
          assign("sum", fma(ref("av", f32), ref("bv", f32), ref("sum", f32))),
        ],
      },
      store("y", item, ref("sum", f32)),
    ],
  },
  {
    name: "four_lanes",
    items: 64,
    buffers: [
      buffer("a", "read", 256),
      buffer("b", "read", 260),
      buffer("y", "write", 256),
      buffer("z", "write", 257),
    ],
    inputs: { a: floats(256, (i) => i), b: floats(260, (i) => i / 8) },
    body: (item) => [
      // a and y are whole vectors; b and z are off by one element.
      load("av", "a", mul(item, 4), f32x4),
      load("bv", "b", add(mul(item, 4), 1), f32x4),
      bind("scaled", mul(ref("av", f32x4), splat(lane(ref("bv", f32x4), 2), 4))),
      store("y", mul(item, 4), ref("scaled", f32x4)),
      store("z", add(mul(item, 4), 1), add(ref("scaled", f32x4), ref("bv", f32x4))),
    ],
  },
  {
    name: "sixteen_lanes",
    items: 8,
    buffers: [buffer("a", "read", 128), buffer("y", "write", 128)],
    inputs: { a: floats(128, (i) => i - 60) },
    body: (item) => [
      { kind: "var", name: "sum", value: constant(f32x16, 0.5) },
      {
        kind: "for",
        name: "k",
        start: 4,
        end: -4 + 12,
        step: 2,
        body: [
          load("av", "a", mul(item, 16), f32x16),
          assign("sum", fma(ref("av", f32x16), splat(convert("f32", ref("k", i32)), 16), ref("sum", f32x16))),
        ],
      },
      store(
        "y",
        mul(item, 16),
        select(gt(ref("sum", f32x16), 0), ref("sum", f32x16), neg(ref("sum", f32x16))),
      ),
    ],
  },
  {
    name: "lane_pairs",
    items: 16,
    buffers: [buffer("a", "read", 32), buffer("y", "write", 32)],
    inputs: { a: floats(32, (i) => i * i) },
    body: (item) => {
      const pair = vectorOf("f32", 2);
      return [
        load("av", "a", shl(item, 1), pair),
        bind("swapped", {
          kind: "pack",
          type: pair,
          lanes: [lane(ref("av", pair), 1), lane(ref("av", pair), 0)],
        }),
        store("y", mul(item, 2), ref("swapped", pair)),
      ];
    },
  },
  {
    name: "bool_vectors",
    items: 16,
    buffers: [buffer("a", "read", 64), buffer("b", "read", 64), buffer("y", "write", 64), buffer("mask", "write", 64, "u32"), buffer("count", "write", 16, "i32")], // prettier-ignore
    inputs: { a: floats(64, (i) => specials[i % 8] ?? 0), b: floats(64, (i) => specials[(i >> 3) % 8] ?? 0) },
    body: (item) => {
      const b4 = vectorOf("bool", 4);
      const [a, b] = [ref("av", f32x4), ref("bv", f32x4)];
      return [
        load("av", "a", mul(item, 4), f32x4),
        load("bv", "b", mul(item, 4), f32x4),
        bind("less", lt(a, b)),
        bind("either", or(ref("less", b4), isnanOf(a))),
        bind("odd", xor(not(ref("either", b4)), convert("bool", b))),
        bind("all", and(ref("odd", b4), splat(not(lane(ref("less", b4), 3)), 4))),
        bind("packed", { kind: "pack", type: b4, lanes: [lane(ref("all", b4), 1), constant(bool, 1), lane(ref("odd", b4), 0), lane(ref("less", b4), 2)] }), // prettier-ignore
        store(
          "y",
          mul(item, 4),
          select(eq(ref("packed", b4), ref("all", b4)), convert("f32", ref("odd", b4)), b),
        ),
        store("mask", mul(item, 4), convert("u32", select(ref("packed", b4), ne(a, b), constant(b4, 1)))),
        store(
          "count",
          item,
          add(convert("i32", lane(ref("all", b4), 0)), convert("i32", ne(lane(a, 1), lane(b, 1)))),
        ),
      ];
    },
  },
  {
    name: "nan_min_max",
    items: 64,
    buffers: [
      buffer("a", "read", 64),
      buffer("b", "read", 64),
      buffer("low", "write", 64),
      buffer("relu", "write", 64),
    ],
    inputs: { a: floats(64, (i) => specials[i % 8] ?? 0), b: floats(64, (i) => specials[(i >> 3) % 8] ?? 0) },
    body: (item) => [
      load("av", "a", item),
      load("bv", "b", item),
      store("low", item, binary("min", ref("av", f32), ref("bv", f32))),
      store("relu", item, binary("max", ref("av", f32), 0)),
    ],
  },
  {
    name: "integers",
    items: 100,
    buffers: [
      buffer("a", "read", 100, "i32"),
      buffer("y", "write", 1200, "i32"),
      buffer("u", "write", 400, "u32"),
    ],
    inputs: { a: Int32Array.from({ length: 100 }, (_, i) => (i - 50) * 12345677) },
    body: (item) => {
      const a = ref("av", i32);
      const unsigned = ref("uv", u32);
      const results = [
        div(a, 7), binary("rem", a, 7), div(a, -3), binary("rem", a, -16), shl(a, 3), shr(a, 5),
        unary("abs", a), unary("sign", a), binary("min", a, 99), xor(a, constant(i32, -(2 ** 31))), unary("bitnot", a),
        convert("i32", mul(convert("f32", a), -1e-3)),
      ]; // prettier-ignore
      const unsignedResults = [div(unsigned, 10), shr(unsigned, 4), binary("max", unsigned, constant(u32, 2 ** 32 - 9)), binary("rem", unsigned, 1000)]; // prettier-ignore
      return [
        load("av", "a", item, i32),
        bind("uv", bitcast("u32", a)),
        ...results.map((value, i) => store("y", add(mul(item, 12), i), value)),
        ...unsignedResults.map((value, i) => store("u", add(mul(item, 4), i), value)),
      ];
    },
  },
  {
    name: "constants",
    items: 1,
    buffers: [buffer("y", "write", 9)],
    inputs: {},
    body: () =>
      [NaN, Infinity, -Infinity, -0, 0.1, 1e-38, 3.4028234663852886e38, -1 / 3, 16777217].map((value, i) =>
        store("y", constant(i32, i), constant(f32, value)),
      ),
  },
  {
    name: "branches",
    items: 50,
    buffers: [buffer("y", "write", 50, "i32")],
    inputs: {},
    body: (item) => [
      { kind: "comment", text: "two lines\nof comment" },
      { kind: "var", name: "sum", value: constant(i32, 0) },
      {
        kind: "for",
        name: "k",
        start: -3,
        end: 11,
        step: 4,
        body: [
          {
            kind: "if",
            cond: lt(ref("k", i32), sub(item, 25)),
            then: [assign("sum", add(ref("sum", i32), ref("k", i32)))],
            else: [assign("sum", sub(ref("sum", i32), item))],
          },
        ],
      },
      store("y", item, ref("sum", i32)),
    ],
  },
];
