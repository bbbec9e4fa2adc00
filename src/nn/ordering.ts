/** The order of elements along an axis: the largest ones, sorting, running sums, triangles, reversal. */
import { UserError } from "../errors.ts";
import { formatShape, normalizeAxes, normalizeAxis } from "../ir/shape.ts";
import { arange, gatherElements, reversed } from "./positions.ts";
import type { Axes, Tensor } from "./tensor.ts";

/** Elements and their i32 positions. */
export interface Ordered {
  /** The elements in order. */
  readonly values: Tensor;
  /** Where along the dimension they were. */
  readonly indices: Tensor;
}

/** Along so many elements each is compared with every other; longer lines are sorted. */
const longestCompared = 64;
/** Kernels keep positions as whole numbers in f32. */
const longestSorted = 2 ** 24;

/** The `k` largest (or smallest) elements along `axis`, in order. Of equals the first comes first; NaN counts as largest. */
export function topk(x: Tensor, k: number, axis = -1, largest = true): Ordered {
  const at = normalizeAxis(axis, x.rank, "topk");
  const size = x.shape[at] ?? 1;
  if (!(Number.isInteger(k) && k >= 0 && k <= size))
    throw new UserError(
      "argument",
      `topk: k is ${k}, with ${size} elements to choose from along axis ${at} of ${formatShape(x.shape)}.`,
    );
  if (x.rank === 0) return unbatchedScalar(x, (row) => topk(row, k, 0, largest), k);
  const indices = size <= longestCompared ? comparedOrder(x, k, at, largest) : sortedOrder(x, k, at, largest);
  return { values: gatherElements(x, at, indices), indices };
}

function sortedOrder(x: Tensor, k: number, axis: number, largest: boolean): Tensor {
  const size = x.shape[axis]!;
  if (size > longestSorted)
    x.trace.fail(
      "unsupported",
      `topk: ${size} elements along axis ${axis}; at most ${longestSorted} can be put in order.`,
    );
  const numbers = x.dtype === "bool" ? x.to("i32") : x;
  return x.symbol(x.trace.add("topk", [numbers.id], { axis, k, largest }));
}

/** An element's rank is the number of elements that come before it; the one of rank r is the r-th result. */
function comparedOrder(x: Tensor, k: number, at: number, largest: boolean): Tensor {
  const size = x.shape[at]!;
  const [mine, other] = [x.unsqueeze(at + 1), x.unsqueeze(at)];
  const above = (a: Tensor, b: Tensor): Tensor =>
    x.dtype === "f32" ? a.gt(b).logicalOr(a.isnan().logicalAnd(b.isnan().logicalNot())) : a.gt(b);
  const [wins, loses] = largest
    ? [above(other, mine), above(mine, other)]
    : [above(mine, other), above(other, mine)];
  const isEarlier = arange(x, size, at + 1, x.rank + 1).lt(arange(x, size, at, x.rank + 1));
  const before = wins.logicalOr(loses.logicalNot().logicalAnd(isEarlier));
  const rank = before.to("i32").sum(at + 1);
  const isResult = rank.unsqueeze(at).eq(arange(x, k, at, x.rank + 1));
  return arange(x, size, at + 1, x.rank + 1)
    .where(isResult, 0)
    .sum(at + 1);
}

function unbatchedScalar(x: Tensor, order: (row: Tensor) => Ordered, k: number): Ordered {
  const { values, indices } = order(x.reshape([1]));
  return k === 1 ? { values: values.reshape([]), indices: indices.reshape([]) } : { values, indices };
}

/** All elements along `axis` in order, equal ones as they were; NaN counts as largest. */
export function sort(x: Tensor, axis = -1, descending = false): Ordered {
  const at = normalizeAxis(axis, x.rank, "sort");
  return topk(x, x.shape[at] ?? 1, at, descending);
}

/** The i32 positions that put the elements along `axis` in order. */
export function argsort(x: Tensor, axis = -1, descending = false): Tensor {
  return sort(x, axis, descending).indices;
}

const longestDirectSum = 128;
const block = 64;

/** Sums of all elements up to each along `axis`; bool counts as integer. */
export function cumsum(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank, "cumsum");
  const numbers = x.dtype === "bool" ? x.to("i32") : x;
  return x.rank === 0 ? numbers : runningSum(numbers, at, false);
}

/** Running sums: directly where short, else inside blocks, to which the sums of the blocks before are added. */
export function runningSum(x: Tensor, axis: number, exclusive: boolean): Tensor {
  const size = x.shape[axis]!;
  if (size <= longestDirectSum) {
    const [at, from] = [1, 0].map((after) => arange(x, size, axis + 1 - after, x.rank + 1)) as [
      Tensor,
      Tensor,
    ];
    const isSummed = exclusive ? from.lt(at) : from.le(at);
    return x
      .unsqueeze(axis)
      .where(isSummed, 0)
      .sum(axis + 1);
  }
  const blocks = Math.ceil(size / block);
  const after = x.rank - 1 - axis;
  const padded = x.pad([...new Array<number>(2 * after).fill(0), 0, blocks * block - size]);
  const cut = padded.reshape([...x.shape.slice(0, axis), blocks, block, ...x.shape.slice(axis + 1)]);
  const earlier = runningSum(cut.sum(axis + 1), axis, true);
  const sums = runningSum(cut, axis + 1, exclusive).add(earlier.unsqueeze(axis + 1));
  return sums
    .reshape([...x.shape.slice(0, axis), blocks * block, ...x.shape.slice(axis + 1)])
    .slice(axis, 0, size);
}

/** Elements in reverse order along the axes. */
export function flip(x: Tensor, axes: Axes): Tensor {
  return normalizeAxes([axes].flat() as number[], x.rank, "flip").reduce(reversed, x);
}

/** Matrices `[…, rows, columns]` with zeros below the k-th diagonal. */
export function triu(x: Tensor, diagonal = 0): Tensor {
  return triangle(x, diagonal, "triu");
}

/** Matrices `[…, rows, columns]` with zeros above the k-th diagonal. */
export function tril(x: Tensor, diagonal = 0): Tensor {
  return triangle(x, diagonal, "tril");
}

function triangle(x: Tensor, diagonal: number, which: "triu" | "tril"): Tensor {
  if (x.rank < 2)
    throw new UserError("shape", `${which}: expected matrices, got a tensor of ${formatShape(x.shape)}.`);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const limit = arange(x, rows, 0, 2).add(Math.min(Math.max(diagonal, -rows), columns));
  const column = arange(x, columns, 1, 2);
  const isKept = which === "triu" ? column.ge(limit) : column.le(limit);
  return x.dtype === "bool" ? x.logicalAnd(isKept) : x.where(isKept, 0);
}
