import { describe, expect, it } from "vitest";
import { compare, float, int, ref } from "../../src/codegen/expressions.ts";
import { KernelBuilder } from "../../src/codegen/kernel-builder.ts";
import { f32, i32, type Expr } from "../../src/codegen/kernel-ir.ts";
import { printKernel } from "../../src/codegen/print-kernel.ts";
import { InternalError } from "../../src/errors.ts";

/** The statements that `emit` makes, one a line, without indentation. */
function statements(emit: (kb: KernelBuilder) => void): string[] {
  const kb = new KernelBuilder();
  kb.grid(4, 1);
  kb.buffer("x", "f32", "read", 64);
  kb.buffer("y", "f32", "write", 64);
  emit(kb);
  const text = printKernel(kb.build("k", ""));
  return text.slice(text.indexOf("{\n") + 2, text.lastIndexOf("}")).trimEnd().split("\n").map((line) => line.trim()); // prettier-ignore
}

describe("a kernel under construction", () => {
  it("gives every name a number of its own", () => {
    const lines = statements((kb) => {
      kb.load("x", int(0));
      kb.load("x", int(1));
    });
    expect(lines).toEqual(["x_0 = load x[0]", "x_1 = load x[1]"]);
  });

  it("names an expression once, and leaves names and constants alone", () => {
    const lines = statements((kb) => {
      const sum = kb.let(kb.index.add(kb.group, int(1)), "sum");
      expect(kb.let(sum)).toBe(sum);
      expect(kb.let(int(3))).toEqual(int(3));
    });
    expect(lines).toEqual(["sum_0 = group + 1"]);
  });

  it("knows the range of what it has named", () => {
    const kb = new KernelBuilder();
    kb.grid(4, 8);
    const at = kb.let(kb.index.add(kb.index.mul(kb.group, int(8)), kb.local));
    expect(kb.index.rangeOf(at)).toEqual({ min: 0, max: 31 });
  });

  it("has no group and no invocation to ask for where there is one", () => {
    const kb = new KernelBuilder();
    kb.grid(1, 1);
    expect([kb.group, kb.local]).toEqual([int(0), int(0)]);
  });

  it("renames a second buffer of the same name", () => {
    const kb = new KernelBuilder();
    const names = [kb.buffer("b", "f32", "read", 1), kb.buffer("b", "f32", "read", 1)];
    expect(new Set(names).size).toBe(2);
  });

  it.each<[number, string[]]>([
    [0, [""]],
    [1, ["store y[5] = 1.0"]],
    [3, ["for i_0 in 5..11 step 2 {", "store y[i_0] = 1.0", "}"]],
  ])("makes a loop of %d iterations only where it takes one", (count, expected) => {
    expect(statements((kb) => kb.for(count, "i", (i) => kb.store("y", i, float(1)), 5, 2))).toEqual(expected);
  });

  it("knows what a loop counts through", () => {
    statements((kb) => kb.for(3, "i", (i) => expect(kb.index.rangeOf(i)).toEqual({ min: 5, max: 9 }), 5, 2));
    expect.assertions(1);
  });

  it("makes no branch where the condition is known", () => {
    const store = (kb: KernelBuilder, value: number) => () => kb.store("y", int(0), float(value));
    expect(statements((kb) => kb.if(kb.index.less(kb.group, 4), store(kb, 1), store(kb, 2)))).toEqual(["store y[0] = 1.0"]); // prettier-ignore
    expect(statements((kb) => kb.if(kb.index.atLeast(kb.group, 4), store(kb, 1), store(kb, 2)))).toEqual(["store y[0] = 2.0"]); // prettier-ignore
  });

  it("knows in each branch of a comparison what it says, and forgets it after", () => {
    const ranges: (readonly [number, number])[] = [];
    statements((kb) => {
      const at = kb.let(kb.index.add(kb.group, int(0)), "at");
      const item = kb.let(kb.index.mul(at, int(3)), "item");
      const note = (x: Expr) => () => void ranges.push([kb.index.rangeOf(x).min, kb.index.rangeOf(x).max]);
      kb.ifLess(item, 4, note(item), note(item));
      note(item)();
    });
    expect(ranges).toEqual([[0, 3], [4, 9], [0, 9]]); // prettier-ignore
  });

  it("assigns to variables and to nothing else", () => {
    const lines = statements((kb) => {
      const total = kb.var(float(0), "total");
      kb.if(compare("lt", ref("n", i32), int(2)), () => kb.assign(total, float(1)));
    });
    expect(lines).toEqual(["var total_0 = 0.0", "if n < 2 {", "total_0 := 1.0", "}"]);
    expect(() => new KernelBuilder().assign(float(1), float(2))).toThrow(InternalError);
  });

  it("refuses to load from what is no buffer", () => {
    expect(() => new KernelBuilder().load("nothing", int(0))).toThrow("no buffer nothing");
  });

  it("loads vectors of the buffer's elements", () => {
    const kb = new KernelBuilder();
    kb.buffer("x", "f32", "read", 64);
    expect(kb.load("x", int(0)).type).toEqual(f32);
    expect(kb.load("x", int(0), 4).type).toEqual({ scalar: "f32", lanes: 4 });
  });
});
