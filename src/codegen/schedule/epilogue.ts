/** What follows an anchor's last accumulation: the rest of the body, then the stores. */
import type { ValueId } from "../../ir/graph.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Expr } from "../kernel-ir.ts";
import { lane as laneOf, int } from "../expressions.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import { storeElement, type LaneAxis, type Task } from "../lower/task.ts";

/**
 * Binds anchor results, emits every output at `index` and stores it.
 * @param valid lanes that exist; with fewer than all, they are emitted one by one, so that nothing outside a
 *   buffer is read
 */
export function finish(
  kb: KernelBuilder,
  task: Task,
  results: ReadonlyMap<ValueId, Expr>,
  index: readonly Expr[],
  lane: LaneAxis | null,
  valid: number = lane?.lanes ?? 1,
): void {
  if (lane !== null && valid < lane.lanes) {
    for (let i = 0; i < valid; i++) {
      const scalars = new Map([...results].map(([value, expr]) => [value, kb.let(laneOf(expr, i))]));
      const at = index.map((position, axis) =>
        axis === lane.axis ? kb.index.add(position, int(i)) : position,
      );
      finish(kb, task, scalars, at, null);
    }
    return;
  }
  const emitter = new ValueEmitter(kb, task);
  for (const [value, expr] of results) emitter.bind(value, expr);
  const values = task.outputs.map((output) => emitter.emit(output.value, index, lane));
  task.outputs.forEach((output, i) => storeElement(kb, output, index, lane, values[i]!));
}

/** Emits the vector of columns from `first` with as many lanes as there are columns: all, some or, past the end, none. */
export function withValidLanes(
  kb: KernelBuilder,
  first: Expr,
  columns: number,
  lanes: number,
  emit: (valid: number) => void,
): void {
  const whole = Math.floor(columns / lanes) * lanes;
  kb.ifLess(
    first,
    whole,
    () => emit(lanes),
    () => {
      if (columns > whole) kb.ifLess(first, columns, () => emit(columns - whole));
    },
  );
}
