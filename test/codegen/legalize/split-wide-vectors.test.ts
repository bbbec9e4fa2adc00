import { describe, expect, it } from "vitest";
import { f32, i32, vectorOf, type Expr, type Kernel, type Stmt } from "../../../src/codegen/kernel-ir.ts";
import {
  add,
  constant,
  fma,
  lane,
  lt,
  mul,
  ref,
  select,
  splat,
} from "../../../src/codegen/legalize/build-expr.ts";
import { splitConstantOffset } from "../../../src/codegen/legalize/constant-offset.ts";
import { mapStatement, operandsOf } from "../../../src/codegen/legalize/map-kernel.ts";
import { splitWideVectors } from "../../../src/codegen/legalize/split-wide-vectors.ts";
import { printExpr, printKernel } from "../../../src/codegen/print-kernel.ts";
import type { Lanes } from "../../../src/codegen/target.ts";
import { interpretKernel } from "../interpret-kernel.ts";

const group: Expr = { kind: "group", type: i32 };
const f32x8 = vectorOf("f32", 8);
const f32x16 = vectorOf("f32", 16);

function kernelOf(body: readonly Stmt[], elementCount = 64): Kernel {
  return {
    name: "split",
    comment: "",
    buffers: [
      { name: "x", scalar: "f32", access: "read", elementCount },
      { name: "y", scalar: "f32", access: "write", elementCount },
    ],
    shared: [],
    groups: 2,
    groupSize: 1,
    body,
  };
}

const bodyText = (kernel: Kernel): string =>
  printKernel(kernel).split("{\n").slice(1).join("{\n").replace(/\}\n$/, "").replace(/^  /gm, "").trimEnd();

function widestLanes(kernel: Kernel): number {
  let widest: number = 1;
  const visit = (expr: Expr): Expr => {
    widest = Math.max(widest, expr.type.lanes);
    operandsOf(expr).forEach(visit);
    return expr;
  };
  const body = (statements: readonly Stmt[]): readonly Stmt[] => {
    for (const statement of statements) {
      if (statement.kind === "load") widest = Math.max(widest, statement.type.lanes);
      mapStatement(statement, visit, body);
    }
    return statements;
  };
  body(kernel.body);
  return widest;
}

