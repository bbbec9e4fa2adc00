import { describe, expect, it } from "vitest";
import type { Expr, Kernel, Stmt } from "../../src/codegen/kernel-ir.ts";
import { f32, i32, vectorOf } from "../../src/codegen/kernel-ir.ts";
import { add, binary, constant, convert, div, fma, lt, mul, ne, ref, select, shl, sub, unary } from "../../src/codegen/legalize/build-expr.ts"; // prettier-ignore
import type { Target } from "../../src/codegen/target.ts";
import { wasmTarget } from "../../src/codegen/target.ts";
import { chooseArrayLanes } from "../../src/codegen/wgsl/array-lanes.ts";
import { dispatchShape } from "../../src/codegen/wgsl/dispatch-shape.ts";
import { legalizeForWgsl } from "../../src/codegen/wgsl/legal.ts";
import { writeWgsl } from "../../src/codegen/wgsl/write.ts";
import { floatLiteral } from "../../src/codegen/write-expression.ts";

const target: Target = { ...wasmTarget, language: "wgsl", family: "gpu", maxGroupSize: 64 };
const group: Expr = { kind: "group", type: i32 };
const local: Expr = { kind: "local", type: i32 };
const f32x4 = vectorOf("f32", 4);

function kernel(body: readonly Stmt[], overrides: Partial<Kernel> = {}): Kernel {
  return {
    name: "k00_test_f32",
    comment: "%2 = test(%1)",
    buffers: [
      { name: "x", scalar: "f32", access: "read", elementCount: 64 },
      { name: "y", scalar: "f32", access: "write", elementCount: 64 },
    ],
    shared: [],
    groups: 1,
    groupSize: 64,
    body,
    ...overrides,
  };
}

const load4 = (index: Expr, buffer = "x"): Stmt => ({ kind: "load", name: "v", type: f32x4, buffer, index });

/** The lines inside the entry point that a value stored to y[0] becomes. */
function written(value: Expr): string {
  const source = writeWgsl(kernel([{ kind: "store", buffer: "y", index: constant(i32, 0), value }]), target);
  return /y\[0i\] = (.*);/.exec(source)?.[1] ?? source;
}

