/** f16 on the host, against what NumPy's `astype(float16)` gave. */
import { describe, expect, it } from "vitest";
import { decodeHalves, encodeHalves, halfToNumber, numberToHalf } from "../../src/ir/half.ts";
import { roundedToHalf } from "../recordings/rounded-to-half.ts";

const allBits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

describe("f16", () => {
  it("reads the numbers that IEEE 754 gives as examples", () => {
    const examples = [
      [0x0000, 0], [0x0001, 2 ** -24], [0x03ff, 1023 * 2 ** -24], [0x0400, 2 ** -14], [0x3555, 0.333251953125],
      [0x3c00, 1], [0x3c01, 1 + 2 ** -10], [0x7bff, 65504], [0x7c00, Infinity], [0xc000, -2], [0xfc00, -Infinity],
    ] as const; // prettier-ignore
    for (const [bits, number] of examples) expect(halfToNumber(bits)).toBe(number);
    expect(halfToNumber(0x8000)).toBe(-0);
    expect(halfToNumber(0x7c01)).toBeNaN();
  });

  it("writes every number that it reads as the same bits, and NaN as NaN", () => {
    const numbers = decodeHalves(allBits);
    encodeHalves(numbers).forEach((bits, i) => {
      if (Number.isNaN(numbers[i])) expect(halfToNumber(bits)).toBeNaN();
      else if (bits !== i) expect.fail(`${numbers[i]} became ${bits}, expected ${i}`);
    });
  });

  it("rounds as NumPy does: to even, to subnormals, to infinity", () => {
    for (const [number, bits] of roundedToHalf) expect(numberToHalf(number), String(number)).toBe(bits);
  });

  it("rounds a double once, not by way of f32", () => {
    expect(numberToHalf(1.000488281251)).toBe(15361);
    expect(numberToHalf(1.0004882812509095)).toBe(15361);
    expect(numberToHalf(2.9802322388562674e-8)).toBe(1);
    expect(numberToHalf(65519.99999999999)).toBe(31743);
  });
});
