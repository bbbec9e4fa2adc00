/**
 * Reductions over whole axes. Each item is one result element, or a vector of neighbouring ones where the
 * operand's fastest dimension is kept; where it is reduced, lanes accumulate apart and are folded at the end.
 */
import { InternalError } from "../../errors.ts";
import type { NodeOf, ValueId } from "../../ir/graph.ts";
import type { TensorType } from "../../ir/tensor-type.ts";
import type { ReductionOps } from "../../ir/ops/reduction.ts";
import { and, binary, compare, float, int, select, unary } from "../expressions.ts";
import type { BinaryOp, Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import type { Task } from "../lower/task.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { foldAxes, planFoldLanes, type FoldLanes } from "./fold-axes.ts";

type FoldNode = NodeOf<"sum" | "mean" | "prod" | "reduce_max" | "reduce_min">;
type PositionNode = NodeOf<"argmax" | "argmin">;

const scalarFold: FoldLanes = { lanes: 1, kept: undefined, reduced: undefined };

export function scheduleReduction(kb: KernelBuilder, task: Task): void {
  const anchor = task.anchor as FoldNode | PositionNode;
  const axes = "axes" in anchor.attributes ? anchor.attributes.axes : [anchor.attributes.axis];
  const type = operandType(task, anchor.operands[0]!);
  const plan = anchor.op.startsWith("arg") ? scalarFold : planFoldLanes(task.target, type, axes);
  const kept = type.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const itemShape = kept.map((axis) =>
    plan.kept === axis ? type.shape[axis]! / plan.lanes : type.shape[axis]!,
  );
  const items = itemShape.reduce((product, size) => product * size, 1);

  distribute(kb, task.target, items, (item) => {
    const indices = kb.index.unflatten(item, itemShape);
    const index = new Array<Expr>(type.shape.length).fill(int(0));
    kept.forEach((axis, i) => {
      const position = plan.kept === axis ? kb.index.mul(indices[i]!, int(plan.lanes)) : indices[i]!;
      index[axis] = kb.let(position, "o");
    });
    const result = isPosition(anchor)
      ? reducePosition(kb, task, anchor, type, index)
      : reduceFold(kb, task, anchor, type, axes, index, plan);
    const resultIndex = anchor.attributes.keepDims
      ? index.map((position, axis) => (axes.includes(axis) ? int(0) : position))
      : kept.map((axis) => index[axis]!);
    const lane =
      plan.kept === undefined ? null : { axis: resultAxis(plan.kept, axes, anchor), lanes: plan.lanes };
    finish(kb, task, new Map([[anchor.results[0]!.id, result]]), resultIndex, lane);
  });
}

function isPosition(node: FoldNode | PositionNode): node is PositionNode {
  return node.op === "argmax" || node.op === "argmin";
}

function resultAxis(axis: number, axes: readonly number[], anchor: FoldNode | PositionNode): number {
  return anchor.attributes.keepDims ? axis : axis - axes.filter((reduced) => reduced < axis).length;
}

const identities: Readonly<Record<FoldNode["op"], number>> = {
  sum: 0,
  mean: 0,
  prod: 1,
  reduce_max: -Infinity,
  reduce_min: Infinity,
};
const combiners: Readonly<Record<FoldNode["op"], BinaryOp>> = {
  sum: "add",
  mean: "add",
  prod: "mul",
  reduce_max: "max",
  reduce_min: "min",
};

function reduceFold(
  kb: KernelBuilder,
  task: Task,
  anchor: FoldNode,
  type: TensorType,
  axes: readonly number[],
  index: readonly Expr[],
  lanes: FoldLanes,
): Expr {
  const scalar = type.dtype === "bool" ? "u32" : type.dtype;
  const operand = anchor.operands[0]!;
  const total = foldAxes(
    kb,
    {
      operator: combiners[anchor.op],
      identity: scalar === "f32" ? identities[anchor.op] : integerIdentity(anchor.op, scalar),
      scalar,
      type,
      axes,
      lanes,
      compensate: "terms",
      term: (at, lane) => new ValueEmitter(kb, task).emit(operand, at, lane),
    },
    index,
  );
  if (anchor.op !== "mean") return total;
  const count = axes.reduce((product, axis) => product * type.shape[axis]!, 1);
  return kb.let(binary("div", total, float(count, total.type.lanes)));
}

function integerIdentity(op: FoldNode["op"], scalar: "i32" | "u32"): number {
  if (op === "reduce_max") return scalar === "i32" ? -(2 ** 31) : 0;
  if (op === "reduce_min") return scalar === "i32" ? 2 ** 31 - 1 : 2 ** 32 - 1;
  return identities[op];
}

function reducePosition(
  kb: KernelBuilder,
  task: Task,
  anchor: PositionNode,
  type: TensorType,
  index: readonly Expr[],
): Expr {
  const { axis } = anchor.attributes as ReductionOps["argmax"];
  const operand = anchor.operands[0]!;
  const at = (position: Expr) => index.map((original, i) => (i === axis ? position : original));
  const best = kb.var(new ValueEmitter(kb, task).emit(operand, at(int(0)), null), "best");
  const bestAt = kb.var(int(0), "best_at");
  const better = anchor.op === "argmax" ? "gt" : "lt";
  kb.for(
    type.shape[axis]! - 1,
    "r",
    (i) => {
      const value = new ValueEmitter(kb, task).emit(operand, at(i), null);
      let wins: Expr = compare(better, value, best);
      if (type.dtype === "f32") {
        // NaN wins over numbers, and the first NaN stays.
        wins = binary("or", wins, and(unary("isnan", value), unary("not", unary("isnan", best))));
      }
      const chosen = kb.let(wins, "wins");
      kb.assign(bestAt, select(chosen, i, bestAt));
      kb.assign(best, select(chosen, value, best));
    },
    1,
  );
  return kb.let(bestAt);
}

/** The type of an anchor's operand, which may be computed in the body. */
export function operandType(task: Task, value: ValueId): TensorType {
  const input = task.inputs.get(value);
  if (input !== undefined) return input.type;
  for (const node of Object.values(task.body.nodes)) {
    const result = node.results.find((item) => item.id === value);
    if (result !== undefined) return result.type;
  }
  throw new InternalError(`lower: %${value} has no type`);
}
