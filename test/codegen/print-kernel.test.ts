import { expect, it } from "vitest";
import { bool, f32, i32, vectorOf, type Kernel } from "../../src/codegen/kernel-ir.ts";
import { add, binary, constant, fma, lane, lt, mul, ref, select, splat, unary } from "../../src/codegen/legalize/build-expr.ts"; // prettier-ignore
import { printKernel } from "../../src/codegen/print-kernel.ts";

it("printKernel prints every statement and the common expressions", () => {
  const group = { kind: "group", type: i32 } as const;
  const f32x4 = vectorOf("f32", 4);
  const acc = ref("acc", f32x4);
  const kernel: Kernel = {
    name: "k01_example",
    comment: "y = f(x)\nand more",
    buffers: [
      { name: "x", scalar: "f32", access: "read", elementCount: 64 },
      { name: "y", scalar: "f32", access: "write", elementCount: 64 },
    ],
    shared: [{ name: "tile", scalar: "f32", elementCount: 16 }],
    groups: 4,
    groupSize: 16,
    body: [
      { kind: "comment", text: "first" },
      { kind: "var", name: "acc", value: constant(f32x4, -0) },
      {
        kind: "for",
        name: "c",
        start: 0,
        end: 64,
        step: 2,
        body: [
          { kind: "load", name: "s", type: f32, buffer: "x", index: add(mul(group, 4), ref("c", i32)) },
          { kind: "assign", name: "acc", value: fma(acc, splat(ref("s", f32), 4), acc) },
        ],
      },
      { kind: "barrier" },
      {
        kind: "if",
        cond: binary("and", lt(group, 3), constant(bool, 1)),
        then: [{ kind: "let", name: "e", value: unary("exp", lane(acc, 2)) }],
        else: [{ kind: "store", buffer: "y", index: group, value: select(lt(lane(acc, 0), 0), NaN, 1.5) }],
      },
    ],
  };
  expect(printKernel(kernel)).toBe(`# y = f(x)
# and more
kernel k01_example (groups 4, 16 invocations each)
  read x: f32[64]
  write y: f32[64]
  shared tile: f32[16]
{
  # first
  var acc = splat4(-0.0)
  for c in 0..64 step 2 {
    s = load x[(group * 4) + c]
    acc := fma(acc, splat4(s), acc)
  }
  barrier
  if (group < 3) & true {
    e = exp(acc[2])
  } else {
    store y[group] = (acc[0] < 0.0) ? NaN : 1.5
  }
}
`);
});
