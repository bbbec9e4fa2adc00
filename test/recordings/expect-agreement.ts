import { expect } from "vitest";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { graphTensor } from "../../src/ir/trace.ts";
import { relativeError } from "./compare.ts";

/** All results have the recorded ones' dtypes and shapes, and differ by at most `tolerance` of the largest. */
export function expectAgreement(
  actual: readonly HostTensor[],
  expected: readonly HostTensor[],
  tolerance: number,
): void {
  expect(actual).toHaveLength(expected.length);
  const errors = expected.map((tensor, i) => ({
    result: i,
    error: relativeError(actual[i]!, graphTensor(tensor, `result ${i}`)),
  }));
  expect(errors.filter(({ error }) => !(error <= tolerance))).toEqual([]);
}
