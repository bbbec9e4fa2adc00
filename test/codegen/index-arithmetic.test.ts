/** Index arithmetic simplifies as it builds; what it builds means the same, and lies in the range it claims. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { binary, int, ref } from "../../src/codegen/expressions.ts";
import { IndexArithmetic } from "../../src/codegen/index-arithmetic.ts";
import { i32, type Expr } from "../../src/codegen/kernel-ir.ts";
import { printExpr } from "../../src/codegen/print-kernel.ts";

const names = ["a", "b", "c"] as const;
type Name = (typeof names)[number];
type Values = Readonly<Record<Name, number>>;

/** A recipe: how an expression is built, and what it must be worth. */
type Recipe =
  | { readonly kind: "name"; readonly name: Name }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "add" | "mul"; readonly a: Recipe; readonly b: Recipe }
  | { readonly kind: "div" | "rem"; readonly a: Recipe; readonly divisor: number };

const recipe: fc.Arbitrary<Recipe> = fc.letrec<{ recipe: Recipe }>((tie) => ({
  recipe: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.record({ kind: fc.constant("name" as const), name: fc.constantFrom(...names) }),
    fc.record({ kind: fc.constant("number" as const), value: fc.integer({ min: 0, max: 12 }) }),
    fc.record({ kind: fc.constant("add" as const), a: tie("recipe"), b: tie("recipe") }),
    fc.record({ kind: fc.constant("mul" as const), a: tie("recipe"), b: fc.record({ kind: fc.constant("number" as const), value: fc.integer({ min: 0, max: 12 }) }) }),
    fc.record({ kind: fc.constantFrom("div" as const, "rem" as const), a: tie("recipe"), divisor: fc.integer({ min: 1, max: 12 }) }),
  ),
})).recipe; // prettier-ignore

const sizes = fc.record({ a: fc.integer({ min: 1, max: 9 }), b: fc.integer({ min: 1, max: 9 }), c: fc.integer({ min: 1, max: 40 }) }); // prettier-ignore
const seed = 5;

function build(index: IndexArithmetic, item: Recipe): Expr {
  switch (item.kind) {
    case "name":
      return ref(item.name, i32);
    case "number":
      return int(item.value);
    case "add":
    case "mul":
      return index[item.kind](build(index, item.a), build(index, item.b));
    case "div":
    case "rem":
      return index[item.kind](build(index, item.a), item.divisor);
    default:
      return item satisfies never;
  }
}

function worth(item: Recipe, values: Values): number {
  switch (item.kind) {
    case "name":
      return values[item.name];
    case "number":
      return item.value;
    case "add":
      return worth(item.a, values) + worth(item.b, values);
    case "mul":
      return worth(item.a, values) * worth(item.b, values);
    case "div":
      return Math.floor(worth(item.a, values) / item.divisor);
    case "rem":
      return worth(item.a, values) % item.divisor;
    default:
      return item satisfies never;
  }
}

function evaluate(x: Expr, values: Values): number {
  switch (x.kind) {
    case "const":
      return x.value;
    case "ref":
      return values[x.name as Name];
    case "compare": {
      const [a, b] = [evaluate(x.a, values), evaluate(x.b, values)];
      return Number(x.op === "lt" ? a < b : a >= b);
    }
    case "binary": {
      const [a, b] = [evaluate(x.a, values), evaluate(x.b, values)];
      if (x.op === "add") return a + b;
      if (x.op === "sub") return a - b;
      if (x.op === "mul") return a * b;
      if (x.op === "div") return Math.trunc(a / b);
      if (x.op === "rem") return a % b;
      if (x.op === "min") return Math.min(a, b);
      if (x.op === "max") return Math.max(a, b);
      throw new Error(`unexpected ${x.op}`);
    }
    default:
      throw new Error(`unexpected ${x.kind}`);
  }
}

function declared({ a, b, c }: Values): IndexArithmetic {
  const index = new IndexArithmetic();
  Object.entries({ a, b, c }).forEach(([name, size]) => index.declare(name, { min: 0, max: size - 1 }));
  return index;
}

/** Values within the declared sizes, corners among them. */
function within(sizes: Values, [a, b, c]: readonly number[]): Values {
  const pick = (size: number, share: number) => Math.round((size - 1) * share);
  return { a: pick(sizes.a, a!), b: pick(sizes.b, b!), c: pick(sizes.c, c!) };
}

const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
const shares = fc.tuple(share, share, share);

