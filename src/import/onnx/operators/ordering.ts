/** Operators about the order of elements along an axis: the largest ones, running sums, triangles, reversal. */
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";
import { normalizeAxis } from "../../../ir/shape.ts";
import { arange, gatherElements, reversed } from "../../../nn/positions.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { checkedLength } from "./checked-length.ts";

/**
 * Each element's rank is the number of elements that come before it; the one of rank r is the r-th result.
 * Of equals the first comes first, and NaN counts as largest.
 */
function topK(node: OperatorNode): readonly Tensor[] {
  const x = node.input(0);
  const axis = trailingAxis(node, x, -1);
  const size = x.shape[axis]!;
  const k = node.has(1) ? node.constantNumbers(1, "k")[0]! : node.int("k", -1);
  if (!(k >= 0 && k <= size))
    return node.fail("argument", `k is ${k}, with ${size} elements to choose from.`);
  const largest = node.flag("largest", true);
  node.ignore("sorted");
  node.declareResult(DataType.INT64, 1);
  const [mine, other] = [x.unsqueeze(axis + 1), x.unsqueeze(axis)];
  const above = (a: Tensor, b: Tensor): Tensor =>
    x.dtype === "f32" ? a.gt(b).logicalOr(a.isnan().logicalAnd(b.isnan().logicalNot())) : a.gt(b);
  const [wins, loses] = largest
    ? [above(other, mine), above(mine, other)]
    : [above(mine, other), above(other, mine)];
  const { trace } = x;
  const isEarlier = arange(trace, size, axis + 1, x.rank + 1).lt(arange(trace, size, axis, x.rank + 1));
  const before = wins.logicalOr(loses.logicalNot().logicalAnd(isEarlier));
  const rank = before.to("i32").sum(axis + 1);
  const isResult = rank.unsqueeze(axis).eq(arange(trace, k, axis, x.rank + 1));
  const positions = arange(trace, size, axis + 1, x.rank + 1)
    .where(isResult, 0)
    .sum(axis + 1);
  return [gatherElements(x, axis, positions), positions];
}

const longestDirectSum = 128;
const block = 64;

/** Running sums: directly where short, else inside blocks, to which the sums of the blocks before are added. */
export function runningSum(x: Tensor, axis: number, exclusive: boolean): Tensor {
  const size = x.shape[axis]!;
  if (size <= longestDirectSum) {
    const [at, from] = [1, 0].map((after) => arange(x.trace, size, axis + 1 - after, x.rank + 1)) as [
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
  const split = padded.reshape([...x.shape.slice(0, axis), blocks, block, ...x.shape.slice(axis + 1)]);
  const earlier = runningSum(split.sum(axis + 1), axis, true);
  const sums = runningSum(split, axis + 1, exclusive).add(earlier.unsqueeze(axis + 1));
  return sums
    .reshape([...x.shape.slice(0, axis), blocks * block, ...x.shape.slice(axis + 1)])
    .slice(axis, 0, size);
}

function cumSum(node: OperatorNode): Tensor {
  const x = node.input(0);
  if (x.rank === 0) return node.fail("shape", "a scalar has no dimension to sum along.");
  const axis = normalizeAxis(node.constantNumbers(1, "the axis")[0]!, x.rank, "CumSum");
  const exclusive = node.flag("exclusive", false);
  return node.flag("reverse", false)
    ? reversed(runningSum(reversed(x, axis), axis, exclusive), axis)
    : runningSum(x, axis, exclusive);
}

/** Keeps the upper (or lower) triangle of matrices, seen from the k-th diagonal. */
function trilu(node: OperatorNode): Tensor {
  const x = node.input(0);
  const k = node.optionalNumbers(1, "k")?.[0] ?? 0;
  if (x.rank < 2) return node.fail("shape", "expected matrices.");
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const limit = arange(x.trace, rows, 0, 2).add(Math.min(Math.max(k, -rows), columns));
  const column = arange(x.trace, columns, 1, 2);
  const isKept = node.flag("upper", true) ? column.ge(limit) : column.le(limit);
  if (x.dtype === "bool") return x.logicalAnd(isKept);
  return x.where(isKept, 0);
}

/** Reverses the first `sequence_lens[b]` elements of each sequence. */
function reverseSequence(node: OperatorNode): Tensor {
  const x = node.input(0);
  const lengths = node.input(1).to("i32");
  const [time, batch] = [node.int("time_axis", 0), node.int("batch_axis", 1)];
  if (time + batch !== 1) return node.fail("argument", "time_axis and batch_axis must be 0 and 1.");
  const perBatch = lengths.unsqueeze(time);
  const position = arange(x.trace, checkedLength(node, x.shape[time]!, "the sequence"), time, 2);
  const source = perBatch.sub(position).sub(1).where(position.lt(perBatch), position);
  const wide = source.reshape([...source.shape, ...new Array<number>(x.rank - 2).fill(1)]);
  return gatherElements(x, time, wide.expand(x.shape));
}

export const ordering: OperatorFamily = {
  TopK: topK,
  CumSum: cumSum,
  Trilu: trilu,
  ReverseSequence: reverseSequence,
};
