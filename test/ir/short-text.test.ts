/** Values in messages: short whatever they are. */
import { describe, expect, it } from "vitest";
import { shortText } from "../../src/ir/short-text.ts";

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

describe("the text of a value in a message", () => {
  it.each<[unknown, string]>([
    [null, "null"],
    [undefined, "undefined"],
    [1.5, "1.5"],
    [NaN, "NaN"],
    [2n ** 64n, "18446744073709551616"],
    ["a \"b\"\n", '"a \\"b\\"\\n"'],
    [[1, "x", [true, null]], '[1,"x",[true,null]]'],
    [{ a: [1], "b c": {} }, '{"a":[1],"b c":{}}'],
    [Int8Array.of(1, -2), "[1,-2]"],
    [() => 1, "a function"],
    [Symbol("s"), "Symbol(s)"],
  ])("is like JSON (case %#)", (value, expected) => {
    expect(shortText(value)).toBe(expected);
  }); // prettier-ignore

  it.each<[string, unknown]>([
    ["a long text", "x".repeat(1_000_000)],
    ["a long list", new Array(100_000).fill(7)],
    ["a long name", { ["n".repeat(100_000)]: 1 }],
    ["many entries", Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]))],
  ])("is cut: %s", (_, value) => {
    expect(shortText(value, 60)).toHaveLength(61);
    expect(shortText(value, 60)).toMatch(/…$/);
  });

  it("ends where nesting does not", () => {
    const self: unknown[] = [];
    self.push(self);
    for (const value of [nested(500_000), self]) expect(shortText(value).length).toBeLessThan(82);
  });
});
