/** What is made of the times of many rounds. */
import { describe, expect, it } from "vitest";
import { comparedTime } from "../../src/tuning/measure.ts";

describe("a compared time", () => {
  it("is the median where it is compared with itself", () => {
    expect(comparedTime([3, 1, 2], [3, 1, 2])).toBe(2);
    expect(comparedTime([4, 1, 2, 3], [4, 1, 2, 3])).toBe(2.5);
  });

  it("is not misled by rounds in which the machine was slow", () => {
    // Always 0.9 of the other; a slow machine from the middle on.
    const others = [1, 1, 1, 1, 5, 5, 5];
    const times = others.map((time) => 0.9 * time);
    expect(comparedTime(times, others)).toBeCloseTo(0.9, 12);
    // One of the two is interrupted now and then.
    expect(comparedTime([0.9, 9, 0.9, 0.9, 4.5, 50, 4.5], others)).toBeCloseTo(0.9, 12);
  });

  it("is the median where a clock is too coarse for ratios", () => {
    expect(comparedTime([1, 2, 3], [0, 2, 3])).toBe(2);
  });
});