describe("the WGSL writer", () => {
  it("writes a module: comment, bindings, entry point", () => {
    const body: Stmt[] = [
      { kind: "let", name: "i", value: add(mul(group, 64), local) },
      { kind: "load", name: "v", type: f32, buffer: "x", index: ref("i", i32) },
      { kind: "store", buffer: "y", index: ref("i", i32), value: mul(ref("v", f32), 0.1) },
    ];
    expect(writeWgsl(kernel(body), target)).toBe(
      [
        "// %2 = test(%1)",
        "@group(0) @binding(0) var<storage, read> x: array<f32, 64>;",
        "@group(0) @binding(1) var<storage, read_write> y: array<f32, 64>;",
        "",
        "@compute @workgroup_size(64)",
        "fn k00_test_f32(",
        "  @builtin(workgroup_id) heddle_group_id: vec3<u32>,",
        "  @builtin(local_invocation_index) heddle_local_index: u32,",
        ") {",
        "  let heddle_group = i32(heddle_group_id.x);",
        "  let heddle_local = i32(heddle_local_index);",
        "  let i = ((heddle_group * 64i) + heddle_local);",
        "  let v = x[i];",
        "  y[i] = (v * 0.1f);",
        "}",
        "",
      ].join("\n"),
    );
  });

  it("folds two dispatch dimensions back and lets surplus groups leave", () => {
    const source = writeWgsl(kernel([], { groups: 65_536 + 65_535 }), target);
    expect(source).toContain("let heddle_group = i32(heddle_group_id.y * 43691u + heddle_group_id.x);");
    expect(source).toContain("if (heddle_group >= 131071i) { return; }");
  });

  it("writes a barrier for workgroup and storage memory", () => {
    expect(writeWgsl(kernel([{ kind: "barrier" }]), target)).toContain(
      "  workgroupBarrier();\n  storageBarrier();",
    );
  });

  it("spells operations that differ from C", () => {
    const [a, b, n] = [ref("a", f32), ref("b", f32), ref("n", i32)];
    expect(written(select(lt(a, b), a, b))).toBe("select(b, a, (a < b))");
    expect(written(fma(a, b, 1))).toBe("fma(a, b, 1.0f)");
    expect(written(convert("f32", ne(a, b)))).toBe("f32((!(a == b)))");
    expect(written(convert("f32", shl(n, 3)))).toBe("f32((n << u32(3i)))");
    expect(written(unary("rsqrt", a))).toBe("inverseSqrt(a)");
    expect(written(convert("f32", unary("isnan", a)))).toBe(
      "f32(((bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u))",
    );
  });

  it("reads NaN and infinity from variables, for they are no constant expressions", () => {
    const value = add(constant(f32, NaN), constant(f32, -Infinity));
    const source = writeWgsl(
      kernel([{ kind: "store", buffer: "y", index: constant(i32, 0), value }]),
      target,
    );
    expect(source).toContain("var<private> heddle_nan_bits: u32 = 0x7fc00000u;");
    expect(source).toContain("(bitcast<f32>(heddle_nan_bits) + (-bitcast<f32>(heddle_infinity_bits)))");
  });

  it("refuses what legalise passes should have removed", () => {
    const erf = unary("erf", ref("a", f32));
    expect(() => written(erf)).toThrow(/'erf' must be expanded/);
    const wide = { kind: "let", name: "w", value: constant(vectorOf("f32", 8), 1) } as const;
    expect(() => writeWgsl(kernel([wide]), target)).toThrow(/split-wide-vectors/);
    expect(() => writeWgsl(kernel([]), wasmTarget)).toThrow(/speaks wasm/);
  });

  it("legalises everything it refuses", () => {
    const wide = vectorOf("f32", 16);
    const body: Stmt[] = [
      { kind: "load", name: "v", type: wide, buffer: "x", index: mul(group, 16) },
      {
        kind: "store",
        buffer: "y",
        index: mul(group, 16),
        value: unary("erf", binary("max", ref("v", wide), 0)),
      },
    ];
    const source = writeWgsl(legalizeForWgsl(kernel(body), target), target);
    expect(source).toContain("y: array<vec4<f32>, 16>");
    expect(source).not.toMatch(/erf\(|max\(/);
  });
});

describe("arrays of vectors", () => {
  const lanes = (body: readonly Stmt[], overrides: Partial<Kernel> = {}): number | undefined =>
    chooseArrayLanes(kernel(body, overrides)).get("x");
  const loop = (start: number, step: number, body: readonly Stmt[]): Stmt => ({ kind: "for", name: "k", start, end: 32, step, body }); // prettier-ignore

  it("are declared when every access is a whole vector", () => {
    expect(lanes([load4(mul(group, 4))])).toBe(4);
    expect(writeWgsl(kernel([load4(mul(group, 4))]), target)).toContain(
      "let v = x[(heddle_group * 4i) >> 2u];",
    );
    expect(writeWgsl(kernel([load4(constant(i32, 8))]), target)).toContain("let v = x[2];");
  });

  it("see through loops, names and arithmetic", () => {
    const k = ref("k", i32);
    expect(lanes([loop(8, 4, [load4(k)])])).toBe(4);
    expect(lanes([loop(0, 1, [load4(shl(k, 2))])])).toBe(4);
    expect(lanes([loop(0, 8, [load4(div(k, 2))])])).toBe(4);
    expect(
      lanes([{ kind: "let", name: "base", value: mul(group, 12) }, load4(sub(ref("base", i32), 8))]),
    ).toBe(4);
    expect(lanes([load4(select(lt(group, 1), mul(local, 4), constant(i32, 0)))])).toBe(4);
  });

  it.each([
    ["an index is off by two", [load4(add(mul(group, 4), 2))], {}],
    ["a loop steps by two", [loop(0, 2, [load4(ref("k", i32))])], {}],
    ["a quotient may be odd", [loop(0, 4, [load4(div(ref("k", i32), 4))])], {}],
    ["an index is unknown", [load4(local)], {}],
    ["one access is scalar", [load4(mul(group, 4)), { kind: "load", name: "s", type: f32, buffer: "x", index: group }], {}], // prettier-ignore
    ["the size is no multiple", [load4(mul(group, 4))], { buffers: [{ name: "x", scalar: "f32", access: "read", elementCount: 66 }] }], // prettier-ignore
  ] as [string, Stmt[], Partial<Kernel>][])("are not declared when %s", (_why, body, overrides) => {
    expect(lanes(body, overrides)).toBe(1);
  });

  it("are replaced by four scalar accesses otherwise", () => {
    const source = writeWgsl(kernel([load4(local), { kind: "store", buffer: "y", index: local, value: ref("v", f32x4) }]), target); // prettier-ignore
    expect(source).toContain("let v = vec4<f32>(x[heddle_at_v], x[heddle_at_v + 1i], x[heddle_at_v + 2i], x[heddle_at_v + 3i]);"); // prettier-ignore
    expect(source).toContain("y[heddle_at + 3i] = heddle_value.w;");
  });
});

describe("the shape of a dispatch", () => {
  it.each([1, 2, 65_535, 65_536, 100_003, 5_000_000])(
    "covers %i groups within the limits, with little surplus",
    (groups) => {
      const { x, y } = dispatchShape(groups);
      expect(Math.max(x, y)).toBeLessThanOrEqual(65_535);
      expect(x * y).toBeGreaterThanOrEqual(groups);
      expect(x * y - groups).toBeLessThan(y);
    },
  );
});

describe("float literals", () => {
  it("are short and read back exactly", () => {
    expect(floatLiteral(0.1)).toBe("0.1f");
    expect(floatLiteral(1)).toBe("1.0f");
    expect(floatLiteral(-0)).toBe("(-0.0f)");
    const bits = new Uint32Array([0x7f7fffff, 1, 0x00800000, 0x3eaaaaab, 0x4b800001, 0x501502f9]);
    for (const value of new Float32Array(bits.buffer))
      expect(Math.fround(Number(floatLiteral(value).slice(0, -1)))).toBe(value);
  });
});
