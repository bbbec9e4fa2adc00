/** From graphs to commands and kernels in the target's language. */
import type { Graph } from "../ir/graph.ts";
import { chainLaunches, hasCostlyLaunches } from "./chain-launches.ts";
import type { Executable } from "./executable.ts";
import { KernelSet } from "./kernel-set.ts";
import { makePlan, type Plan } from "./plan.ts";
import type { Target } from "./target.ts";
import { writeKernel } from "./write.ts";
import { WrittenKernels } from "./written-kernels.ts";

export interface PlanAndKernels {
  readonly plan: Plan;
  /** What is launched: the plan's own commands where it has none. */
  readonly launches: Pick<Executable, "kernels"> & Partial<Executable>;
}

/** Kernels are written one by one as the plan asks for them where that is possible, else when all are known. */
export function planAndWrite(
  graphs: { readonly prepare: Graph; readonly run: Graph },
  target: Target,
  joinLaunches: boolean,
): PlanAndKernels {
  if (target.language === "wasm") {
    const kernels = new WrittenKernels(target);
    const plan = makePlan(graphs, target, kernels);
    return { plan, launches: { kernels: kernels.sources } };
  }
  const kernels = new KernelSet();
  const plan = makePlan(graphs, target, kernels);
  if (joinLaunches && hasCostlyLaunches(target))
    return { plan, launches: chainLaunches(plan, kernels.all, target) };
  return { plan, launches: { kernels: kernels.all.map((kernel) => writeKernel(kernel, target)) } };
}
