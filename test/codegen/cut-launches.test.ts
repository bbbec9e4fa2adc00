/** Which kernels share a launch: letters stand for kernels, a part is compiled once for each different text. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutLaunches, mostJoined } from "../../src/codegen/cut-launches.ts";

const mayShare = (part: readonly string[]) => part.every((letter) => letter >= "a");
const cut = (text: string) =>
  cutLaunches([...text], { mayShare, keyOf: (part) => part.join("") }).map((part) => part.join(""));

describe("cutLaunches", () => {
  it("joins everything that occurs once", () => {
    expect(cut("abcdefgh")).toEqual(["abcdefgh"]);
  });

  it("makes a block that repeats one part, compiled once", () => {
    // Sixty repetitions of three kernels: unrolled they would be compiled many times over.
    const parts = cut("abc".repeat(60));
    expect(parts.join("")).toBe("abc".repeat(60));
    expect(parts.length).toBeLessThanOrEqual(20);
    expect(new Set(parts).size).toBeLessThanOrEqual(3);
  });

  it("leaves alone what may not join", () => {
    expect(cut("abXcd")).toEqual(["ab", "X", "cd"]);
    expect(cut("XY")).toEqual(["X", "Y"]);
  });

  it("has nothing to cut in nothing", () => {
    expect(cut("")).toEqual([]);
  });

  it("keeps order and every item, in parts of bounded length, and compiles little twice", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(..."abcdefghiXY"), { maxLength: 120 }), (letters) => {
        const parts = cut(letters.join(""));
        expect(parts.join("")).toBe(letters.join(""));
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(mostJoined);
          if (/[XY]/.test(part)) expect(part).toHaveLength(1);
        }
        const compiled = [...new Set(parts)].reduce((sum, part) => sum + part.length, 0);
        expect(compiled).toBeLessThanOrEqual(new Set(letters).size + 24);
      }),
    );
  });

  it("takes time in proportion to the number of launches", () => {
    const letters = Array.from({ length: 20_000 }, (_, i) => String.fromCodePoint(0x4e00 + i));
    expect(cutLaunches(letters, { mayShare: () => true, keyOf: (part) => part.join("") }).length).toBeLessThan(20_000 / 8); // prettier-ignore
  });
});
