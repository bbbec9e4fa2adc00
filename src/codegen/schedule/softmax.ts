/**
 * Softmax in one kernel: an item owns one line along the axis and walks it three times (largest element, sum
 * of exponentials, result). Lanes run across neighbouring lines where the axis is not the fastest dimension,
 * along the line where it is.
 */
import type { NodeOf } from "../../ir/graph.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { binary, float, foldLanes, int, splat, unary } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import type { LaneAxis, Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { operandType } from "./reduction.ts";

export function scheduleSoftmax(kb: KernelBuilder, task: Task): void {
  const anchor = task.anchor as NodeOf<"softmax" | "log_softmax">;
  const { axis } = anchor.attributes;
  const operand = anchor.operands[0]!;
  const type = operandType(task, operand);
  const length = type.shape[axis]!;
  const fastest = layoutOf(type).at(-1)!;
  const lanes = chooseLanes(task, fastest === axis ? length : type.shape[fastest]!, fastest === axis);
  const across = fastest !== axis && lanes > 1;
  const along = fastest === axis && lanes > 1;
  const lane: LaneAxis | null = lanes === 1 ? null : { axis: fastest, lanes };
  const itemShape = type.shape.map((size, i) =>
    i === axis ? 1 : across && i === fastest ? size / lanes : size,
  );
  const items = itemShape.reduce((product, size) => product * size, 1);

  distribute(kb, task.target, items, (item) => {
    const line = kb.index
      .unflatten(item, itemShape)
      .map((position, i) =>
        kb.let(across && i === fastest ? kb.index.mul(position, int(lanes)) : position, "o"),
      );
    const at = (position: Expr) => line.map((original, i) => (i === axis ? position : original));
    const whole = along ? Math.floor(length / lanes) * lanes : length;
    /** Visits the line: vectors first, then what is left. */
    const visit = (body: (at: readonly Expr[], lane: LaneAxis | null) => void): void => {
      const step = along ? lanes : 1;
      kb.for(whole / step, "r", (i) => body(at(kb.index.mul(i, int(step))), lane));
      kb.for(length - whole, "tail", (i) => body(at(kb.index.add(int(whole), i)), null));
    };
    const value = (index: readonly Expr[], l: LaneAxis | null) =>
      new ValueEmitter(kb, task).emit(operand, index, l);
    const fold = (
      op: "add" | "max",
      start: number,
      term: (index: readonly Expr[], l: LaneAxis | null) => Expr,
    ): Expr => {
      const total = kb.var(float(start, lanes), "total");
      const rest = along && whole < length ? kb.var(float(start), "rest") : undefined;
      visit((index, l) => {
        const target = l === null && rest !== undefined ? rest : total;
        kb.assign(target, binary(op, target, term(index, l)));
      });
      if (!along) return kb.let(total);
      const folded = foldLanes(kb.let(total), (a, b) => binary(op, a, b));
      return kb.let(rest === undefined ? folded : binary(op, folded, rest));
    };

    const largest = fold("max", -Infinity, value);
    const shifted = (index: readonly Expr[], l: LaneAxis | null): Expr =>
      binary("sub", value(index, l), splat(largest, l?.lanes ?? 1));
    const sum = fold("add", 0, (index, l) => unary("exp", shifted(index, l)));
    const scale =
      anchor.op === "softmax"
        ? kb.let(binary("div", float(1, sum.type.lanes), sum))
        : kb.let(unary("log", sum));
    visit((index, l) => {
      const difference = shifted(index, l);
      const factor = splat(scale, l?.lanes ?? 1);
      const result =
        anchor.op === "softmax"
          ? binary("mul", unary("exp", difference), factor)
          : binary("sub", difference, factor);
      finish(kb, task, new Map([[anchor.results[0]!.id, kb.let(result)]]), index, l);
    });
  });
}

function chooseLanes({ target }: Task, size: number, along: boolean): Lanes {
  if (target.family === "gpu") return 1;
  let lanes = target.vectorWidth;
  while (lanes > 1 && (along ? size < lanes : size % lanes !== 0)) lanes = (lanes / 2) as Lanes;
  return lanes === 2 ? 1 : lanes;
}
