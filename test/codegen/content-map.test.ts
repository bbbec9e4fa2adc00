import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContentMap } from "../../src/codegen/content-map.ts";

/** Plain data as kernels are made of, small enough that equal ones come up. */
const plain = fc.letrec<{ any: unknown; object: object }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(0, -0, 1, 0.5, NaN, Infinity, true, false, undefined, null, "", "a", "b"),
    fc.uint8Array({ maxLength: 2, max: 2 }),
    fc.array(tie("any"), { maxLength: 2 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom("x", "y"), tie("any"), { maxKeys: 2, noNullPrototype: true }),
})).object;
const key = fc.oneof(
  plain,
  fc.constantFrom({ x: 1, y: "a" }, { y: "a", x: 1 }, { x: [1], y: {} }, { y: {}, x: [1] }),
);

describe("a map by content", () => {
  it("finds what has equal content, and nothing else", () => {
    // Text that tells apart all that the values above may hold.
    const textOf = (value: unknown): string => {
      if (value instanceof Uint8Array) return `bytes ${[...value].join()}`;
      if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
      if (typeof value !== "object" || value === null)
        return Object.is(value, -0) ? "-0" : `${typeof value} ${String(value)}`;
      const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
      return `{${entries.map(([key, inner]) => `${key}: ${textOf(inner)}`).join()}}`;
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 30 }), (steps) => {
        const map = new ContentMap<object, number>();
        const model = new Map<string, number>();
        steps.forEach(([key, deletes], i) => {
          if (deletes) {
            map.delete(key);
            model.delete(textOf(key));
          } else {
            const value = model.get(textOf(key)) ?? i;
            expect(map.getOrInsert(key, () => i)).toBe(value);
            model.set(textOf(key), value);
          }
        });
        expect([...map.values()].sort()).toEqual([...model.values()].sort());
      }),
      { numRuns: 500 },
    );
  });
});