describe("splitWideVectors", () => {
  it("splits loads, variables, assignments and stores, and computes an address once", () => {
    const start = mul(group, 8);
    const kernel = kernelOf([
      { kind: "load", name: "v", type: f32x8, buffer: "x", index: add(start, 3) },
      { kind: "var", name: "acc", value: constant(f32x8, 0) },
      { kind: "load", name: "s", type: f32, buffer: "x", index: group },
      {
        kind: "assign",
        name: "acc",
        value: fma(ref("v", f32x8), splat(ref("s", f32), 8), ref("acc", f32x8)),
      },
      { kind: "store", buffer: "y", index: start, value: ref("acc", f32x8) },
    ]);
    expect(bodyText(splitWideVectors(kernel, 4))).toBe(
      [
        "v_at = group * 8",
        "v_0 = load4 x[v_at + 3]",
        "v_1 = load4 x[v_at + 7]",
        "var acc_0 = splat4(0.0)",
        "var acc_1 = splat4(0.0)",
        "s = load x[group]",
        "acc_0 := fma(v_0, splat4(s), acc_0)",
        "acc_1 := fma(v_1, splat4(s), acc_1)",
        "y_at = group * 8",
        "store y[y_at] = acc_0",
        "store y[y_at + 4] = acc_1",
      ].join("\n"),
    );
  });

  it("leaves a kernel without wide vectors as it is", () => {
    const kernel = kernelOf([
      { kind: "load", name: "v", type: vectorOf("f32", 4), buffer: "x", index: group },
      { kind: "store", buffer: "y", index: group, value: ref("v", vectorOf("f32", 4)) },
    ]);
    expect(splitWideVectors(kernel, 4)).toEqual(kernel);
  });

  it("does not take a name that exists", () => {
    const kernel = kernelOf([
      { kind: "let", name: "v_0", value: constant(f32, 1) },
      { kind: "let", name: "v", value: constant(f32x8, 2) },
      { kind: "store", buffer: "y", index: group, value: ref("v", f32x8) },
    ]);
    expect(bodyText(splitWideVectors(kernel, 4))).toContain("v_0_1 = splat4(2.0)\nv_1 = splat4(2.0)");
  });

  it("reads all parts of a variable before it assigns the first one, where lanes cross parts", () => {
    const rotated: Expr = {
      kind: "pack",
      type: f32x8,
      lanes: Array.from({ length: 8 }, (_, k) => lane(ref("v", f32x8), (k + 3) % 8)),
    };
    const kernel = kernelOf([
      { kind: "load", name: "start", type: f32x8, buffer: "x", index: mul(group, 8) },
      { kind: "var", name: "v", value: ref("start", f32x8) },
      { kind: "assign", name: "v", value: rotated },
      { kind: "store", buffer: "y", index: mul(group, 8), value: ref("v", f32x8) },
    ]);
    expectSame(kernel);
  });

  it("handles every kind of expression, in loops and branches", () => {
    const v = ref("v", f32x16);
    const body: readonly Stmt[] = [
      { kind: "load", name: "v", type: f32x16, buffer: "x", index: mul(group, 16) },
      { kind: "var", name: "acc", value: constant(f32x16, 0.5) },
      {
        kind: "for",
        name: "i",
        start: 0,
        end: 3,
        step: 1,
        body: [
          { kind: "let", name: "n", value: { kind: "convert", type: f32, x: ref("i", i32) } },
          {
            kind: "let",
            name: "m",
            value: add(
              splat(mul(ref("n", f32), 1.5), 16),
              lane(v, 9).type.lanes === 1 ? splat(lane(v, 9), 16) : v,
            ),
          },
          {
            kind: "assign",
            name: "acc",
            value: select(lt(v, ref("m", f32x16)), fma(v, v, ref("acc", f32x16)), ref("acc", f32x16)),
          },
          {
            kind: "if",
            cond: lt(ref("i", i32), 2),
            then: [
              {
                kind: "assign",
                name: "acc",
                value: { kind: "unary", type: f32x16, op: "neg", x: ref("acc", f32x16) },
              },
            ],
            else: [
              {
                kind: "assign",
                name: "acc",
                value: {
                  kind: "bitcast",
                  type: f32x16,
                  x: { kind: "bitcast", type: vectorOf("i32", 16), x: ref("acc", f32x16) },
                },
              },
            ],
          },
        ],
      },
      { kind: "store", buffer: "y", index: mul(group, 16), value: ref("acc", f32x16) },
    ];
    expectSame(kernelOf(body));
  });
});

function expectSame(kernel: Kernel): void {
  const x = Float32Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(i * 1.7)));
  const expected = new Float32Array(64);
  interpretKernel(kernel, { x, y: expected });
  expect(expected.some((value) => value !== 0)).toBe(true);
  for (const lanes of [8, 4, 2, 1] as readonly Lanes[]) {
    const split = splitWideVectors(kernel, lanes);
    expect(widestLanes(split)).toBeLessThanOrEqual(lanes);
    const actual = new Float32Array(64);
    interpretKernel(split, { x, y: actual });
    expect(actual).toEqual(expected);
  }
}

describe("splitConstantOffset", () => {
  it("collects constants through sums and differences", () => {
    const { rest, offset } = splitConstantOffset(add(add(add(mul(group, 4), 3), group), 12));
    expect(printExpr(rest)).toBe("(group * 4) + group");
    expect(offset).toBe(15);
  });

  it("does not look into products", () => {
    const { rest, offset } = splitConstantOffset(mul(add(group, 3), 2));
    expect(printExpr(rest)).toBe("(group + 3) * 2");
    expect(offset).toBe(0);
  });
});
