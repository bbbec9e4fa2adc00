/** Standardisation in one kernel, line by line: the mean, the mean square of what differs from it, the result. */
import type { NodeOf } from "../../ir/graph.ts";
import { binary, float, unary } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { LaneAxis, Task } from "../lower/task.ts";
import { finish } from "./epilogue.ts";
import { besideLanes, forEachLine } from "./lines.ts";

export function scheduleStandardize(kb: KernelBuilder, task: Task): void {
  const anchor = task.anchor as NodeOf<"standardize">;
  const { axis, eps } = anchor.attributes;
  forEachLine(kb, task, anchor.operands[0]!, axis, ({ length, visit, value, fold }) => {
    const meanOf = (sum: Expr): Expr => binary("div", sum, float(length, sum.type.lanes));
    const mean = kb.let(meanOf(fold("add", 0, value)), "mean");
    const centred = (index: readonly Expr[], lane: LaneAxis | null): Expr =>
      kb.let(binary("sub", value(index, lane), besideLanes(mean, lane)), "centred");
    const squares = fold("add", 0, (index, lane) => {
      const difference = centred(index, lane);
      return binary("mul", difference, difference);
    });
    const variance = binary("add", meanOf(squares), float(eps, squares.type.lanes));
    const scale = kb.let(binary("quotient", float(1, squares.type.lanes), unary("sqrt", variance)), "scale");
    visit((index, lane) => {
      const result = binary("mul", centred(index, lane), besideLanes(scale, lane));
      finish(kb, task, new Map([[anchor.results[0]!.id, kb.let(result)]]), index, lane);
    });
  });
}
