/**
 * Spreads independent items over a device: on a GPU one invocation an item, on a CPU a few tasks that each
 * loop over neighbouring items. So schedules that need no cooperation are written once.
 */
import { int } from "../expressions.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Expr } from "../kernel-ir.ts";
import type { Target } from "../target.ts";

/** Groups a CPU core gets: enough to balance, few enough that starting them costs nothing. */
const tasksPerCore = 8;

export interface DistributeOptions {
  /** Items worth a task of their own on a CPU; small items are batched. */
  readonly itemsPerTask?: number;
  /** Tasks a CPU core gets; 8 unless given. */
  readonly tasksPerCore?: number;
  /** Invocations a workgroup on a GPU. */
  readonly groupSize?: number;
}

/** Runs `body` for every item in 0 … items − 1. */
export function distribute(
  kb: KernelBuilder,
  target: Target,
  items: number,
  body: (item: Expr) => void,
  options: DistributeOptions = {},
): void {
  if (target.family === "gpu") {
    const groupSize = Math.min(options.groupSize ?? 64, target.maxGroupSize);
    kb.grid(Math.ceil(items / groupSize), groupSize);
    const item = kb.let(kb.index.add(kb.index.mul(kb.group, int(groupSize)), kb.local), "item");
    kb.ifLess(item, items, () => {
      body(item);
    });
    return;
  }
  const wanted = Math.min(
    Math.ceil(items / (options.itemsPerTask ?? 1)),
    target.computeUnits * (options.tasksPerCore ?? tasksPerCore),
  );
  const perTask = Math.ceil(items / Math.max(wanted, 1));
  const tasks = Math.ceil(items / perTask);
  kb.grid(tasks, 1);
  kb.for(perTask, "i", (i) => {
    const item = kb.let(kb.index.add(kb.index.mul(kb.group, int(perTask)), i), "item");
    kb.ifLess(item, items, () => {
      body(item);
    });
  });
}