describe("index arithmetic", () => {
  it("means the same as plain integers", () => {
    fc.assert(
      fc.property(recipe, sizes, shares, (item, limits, at) => {
        const values = within(limits, at);
        expect(evaluate(build(declared(limits), item), values)).toBe(worth(item, values));
      }),
      { numRuns: 2000, seed },
    );
  });

  it("lies in the range it claims", () => {
    fc.assert(
      fc.property(recipe, sizes, shares, (item, limits, at) => {
        const index = declared(limits);
        const value = worth(item, within(limits, at));
        const { min, max } = index.rangeOf(build(index, item));
        expect(min).toBeLessThanOrEqual(value);
        expect(max).toBeGreaterThanOrEqual(value);
      }),
      { numRuns: 2000, seed },
    );
  });

  it("compares soundly, and decides where ranges do", () => {
    fc.assert(
      fc.property(recipe, sizes, shares, fc.integer({ min: -2, max: 60 }), (item, limits, at, limit) => {
        const index = declared(limits);
        const values = within(limits, at);
        const x = build(index, item);
        expect(evaluate(index.less(x, limit), values)).toBe(Number(worth(item, values) < limit));
        expect(evaluate(index.atLeast(x, limit), values)).toBe(Number(worth(item, values) >= limit));
      }),
      { numRuns: 1000, seed },
    );
    const index = declared({ a: 4, b: 1, c: 1 });
    expect(index.less(ref("a", i32), 4)).toMatchObject({ kind: "const", value: 1 });
    expect(index.atLeast(ref("a", i32), 4)).toMatchObject({ kind: "const", value: 0 });
    expect(index.less(ref("a", i32), 3).kind).toBe("compare");
  });

  it("takes a flat position apart as dot put it together", () => {
    fc.assert(
      fc.property(sizes, shares, (limits, at) => {
        const index = declared(limits);
        const shape = [limits.a, limits.b, limits.c];
        const flat = index.dot(names.map((name) => ref(name, i32)), [limits.b * limits.c, limits.c, 1]);
        const values = within(limits, at);
        const parts = index.unflatten(flat, shape);
        expect(parts.map((part) => evaluate(part, values))).toEqual([values.a, values.b, values.c]);
      }),
      { seed },
    ); // prettier-ignore
  });

  it("gives ranges of differences, minima and maxima of what may be negative", () => {
    const index = declared({ a: 8, b: 3, c: 1 });
    const difference = binary("sub", ref("a", i32), ref("b", i32));
    expect(index.rangeOf(difference)).toEqual({ min: -2, max: 7 });
    expect(index.rangeOf(binary("max", difference, int(0)))).toEqual({ min: 0, max: 7 });
    expect(index.rangeOf(binary("min", difference, int(4)))).toEqual({ min: -2, max: 4 });
    expect(index.rangeOf(index.add(ref("a", i32), int(-3)))).toEqual({ min: -3, max: 4 });
  });

  it("knows nothing of names that nothing was declared for", () => {
    const { min, max } = new IndexArithmetic().rangeOf(ref("z", i32));
    expect([min, max]).toEqual([-Infinity, Infinity]);
  });

  it("knows the grid's groups and invocations", () => {
    const index = new IndexArithmetic();
    index.declareGrid(7, 64);
    expect(index.rangeOf({ kind: "group", type: i32 })).toEqual({ min: 0, max: 6 });
    expect(index.rangeOf({ kind: "local", type: i32 })).toEqual({ min: 0, max: 63 });
  });
});

describe("names for expressions", () => {
  it("are looked into by division and remainder", () => {
    const index = declared({ a: 5, b: 1, c: 1 });
    index.define("column", index.mul(ref("a", i32), int(8)));
    const column = ref("column", i32);
    expect(printExpr(index.div(column, 4))).toBe("a * 2");
    expect(printExpr(index.rem(index.add(column, int(3)), 8))).toBe("3");
  });

  it("are narrower where a name they are made of is", () => {
    const index = declared({ a: 4, b: 1, c: 1 });
    index.define("first", index.mul(ref("a", i32), int(7)));
    const last = index.add(ref("first", i32), int(6));
    expect(index.less(last, 25).kind).toBe("compare");
    index.narrowed(ref("a", i32), { min: -Infinity, max: 2 }, () => {
      expect(index.less(last, 25)).toMatchObject({ kind: "const", value: 1 });
    });
    expect(index.less(last, 25).kind).toBe("compare");
  });

  it("are left alone where they are made of a variable, which may change", () => {
    const index = new IndexArithmetic();
    index.define("at", index.mul(ref("variable", i32), int(8)));
    expect(printExpr(index.div(ref("at", i32), 8))).toBe("at / 8");
  });
});

describe("index arithmetic simplifies", () => {
  const index = declared({ a: 5, b: 8, c: 40 });
  const [a, b, c] = names.map((name): Expr => ref(name, i32)) as [Expr, Expr, Expr];
  it.each<[string, Expr, string]>([
    ["x + 0", index.add(a, int(0)), "a"],
    ["2 + x + 3", index.add(index.add(int(2), a), int(3)), "a + 5"],
    ["(x + 2) + (y + 3)", index.add(index.add(a, int(2)), index.add(b, int(3))), "(a + b) + 5"],
    ["x · 0", index.mul(a, int(0)), "0"],
    ["1 · x", index.mul(int(1), a), "a"],
    ["(x · 2) · 3", index.mul(index.mul(a, int(2)), int(3)), "a * 6"],
    ["(x + 2) · 3", index.mul(index.add(a, int(2)), int(3)), "(a * 3) + 6"],
    ["(8x + y) / 8 for y < 8", index.div(index.add(index.mul(a, int(8)), b), 8), "a"],
    ["(8x + y) % 8 for y < 8", index.rem(index.add(index.mul(a, int(8)), b), 8), "b"],
    ["(8x + z) % 8 for z ≥ 8", index.rem(index.add(index.mul(a, int(8)), c), 8), "c % 8"],
    ["x / 8 for x < 8", index.div(b, 8), "0"],
    ["x % 8 for x < 8", index.rem(b, 8), "b"],
    ["(z / 2) / 3", index.div(index.div(c, 2), 3), "c / 6"],
    ["z / 1", index.div(c, 1), "c"],
    ["z % 1", index.rem(c, 1), "0"],
  ])("%s", (_, x, text) => {
    expect(printExpr(x)).toBe(text);
  });
});
