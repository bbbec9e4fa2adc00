/**
 * Folds a value over whole axes into one accumulator: the loops that reductions and batch statistics share.
 * Long float sums lose nothing to their length: each term is compensated, or, where that would cost too much beside
 * what a term costs, each block of terms.
 */
import { layoutOf, type TensorType } from "../../ir/tensor-type.ts";
import { binary, constant, float, foldLanes, int } from "../expressions.ts";
import type { BinaryOp, Expr, Scalar } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { LaneAxis } from "../lower/task.ts";
import type { Lanes, Target } from "../target.ts";
import { CompensatedSum } from "./compensated-sum.ts";

/** Terms summed before a partial sum is added to the whole. */
const sumBlock = 256;
/** Terms whose losses are summed plainly. */
const longestRun = 4096;
/** Sums of more terms than this are compensated. */
const longestPlain = 2048;

/** Whether a sum of so many terms is compensated. */
export function isLongSum(terms: number): boolean {
  return terms > longestPlain;
}

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
  /** What of a long sum is compensated: every term, or the sum of each block of terms. */
  readonly compensate: "terms" | "blocks";
}

/** @param index the kept axes' positions; entries of reduced axes are ignored */
export function foldAxes(kb: KernelBuilder, fold: Fold, index: readonly Expr[]): Expr {
  const terms = fold.axes.reduce((product, axis) => product * fold.type.shape[axis]!, 1);
  const isSum = fold.operator === "add" && fold.scalar === "f32";
  if (isSum && isLongSum(terms)) return longSum(kb, fold, index);
  const combine = (a: Expr, b: Expr) => binary(fold.operator, a, b);
  const { lanes, kept, reduced } = fold.lanes;
  if (reduced === undefined) {
    const lane = kept === undefined ? null : { axis: kept, lanes };
    return kb.let(shortFold(kb, fold, { index, lane }));
  }
  const [whole, rest] = partsAlong(fold, reduced);
  const lane = { axis: reduced, lanes };
  const vector = kb.let(shortFold(kb, fold, { index, lane, range: whole }));
  const total = kb.let(foldLanes(vector, combine));
  if (rest === undefined) return total;
  return kb.let(combine(total, shortFold(kb, fold, { index, lane: null, range: rest })));
}

/** The terms to fold: all along the reduced axes, but only a range of the one that lanes run along. */
interface Terms {
  readonly index: readonly Expr[];
  readonly lane: LaneAxis | null;
  readonly range?: readonly [number, number];
}

/** What whole vectors cover of the axis that lanes run along, and what is left. */
function partsAlong(
  { type, lanes: { lanes } }: Fold,
  axis: number,
): readonly [readonly [number, number], readonly [number, number] | undefined] {
  const size = type.shape[axis]!;
  const whole = Math.floor(size / lanes) * lanes;
  return [[0, whole], whole === size ? undefined : [whole, size]];
}

function shortFold(kb: KernelBuilder, fold: Fold, terms: Terms): Expr {
  const start = constant(fold.identity, { scalar: fold.scalar, lanes: terms.lane?.lanes ?? 1 });
  const combine = (into: Expr, value: Expr) => kb.assign(into, binary(fold.operator, into, value));
  const isBlocked = fold.operator === "add" && fold.scalar === "f32";
  const total = kb.var(start, "total");
  forEachRun(kb, fold, terms, sumBlock, (count, at) => {
    const partial = isBlocked ? kb.var(start, "part") : total;
    kb.for(count, "r", (i) => combine(partial, fold.term(at(i), terms.lane)));
    if (isBlocked) combine(total, partial);
  });
  return total;
}

function longSum(kb: KernelBuilder, fold: Fold, index: readonly Expr[]): Expr {
  const { lanes, kept, reduced } = fold.lanes;
  if (reduced === undefined) {
    const sum = new CompensatedSum(kb, lanes);
    addTerms(kb, fold, { index, lane: kept === undefined ? null : { axis: kept, lanes } }, sum);
    return sum.value();
  }
  const [whole, rest] = partsAlong(fold, reduced);
  const vector = new CompensatedSum(kb, lanes);
  addTerms(kb, fold, { index, lane: { axis: reduced, lanes }, range: whole }, vector);
  const total = new CompensatedSum(kb, 1);
  total.addLanes(vector);
  if (rest !== undefined) addTerms(kb, fold, { index, lane: null, range: rest }, total);
  return total.value();
}

function addTerms(kb: KernelBuilder, fold: Fold, terms: Terms, sum: CompensatedSum): void {
  const { lane } = terms;
  const longest = fold.compensate === "terms" ? longestRun : sumBlock;
  forEachRun(kb, fold, terms, longest, (count, at) => {
    if (fold.compensate === "terms") {
      const run = new CompensatedSum(kb, lane?.lanes ?? 1);
      kb.for(count, "r", (i) => run.add(fold.term(at(i), lane)));
      return sum.addSum(run);
    }
    const partial = kb.var(float(0, lane?.lanes ?? 1), "part");
    kb.for(count, "r", (i) => kb.assign(partial, binary("add", partial, fold.term(at(i), lane))));
    sum.add(partial);
  });
}

/** Loops over the reduced axes in memory order, the last of them in runs of at most so many terms. */
function forEachRun(
  kb: KernelBuilder,
  fold: Fold,
  { index, lane, range }: Terms,
  longest: number,
  body: (count: number, at: (i: Expr) => readonly Expr[]) => void,
): void {
  const order = layoutOf(fold.type).filter((axis) => fold.axes.includes(axis));
  const position = [...index];
  if (order.length === 0) return body(1, () => position);
  const nest = (depth: number): void => {
    const axis = order[depth]!;
    const step = lane?.axis === axis ? lane.lanes : 1;
    const [from, to] =
      fold.lanes.reduced === axis && range !== undefined ? range : [0, fold.type.shape[axis]!];
    const count = (to - from) / step;
    if (depth < order.length - 1) {
      const inner = (i: Expr): void => {
        position[axis] = i;
        nest(depth + 1);
      };
      return kb.for(count, "r", inner, from, step);
    }
    const run = (first: Expr, length: number): void =>
      body(length, (i) => {
        const item = kb.index.add(first, kb.index.mul(i, int(step)));
        return position.map((original, a) => (a === axis ? item : original));
      });
    const blocks = Math.floor(count / longest);
    kb.for(blocks, "block", (block) =>
      run(kb.let(kb.index.add(kb.index.mul(block, int(longest * step)), int(from))), longest),
    );
    const rest = count - blocks * longest;
    if (rest > 0) run(int(from + blocks * longest * step), rest);
  };
  nest(0);
}
