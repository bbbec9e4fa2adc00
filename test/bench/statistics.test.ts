import { describe, expect, it } from "vitest";
import { ratiosByRound } from "../../bench/measure.ts";
import { median, quantile, relativeDifference, summarize } from "../../bench/statistics.ts";

describe("what a table shows of many times", () => {
  it("takes the middle of an odd count, and the mean of the middle two of an even one", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("interpolates quantiles between neighbours", () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(quantile([3, 1, 2, 5, 4], 0.75)).toBe(4);
  });

  it("gives half the distance between the quartiles as spread, which one outlier does not move", () => {
    expect(summarize([1, 2, 3, 4, 1000])).toEqual({ median: 3, spread: 1 });
  });

  it("takes one ratio a round that both have, of the blocks' medians", () => {
    expect(ratiosByRound([[2], [3], [4]], [[4]])).toEqual([0.5]);
    expect(ratiosByRound([[2, 2, 9], [6]], [[4], [3, 1, 3]])).toEqual([0.5, 2]);
  });
});

describe("the difference of two results", () => {
  it("is the largest distance, relative to the largest of the expected", () => {
    expect(relativeDifference(Float32Array.of(1, -4), Float32Array.of(2, -4))).toBe(0.25);
    expect(relativeDifference(Float32Array.of(0, 0), Float32Array.of(0, 0))).toBe(0);
  });

  it("is infinite where a value is NaN or missing", () => {
    expect(relativeDifference(Float32Array.of(NaN), Float32Array.of(1))).toBe(Infinity);
    expect(relativeDifference(Float32Array.of(1), Float32Array.of(1, 2))).toBe(Infinity);
  });
});
