/**
 * Folds a value over whole axes into one accumulator: the loops that reductions and batch statistics share.
 * Long float sums are taken in blocks, so that rounding grows with block length + block count, not with length.
 */
import { layoutOf, type TensorType } from "../../ir/tensor-type.ts";
import { binary, constant, foldLanes, int } from "../expressions.ts";
import type { BinaryOp, Expr, Scalar } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { LaneAxis } from "../lower/task.ts";
import type { Lanes, Target } from "../target.ts";

/** Terms summed before a partial sum is added to the whole. */
const sumBlock = 256;

/** Where lanes run in a fold: along a kept axis (one result a lane), a reduced one (folded at the end), or nowhere. */
export interface FoldLanes {
  readonly lanes: Lanes;
  readonly kept: number | undefined;
  readonly reduced: number | undefined;
}

/** Lanes along the operand's fastest dimension, where it is long enough. */
export function planFoldLanes(target: Target, type: TensorType, axes: readonly number[]): FoldLanes {
  const scalar: FoldLanes = { lanes: 1, kept: undefined, reduced: undefined };
  const fastest = layoutOf(type).at(-1);
  if (target.family === "gpu" || fastest === undefined) return scalar;
  const size = type.shape[fastest]!;
  let lanes = target.vectorWidth;
  const isReduced = axes.includes(fastest);
  while (lanes > 1 && (isReduced ? lanes > size : size % lanes !== 0)) lanes = (lanes / 2) as Lanes;
  if (lanes < 4) return scalar;
  return { lanes, kept: isReduced ? undefined : fastest, reduced: isReduced ? fastest : undefined };
}

export interface Fold {
  readonly operator: BinaryOp;
  readonly identity: number;
  readonly scalar: Exclude<Scalar, "bool">;
  /** The folded operand's type: its shape bounds the loops, its layout orders them. */
  readonly type: TensorType;
  readonly axes: readonly number[];
  readonly lanes: FoldLanes;
  /** The term at an index. */
  readonly term: (index: readonly Expr[], lane: LaneAxis | null) => Expr;
}

/** @param index the kept axes' positions; entries of reduced axes are ignored */
export function foldAxes(kb: KernelBuilder, fold: Fold, index: readonly Expr[]): Expr {
  const combine = (a: Expr, b: Expr) => binary(fold.operator, a, b);
  const { lanes, kept, reduced } = fold.lanes;
  if (reduced === undefined) {
    const lane = kept === undefined ? null : { axis: kept, lanes };
    return kb.let(accumulate(kb, fold, index, lane, undefined));
  }
  const size = fold.type.shape[reduced]!;
  const whole = Math.floor(size / lanes) * lanes;
  const vector = kb.let(accumulate(kb, fold, index, { axis: reduced, lanes }, [0, whole]));
  const total = kb.let(foldLanes(vector, combine));
  return whole === size ? total : kb.let(combine(total, accumulate(kb, fold, index, null, [whole, size])));
}

/** Loops over the reduced axes in memory order; `range` limits the one that lanes run along. */
function accumulate(
  kb: KernelBuilder,
  fold: Fold,
  index: readonly Expr[],
  lane: LaneAxis | null,
  range: readonly [number, number] | undefined,
): Expr {
  const start = constant(fold.identity, { scalar: fold.scalar, lanes: lane?.lanes ?? 1 });
  const blocked = fold.operator === "add" && fold.scalar === "f32";
  const total = kb.var(start, "total");
  const order = layoutOf(fold.type).filter((axis) => fold.axes.includes(axis));
  const position = [...index];
  const add = (into: Expr, at: readonly Expr[]) =>
    kb.assign(into, binary(fold.operator, into, fold.term(at, lane)));
  if (order.length === 0) {
    add(total, position);
    return total;
  }
  const nest = (depth: number): void => {
    const axis = order[depth]!;
    const step = lane?.axis === axis ? lane.lanes : 1;
    const [from, to] =
      fold.lanes.reduced === axis && range !== undefined ? range : [0, fold.type.shape[axis]!];
    const count = (to - from) / step;
    const at = (item: Expr) => position.map((original, a) => (a === axis ? item : original));
    if (depth < order.length - 1) {
      kb.for(
        count,
        "r",
        (i) => {
          position[axis] = i;
          nest(depth + 1);
        },
        from,
        step,
      );
      return;
    }
    const run = (first: Expr, length: number) => {
      const partial = blocked ? kb.var(start, "part") : total;
      kb.for(length, "r", (i) => add(partial, at(kb.index.add(first, kb.index.mul(i, int(step))))));
      if (blocked) kb.assign(total, binary("add", total, partial));
    };
    const blocks = Math.floor(count / sumBlock);
    kb.for(blocks, "block", (block) =>
      run(kb.let(kb.index.add(kb.index.mul(block, int(sumBlock * step)), int(from))), sumBlock),
    );
    const rest = count - blocks * sumBlock;
    if (rest > 0) run(int(from + blocks * sumBlock * step), rest);
  };
  nest(0);
  return total;
}
