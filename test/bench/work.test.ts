import { describe, expect, it } from "vitest";
import { workOf } from "../../bench/profile/work.ts";
import { f32, i32, vectorOf, type Expr, type Kernel, type Stmt } from "../../src/codegen/kernel-ir.ts";

const eight = vectorOf("f32", 8);
const a: Expr = { kind: "ref", type: eight, name: "a" };
const index: Expr = { kind: "const", type: i32, value: 0 };
const multiplyAdd: Stmt = {
  kind: "assign",
  name: "a",
  value: { kind: "fma", type: eight, a, b: a, c: a },
};

function kernel(body: readonly Stmt[]): Kernel {
  return {
    name: "kernel",
    comment: "",
    buffers: [
      { name: "x", scalar: "f32", access: "read", elementCount: 100 },
      { name: "y", scalar: "f32", access: "read_write", elementCount: 10 },
    ],
    shared: [],
    groups: 10,
    groupSize: 3,
    body,
  };
}

describe("the work of a kernel", () => {
  it("counts two operations a lane and multiply-add, times the loops around it, times the invocations", () => {
    const loop: Stmt = { kind: "for", name: "i", start: 0, end: 7, step: 2, body: [multiplyAdd] };
    expect(workOf(kernel([loop])).operations).toBe(4 * 16 * 30);
  });

  it("counts nested expressions, and neither integers nor comparisons", () => {
    const twice: Expr = { kind: "binary", type: f32, op: "add", a: { kind: "lane", type: f32, x: { kind: "unary", type: eight, op: "neg", x: a }, lane: 0 }, b: { kind: "const", type: f32, value: 1 } }; // prettier-ignore
    const address: Expr = { kind: "binary", type: i32, op: "mul", a: index, b: index };
    const store: Stmt = { kind: "store", buffer: "y", index: address, value: twice };
    expect(workOf(kernel([store])).operations).toBe((8 + 1) * 30);
  });

  it("counts the longer side of a branch", () => {
    const cond: Expr = { kind: "const", type: { scalar: "bool", lanes: 1 }, value: 1 };
    const branch: Stmt = { kind: "if", cond, then: [multiplyAdd], else: [multiplyAdd, multiplyAdd] };
    expect(workOf(kernel([branch])).operations).toBe(2 * 16 * 30);
  });

  it("counts the bytes of each buffer once, and twice where it is read and written", () => {
    expect(workOf(kernel([])).bytes).toBe(400 + 80);
  });
});
