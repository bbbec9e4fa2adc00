/**
 * Measures the candidates of a decision on a device: the sample is compiled once for each, and the programs run in
 * turn, so that whatever slows the machine down for a while slows all of them, and each finds the caches as the
 * others left them, as it would in a network. What counts is the median of many runs.
 */
import type { Executable } from "../codegen/executable.ts";
import { UserError } from "../errors.ts";
import { allocateArray } from "../ir/dtype.ts";
import type { Graph, GraphInput } from "../ir/graph.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { elementCount } from "../ir/shape.ts";
import { Parameter, type Stored } from "../ir/stored-tensor.ts";
import type { Choices } from "../passes/decision.ts";
import type { Device } from "../runtime/device.ts";
import type { DeviceTensor } from "../runtime/device-tensor.ts";
import { Session } from "../runtime/session.ts";
import type { Measure } from "./tune-decisions.ts";

/** Builds a sample for the device, with these choices. */
export type BuildSample = (sample: Graph, choices: Choices) => Executable;

/** Runs of each candidate: as many as fit the time, within bounds. */
const runs = {
  warmUp: { least: 2, most: 500, budgetMs: 30 },
  measured: { least: 7, most: 2000, budgetMs: 100 },
};

export function measureOn(device: Device, build: BuildSample): Measure {
  return async ({ signature, candidates, sample }, choices) => {
    const graph = sample();
    // At the same time: drivers take longer over kernels than kernels run.
    const loaded = await Promise.allSettled(
      candidates.map(async (candidate) => {
        const executable = build(graph, new Map([...choices, [signature, candidate]]));
        return loadProgram(device, candidate, graph, executable);
      }),
    );
    const programs = loaded.flatMap((result) => (result.status === "fulfilled" ? (result.value ?? []) : []));
    try {
      const failed = loaded.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      return await timeInTurn(programs);
    } finally {
      for (const { session } of programs) session.dispose();
    }
  };
}

interface Program {
  readonly candidate: string;
  readonly session: Session;
  readonly run: () => Promise<number>;
}

/** Undefined where the device cannot run it: it has too little memory, or its compiler refuses a kernel. */
async function loadProgram(
  device: Device,
  candidate: string,
  graph: Graph,
  executable: Executable,
): Promise<Program | undefined> {
  const stored = new Map<string, Stored>(
    graph.inputs
      .filter(({ role }) => role === "parameter")
      .map((input) => [input.name, new Parameter(valueFor(input))]),
  );
  const inputs = graph.inputs.filter(({ role }) => role === "input").map(valueFor);
  let session: Session | undefined;
  try {
    session = await Session.load(device, executable, stored);
    return { candidate, session, run: await runnerOf(device, session, inputs) };
  } catch (error) {
    session?.dispose();
    const cannotRun = error instanceof UserError && ["out-of-memory", "kernel-rejected"].includes(error.code);
    if (cannotRun) return undefined;
    throw error;
  }
}

/** Runs once and gives the time in milliseconds: the device's own, by the clock where it keeps none. */
async function runnerOf(
  device: Device,
  session: Session,
  inputs: readonly HostTensor[],
): Promise<() => Promise<number>> {
  const runOnce = async (profile: boolean): Promise<number> => {
    const { outputs, timings } = await session.run(inputs, { profile, keepOnDevice: true });
    for (const output of outputs as readonly DeviceTensor[]) output.dispose();
    return timings.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
  };
  try {
    await runOnce(true);
    return () => runOnce(true);
  } catch (error) {
    if (!(error instanceof UserError && error.code === "unsupported")) throw error;
  }
  return async () => {
    await device.finish();
    const start = performance.now();
    await runOnce(false);
    await device.finish();
    return performance.now() - start;
  };
}

/** Times by candidate. The first program is what the others are compared with. */
async function timeInTurn(programs: readonly Program[]): Promise<ReadonlyMap<string, number>> {
  const samples = programs.map((): number[] => []);
  const round = async (keep: boolean): Promise<void> => {
    for (const [i, { run }] of programs.entries()) {
      const elapsedMs = await run();
      if (keep) samples[i]!.push(elapsedMs);
    }
  };
  // Engines compile what runs often once more; clocks rise.
  await repeat(runs.warmUp, programs.length, () => round(false));
  await repeat(runs.measured, programs.length, () => round(true));
  return new Map(programs.map(({ candidate }, i) => [candidate, comparedTime(samples[i]!, samples[0]!)]));
}

/** Rounds until the time is up, within bounds. */
async function repeat(
  { least, most, budgetMs }: (typeof runs)[keyof typeof runs],
  programs: number,
  round: () => Promise<void>,
): Promise<void> {
  const start = performance.now();
  for (let count = 0; count < most; count++) {
    if (count >= least && performance.now() - start > budgetMs * programs) return;
    await round();
  }
}

/**
 * A median time, as a multiple of the median of `others`: the median of the ratios, round by round, is what is
 * left when the machine is slower in some rounds than in others.
 */
export function comparedTime(times: readonly number[], others: readonly number[]): number {
  if (others.includes(0)) return median(times);
  return median(others) * median(times.map((time, i) => time / others[i]!));
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Values of no pattern between −0.5 and 0.5: nothing overflows, and no multiplication is by zero. */
function valueFor({ type: { dtype, shape } }: GraphInput): HostTensor {
  const data = allocateArray(dtype, elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = ((i * 40503) % 65521) / 65521 - 0.5;
  return { dtype, shape, data } as HostTensor;
}
