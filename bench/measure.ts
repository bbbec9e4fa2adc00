/**
 * Measuring in turns, so that what else the machine does falls on all sides alike: A…A B…B A…A B…B. A round is one
 * block of each contender, and ratios are taken inside a round, from blocks that ran one after the other.
 */
import { setTimeout as pause } from "node:timers/promises";
import { median } from "./statistics.ts";

/** Runs once and returns how long that took, in ms, by a clock that stands next to the work. */
export type TimedRun = () => Promise<number>;

/** Idle time before each block: thread pools spin for a while after their work, and would take cores from the next. */
const pauseMs = 200;

/**
 * How long a block runs before its times count. An idle machine takes tens of ms until all threads of a pool have a
 * core of their own again (PoCL's runs take 1.5 times as long until then; pools that spin do not show it).
 */
const wakeMs = 100;

/** About how long a block runs after that. */
const blockMs = 200;

const mostRunsInBlock = 40;

/** Engines compile hot WebAssembly again, and better, during its first runs. */
const mostWarmUpRuns = 12;
const warmUpMs = 1500;

/** From here on nothing is left to warm up inside a block, and one run is a block. */
const slowRunMs = 800;

/** Who takes longer than this is measured in a few rounds only: the table is wanted today. */
const verySlowRunMs = 2000;
const verySlowRounds = 3;

/** What was measured of one contender, in ms. Very slow ones have fewer rounds. */
export interface Turns {
  /** By round, the runs of a block. */
  readonly times: readonly (readonly number[])[];
  /** By round, the first run after the pause, which does not count. */
  readonly afterPause: readonly number[];
}

export async function interleave(contenders: readonly TimedRun[], rounds: number): Promise<readonly Turns[]> {
  const typicalMs: number[] = [];
  for (const run of contenders) {
    await pause(pauseMs);
    typicalMs.push(await warmUp(run));
  }
  const turns = contenders.map(() => ({ times: [] as number[][], afterPause: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, run] of contenders.entries()) {
      if (round >= verySlowRounds && typicalMs[i]! > verySlowRunMs) continue;
      await pause(pauseMs);
      const { afterPause, times } = await block(run, typicalMs[i]!);
      turns[i]!.afterPause.push(afterPause);
      turns[i]!.times.push(times);
    }
  }
  return turns;
}

/** A ratio for each round that both have: median of the block above, median of the block below. */
export function ratiosByRound(
  above: readonly (readonly number[])[],
  below: readonly (readonly number[])[],
): readonly number[] {
  const rounds = Math.min(above.length, below.length);
  return above.slice(0, rounds).map((times, round) => median(times) / median(below[round]!));
}

/** Returns the time of one run once it is warm. */
export async function warmUp(run: TimedRun): Promise<number> {
  let [fastest, total] = [Infinity, 0];
  for (let runs = 0; runs < mostWarmUpRuns && total < warmUpMs; runs++) {
    const ms = await run();
    fastest = Math.min(fastest, ms);
    total += ms;
  }
  return fastest;
}

async function block(
  run: TimedRun,
  typicalMs: number,
): Promise<{ readonly afterPause: number; readonly times: number[] }> {
  const afterPause = await run();
  if (typicalMs > slowRunMs) return { afterPause, times: [afterPause] };
  for (let awake = afterPause; awake < wakeMs;) awake += await run();
  const runs = Math.min(Math.max(Math.floor(blockMs / typicalMs), 1), mostRunsInBlock);
  const times: number[] = [];
  while (times.length < runs) times.push(await run());
  return { afterPause, times };
}
