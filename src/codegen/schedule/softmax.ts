/** Softmax in one kernel, line by line: the largest element, the sum of exponentials, the result. */
import type { NodeOf } from "../../ir/graph.ts";
import { binary, float, unary } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { LaneAxis, Task } from "../lower/task.ts";
import { finish } from "./epilogue.ts";
import { besideLanes, forEachLine } from "./lines.ts";

export function scheduleSoftmax(kb: KernelBuilder, task: Task): void {
  const anchor = task.anchor as NodeOf<"softmax" | "log_softmax">;
  const isPlain = anchor.op === "softmax";
  forEachLine(kb, task, anchor.operands[0]!, anchor.attributes.axis, ({ visit, value, fold }) => {
    const largest = fold("max", -Infinity, value);
    const shifted = (index: readonly Expr[], lane: LaneAxis | null): Expr =>
      binary("sub", value(index, lane), besideLanes(largest, lane));
    const sum = fold("add", 0, (index, lane) => unary("exp", shifted(index, lane)));
    const scale = kb.let(isPlain ? binary("quotient", float(1, sum.type.lanes), sum) : unary("log", sum));
    visit((index, lane) => {
      const difference = shifted(index, lane);
      const factor = besideLanes(scale, lane);
      const result = isPlain
        ? binary("mul", unary("exp", difference), factor)
        : binary("sub", difference, factor);
      finish(kb, task, new Map([[anchor.results[0]!.id, kb.let(result)]]), index, lane);
    });
  });
}
