/**
 * What works line by line: an item owns one line along an axis, and walks it as often as it has to. Lanes run
 * across neighbouring lines where the axis is not the fastest dimension, along the line where it is.
 */
import type { ValueId } from "../../ir/graph.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { binary, float, foldLanes, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import type { LaneAxis, Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { CompensatedSum } from "./compensated-sum.ts";
import { distribute } from "./distribute.ts";
import { isLongSum } from "./fold-axes.ts";
import { operandType } from "./reduction.ts";

/** A position on the line, and where its lanes lie. */
type Visit = (index: readonly Expr[], lane: LaneAxis | null) => void;

export interface Line {
  readonly length: number;
  /** Visits the line: vectors first, then what is left. */
  readonly visit: (body: Visit) => void;
  /** The operand's value at a position. */
  readonly value: (index: readonly Expr[], lane: LaneAxis | null) => Expr;
  /** One value of the whole line; `start` is neutral. */
  readonly fold: (
    op: "add" | "max",
    start: number,
    term: (index: readonly Expr[], lane: LaneAxis | null) => Expr,
  ) => Expr;
}

/** A value of the line beside the lanes of a position. */
export function besideLanes(x: Expr, lane: LaneAxis | null): Expr {
  return splat(x, lane?.lanes ?? 1);
}

/** Runs `body` for every line of `operand` along `axis`. */
export function forEachLine(
  kb: KernelBuilder,
  task: Task,
  operand: ValueId,
  axis: number,
  body: (line: Line) => void,
): void {
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
    const visit = (each: Visit): void => {
      const step = along ? lanes : 1;
      kb.for(whole / step, "r", (i) => each(at(kb.index.mul(i, int(step))), lane));
      kb.for(length - whole, "tail", (i) => each(at(kb.index.add(int(whole), i)), null));
    };
    const longSum = (term: (index: readonly Expr[], lane: LaneAxis | null) => Expr): Expr => {
      const sum = new CompensatedSum(kb, lanes);
      const total = along ? new CompensatedSum(kb, 1) : sum;
      visit((index, l) => (l === null ? total : sum).add(term(index, l)));
      if (along) total.addLanes(sum);
      return total.value();
    };
    const fold: Line["fold"] = (op, start, term) => {
      if (op === "add" && isLongSum(length)) return longSum(term);
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
    const value: Line["value"] = (index, l) => new ValueEmitter(kb, task).emit(operand, index, l);
    body({ length, visit, value, fold });
  });
}

function chooseLanes({ target }: Task, size: number, along: boolean): Lanes {
  if (target.family === "gpu") return 1;
  let lanes = target.vectorWidth;
  while (lanes > 1 && (along ? size < lanes : size % lanes !== 0)) lanes = (lanes / 2) as Lanes;
  return lanes === 2 ? 1 : lanes;
}
