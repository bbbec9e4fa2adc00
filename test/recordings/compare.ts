/** How far a tensor is from the recorded one. */
import type { HostTensor } from "../../src/ir/host-tensor.ts";

/**
 * The largest difference of two tensors relative to the largest finite expected element; Infinity where they
 * differ in dtype, shape, or in which elements are NaN or infinite, and for any difference of integers.
 */
export function relativeError(actual: HostTensor, expected: HostTensor): number {
  if (actual.dtype !== expected.dtype || actual.shape.join() !== expected.shape.join()) return Infinity;
  if (actual.data.length !== expected.data.length) return Infinity;
  let largest = 0;
  for (const value of expected.data) {
    if (Number.isFinite(Number(value))) largest = Math.max(largest, Math.abs(Number(value)));
  }
  let worst = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const a = actual.data[i]!;
    const b = expected.data[i]!;
    if (Object.is(a, b) || a === b) continue;
    if (expected.dtype !== "f32" || !Number.isFinite(a) || !Number.isFinite(b)) return Infinity;
    worst = Math.max(worst, Math.abs(Number(a) - Number(b)));
  }
  return worst === 0 ? 0 : worst / Math.max(largest, Number.MIN_VALUE);
}

/** Positions at which one tensor holds 0 and the other −0. */
export function zeroSignDifferences(actual: HostTensor, expected: HostTensor): number[] {
  const positions: number[] = [];
  for (let i = 0; i < expected.data.length; i++) {
    const a = actual.data[i];
    if (a === 0 && expected.data[i] === 0 && !Object.is(a, expected.data[i])) positions.push(i);
  }
  return positions;
}
