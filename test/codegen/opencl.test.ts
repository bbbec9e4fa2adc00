import { describe, expect, it } from "vitest";
import type { Expr, Kernel, Stmt } from "../../src/codegen/kernel-ir.ts";
import { bool, f32, i32, vectorOf } from "../../src/codegen/kernel-ir.ts";
import { and, constant, convert, fma, lane, lt, mul, ref, select, splat, unary } from "../../src/codegen/legalize/build-expr.ts"; // prettier-ignore
import { legalizeForOpencl } from "../../src/codegen/opencl/legal.ts";
import { writeOpenclC } from "../../src/codegen/opencl/write.ts";
import type { Target } from "../../src/codegen/target.ts";
import { wasmTarget } from "../../src/codegen/target.ts";

const target: Target = { ...wasmTarget, language: "opencl-c", vectorWidth: 16 };
const group: Expr = { kind: "group", type: i32 };
const f32x16 = vectorOf("f32", 16);

function kernel(body: readonly Stmt[]): Kernel {
  return {
    name: "k00_test_f32",
    comment: "%2 = test(%1)",
    buffers: [
      { name: "x", scalar: "f32", access: "read", elementCount: 64 },
      { name: "y", scalar: "f32", access: "read_write", elementCount: 64 },
    ],
    shared: [],
    groups: 4,
    groupSize: 1,
    body,
  };
}

function written(value: Expr): string {
  const source = writeOpenclC(kernel([{ kind: "let", name: "v", value }]), target);
  return /v = (.*);/.exec(source)?.[1] ?? source;
}

describe("the OpenCL C writer", () => {
  it("writes a kernel: comment, fixed group size, restrict arguments, wide loads and stores", () => {
    const body: Stmt[] = [
      { kind: "let", name: "i", value: mul(group, 16) },
      { kind: "load", name: "v", type: f32x16, buffer: "x", index: ref("i", i32) },
      { kind: "store", buffer: "y", index: ref("i", i32), value: fma(ref("v", f32x16), 0.1, 1) },
    ];
    expect(writeOpenclC(kernel(body), target)).toBe(
      [
        "// %2 = test(%1)",
        "__kernel __attribute__((reqd_work_group_size(1, 1, 1)))",
        "void k00_test_f32(",
        "  __global const float* restrict x,",
        "  __global float* restrict y",
        ") {",
        "  const int i = (((int)get_group_id(0)) * 16);",
        "  const float16 v = vload16(0, x + i);",
        "  vstore16(fma(v, ((float16)(0.1f)), ((float16)(1.0f))), 0, y + i);",
        "}",
        "",
      ].join("\n"),
    );
  });

  it("keeps scalar bools 0 or 1 and vector bools 0 or -1", () => {
    const [a, b] = [ref("a", vectorOf("f32", 4)), ref("b", f32)];
    expect(written(convert("f32", lt(b, 0)))).toBe("((float)(b < 0.0f))");
    expect(written(convert("f32", lt(a, 0)))).toBe("convert_float4(-(a < ((float4)(0.0f))))");
    expect(written(splat(lt(b, 0), 4))).toBe("((int4)(-(b < 0.0f)))");
    expect(written(lane(lt(a, 0), 2))).toBe("(-(a < ((float4)(0.0f))).s2)");
    expect(written(and(lt(b, 0), constant(bool, 1)))).toBe("((b < 0.0f) & 1)");
    expect(written(select(lt(a, 0), a, 1))).toBe("select(((float4)(1.0f)), a, (a < ((float4)(0.0f))))");
  });

  it("spells constants that C has names or no literal for", () => {
    expect(written(constant(f32, NaN))).toBe("NAN");
    expect(written(constant(f32, -Infinity))).toBe("(-INFINITY)");
    expect(written(constant(i32, -(2 ** 31)))).toBe("(-2147483647 - 1)");
  });

  it("truncates floats and rounds half to even by name", () => {
    expect(written(convert("i32", ref("a", vectorOf("f32", 4))))).toBe("convert_int4_rtz(a)");
    expect(written(unary("round", ref("a", f32)))).toBe("rint(a)");
  });

  it("never leaves a float min or max to the language, which drops NaN", () => {
    const relu: Expr = { kind: "binary", type: f32, op: "max", a: ref("a", f32), b: constant(f32, 0) };
    const legal = legalizeForOpencl(kernel([{ kind: "let", name: "v", value: relu }]), target);
    expect(writeOpenclC(legal, target)).toContain("v = ((a < 0.0f) ? 0.0f : a);");
  });

  it("refuses another language's target", () => {
    expect(() => writeOpenclC(kernel([]), wasmTarget)).toThrow(/speaks wasm/);
  });

  it("declares workgroup memory and barriers for GPUs", () => {
    const shared = { ...kernel([{ kind: "barrier" }]), shared: [{ name: "tile", scalar: "f32", elementCount: 32 }], groupSize: 32 } as const; // prettier-ignore
    const source = writeOpenclC(shared, target);
    expect(source).toContain("__local float tile[32];");
    expect(source).toContain("barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);");
    expect(source).toContain("reqd_work_group_size(32, 1, 1)");
  });
});
