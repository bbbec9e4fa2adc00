/**
 * Measures the candidates of a decision on a device: the sample is compiled once for each, and the programs run in
 * turn, so that whatever slows the machine down for a while slows all of them, and each finds the caches as the
 * others left them, as it would in a network. A candidate's time is the median of its runs.
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
const runs = { least: 5, most: 41, budgetMs: 400, warmUp: 2 };

export function measureOn(device: Device, build: BuildSample): Measure {
  return async ({ signature, candidates, sample }, choices) => {
    const graph = sample();
    const programs: Program[] = [];
    try {
      for (const candidate of candidates) {
        const executable = build(graph, new Map([...choices, [signature, candidate]]));
        const program = await loadProgram(device, candidate, graph, executable);
        if (program !== undefined) programs.push(program);
      }
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
    const run = await runnerOf(device, session, inputs);
    for (let i = 0; i < runs.warmUp; i++) await run();
    return { candidate, session, run };
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

async function timeInTurn(programs: readonly Program[]): Promise<ReadonlyMap<string, number>> {
  const samples = new Map(programs.map(({ candidate }) => [candidate, [] as number[]]));
  const start = performance.now();
  const enough = runs.budgetMs * programs.length;
  for (let round = 0; round < runs.most; round++) {
    if (round >= runs.least && performance.now() - start > enough) break;
    // Nobody always follows the same one.
    const turned = round % 2 === 0 ? programs : [...programs].reverse();
    for (const { candidate, run } of turned) samples.get(candidate)!.push(await run());
  }
  return new Map(Array.from(samples, ([candidate, times]) => [candidate, median(times)]));
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
