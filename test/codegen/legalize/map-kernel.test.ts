/** Rewrites make new statements of those that they concern, and leave all others as they are. */
import { expect, it } from "vitest";
import { binary, float, int, ref } from "../../../src/codegen/expressions.ts";
import type { Expr, Kernel, Stmt } from "../../../src/codegen/kernel-ir.ts";
import { mapExpressions } from "../../../src/codegen/legalize/map-kernel.ts";
import { expandMath } from "../../../src/codegen/legalize/expand-math.ts";

const f32 = { scalar: "f32", lanes: 1 } as const;
const plain: Stmt = { kind: "load", name: "x", type: f32, buffer: "in0", index: int(0) };
const product: Stmt = { kind: "let", name: "y", value: binary("mul", ref("x", f32), float(2)) };
const inner: Stmt = { kind: "for", name: "i", start: 0, end: 4, step: 1, body: [plain, product] };
const outer: Stmt = { kind: "for", name: "j", start: 0, end: 4, step: 1, body: [plain] };

const kernel: Kernel = {
  name: "k",
  comment: "",
  buffers: [{ name: "in0", scalar: "f32", access: "read", elementCount: 1 }],
  shared: [],
  groups: 1,
  groupSize: 1,
  body: [outer, inner],
};

const isProduct = (expr: Expr): expr is Extract<Expr, { kind: "binary" }> =>
  expr.kind === "binary" && expr.op === "mul";

it("a statement with nothing to rewrite stays the object that it was", () => {
  const { body } = mapExpressions(kernel, isProduct, (expr) => ({ ...expr, op: "add" }));
  expect(body[0]).toBe(outer);
  expect(body[1]).toEqual({
    ...inner,
    body: [plain, { ...product, value: binary("add", ref("x", f32), float(2)) }],
  });
  expect((body[1] as typeof inner & { kind: "for" }).body[0]).toBe(plain);
});

it("a kernel with nothing to rewrite stays the object that it was", () => {
  expect(expandMath(kernel, new Set(["erf"]))).toBe(kernel);
});
