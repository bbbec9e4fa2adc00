/** Measuring by interleaved runs, so that what else the machine does falls on both sides alike. */
import { setTimeout as pause } from "node:timers/promises";

/** Idle time before each block: thread pools spin for a while after their work, and would take cores from the other side. */
const pauseMs = 200;

/** Runs of a block that count; one before them wakes caches and clocks. */
const blockRuns = 5;

/** Short blocks in turns, A…A B…B A…A …, after one warm-up of each; the times of each contender. */
export async function interleave(
  contenders: readonly (() => Promise<unknown>)[],
  rounds: number,
): Promise<readonly number[][]> {
  for (const run of contenders) await run();
  const times = contenders.map((): number[] => []);
  for (let block = 0; block < Math.ceil(rounds / blockRuns); block++) {
    for (const [i, run] of contenders.entries()) {
      await pause(pauseMs);
      await run();
      for (let repeat = 0; repeat < blockRuns; repeat++) {
        const start = performance.now();
        await run();
        times[i]!.push(performance.now() - start);
      }
    }
  }
  return times;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Largest distance from `expected`, relative to the largest of it. */
export function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  let [apart, largest] = [0, 0];
  expected.forEach((value, i) => {
    apart = Math.max(apart, Math.abs(value - actual[i]!));
    largest = Math.max(largest, Math.abs(value));
  });
  return apart / largest;
}
