/** Every launch of a run: its time, and what it computes and moves. */
import { KernelSet } from "../../src/codegen/kernel-set.ts";
import { makePlan } from "../../src/codegen/plan.ts";
import { passOptions } from "../../src/compile.ts";
import { importOnnx } from "../../src/index.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { runPasses } from "../../src/passes/pipeline.ts";
import { warmUp } from "../measure.ts";
import type { Network } from "../networks.ts";
import { median } from "../statistics.ts";
import type { LoadedInHeddle } from "../systems/heddle.ts";
import { workOf, type Work } from "./work.ts";

export interface ProfiledLaunch extends Work {
  readonly kernel: string;
  /** What it computes, in the graph's words. */
  readonly comment: string;
  readonly medianMs: number;
  readonly times: readonly number[];
}

const runsInRound = 5;

export async function profileNetwork(
  network: Network,
  { compiled, run }: LoadedInHeddle,
  rounds: number,
): Promise<readonly ProfiledLaunch[]> {
  const timed = async (): Promise<number> => {
    const start = performance.now();
    await run({ profile: true });
    return performance.now() - start;
  };
  await warmUp(timed);
  const runs: (readonly number[])[] = [];
  while (runs.length < rounds * runsInRound) {
    await timed();
    runs.push(compiled.lastProfile.map(({ elapsedMs }) => elapsedMs));
  }
  // What the executable no longer knows, its kernels' IR, is built a second time.
  const { graph } = traceOnnx(importOnnx(network.bytes()), network.shapes);
  const { target } = compiled.device;
  const kernels = new KernelSet();
  const plan = makePlan(runPasses(graph, target, passOptions({})), target, kernels);
  const dispatches = plan.run.filter((command) => command.kind === "dispatch");
  return compiled.lastProfile.map(({ kernel }, i): ProfiledLaunch => {
    const command = dispatches[i];
    const ir = command && kernels.all[command.kernel];
    if (ir?.name !== kernel)
      throw new Error(`launch ${i} is ${kernel}, but building it again gave ${ir?.name}`);
    const times = runs.map((profile) => profile[i]!);
    return { kernel, comment: command!.comment, medianMs: median(times), times, ...workOf(ir) };
  });
}
