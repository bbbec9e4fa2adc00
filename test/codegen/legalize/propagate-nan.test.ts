import { expect, it } from "vitest";
import { f32, i32, type Expr, type Kernel } from "../../../src/codegen/kernel-ir.ts";
import { binary, constant, mul, ref } from "../../../src/codegen/legalize/build-expr.ts";
import { propagateNan } from "../../../src/codegen/legalize/propagate-nan.ts";
import { scalarize } from "../../../src/codegen/legalize/scalarize.ts";
import { printExpr } from "../../../src/codegen/print-kernel.ts";
import { interpretKernel } from "../interpret-kernel.ts";

const group: Expr = { kind: "group", type: i32 };
const values = [1, -2, 0, 7.5, Infinity, -Infinity, NaN];
const count = values.length ** 2;

function kernelOf(value: Expr): Kernel {
  return {
    name: "limits",
    comment: "",
    buffers: ["a", "b", "y"].map((name) => ({
      name,
      scalar: "f32",
      access: "read_write",
      elementCount: count,
    })),
    shared: [],
    groups: count,
    groupSize: 1,
    body: [
      { kind: "load", name: "p", type: f32, buffer: "a", index: group },
      { kind: "load", name: "q", type: f32, buffer: "b", index: group },
      { kind: "store", buffer: "y", index: group, value },
    ],
  };
}

function run(kernel: Kernel): Float32Array {
  const a = Float32Array.from(values.flatMap((x) => values.map(() => x)));
  const b = Float32Array.from(values.flatMap(() => values));
  const y = new Float32Array(count);
  interpretKernel(kernel, { a, b, y });
  return y;
}

const p = ref("p", f32);
const q = ref("q", f32);

it.each([
  ["min of two values", binary("min", p, q)],
  ["max of two values", binary("max", p, q)],
  ["max with a constant on the right", binary("max", p, 0)],
  ["min with a constant on the left", binary("min", 1.5, q)],
  ["max with NaN itself", binary("max", p, NaN)],
  ["a clamp", binary("min", binary("max", p, -1), 1)],
  ["operands that are expressions", binary("max", mul(p, 2), mul(q, 3))],
])("propagateNan keeps the meaning of %s", (_, value) => {
  const kernel = kernelOf(value);
  const rewritten = propagateNan(kernel);
  expect(JSON.stringify(rewritten)).not.toMatch(/"op":"(min|max)"/);
  expect(run(rewritten)).toEqual(run(kernel));
});

it("propagateNan needs one comparison against a constant", () => {
  const store = propagateNan(kernelOf(binary("max", p, 0))).body.at(-1);
  expect(store?.kind === "store" && printExpr(store.value)).toBe("(p < 0.0) ? 0.0 : p");
});

it.each(["min", "max"] as const)("propagateNan names no value %s, which kernels may call", (op) => {
  const { body } = propagateNan(kernelOf(binary(op, mul(p, 2), mul(q, 3))));
  const names = body.flatMap((s) => (s.kind === "let" ? [s.name] : []));
  expect(names).toHaveLength(2);
  expect(names).not.toContain(op);
});

it("propagateNan leaves min and max of integers", () => {
  const kernel = kernelOf({ kind: "convert", type: f32, x: binary("max", group, constant(i32, 3)) });
  expect(propagateNan(kernel)).toEqual(kernel);
});

it("scalarize takes the chosen operation apart and leaves scalars alone", () => {
  const vector = { kind: "splat", type: { scalar: "i32", lanes: 4 }, x: group } as const;
  const kernel: Kernel = {
    ...kernelOf(p),
    body: [{ kind: "let", name: "d", value: binary("div", vector, 3) }],
  };
  const isDivision = (expr: Expr): boolean => expr.kind === "binary" && expr.op === "div";
  const texts = scalarize(kernel, isDivision).body.map((s) =>
    s.kind === "let" ? printExpr(s.value) : s.kind,
  );
  expect(texts).toEqual([
    "splat4(group)",
    "pack4(vector[0] / 3, vector[1] / 3, vector[2] / 3, vector[3] / 3)",
  ]);
  const scalar: Kernel = { ...kernel, body: [{ kind: "let", name: "d", value: binary("div", group, 3) }] };
  expect(scalarize(scalar, isDivision)).toEqual(scalar);
});
