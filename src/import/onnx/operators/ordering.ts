/** Operators about the order of elements along an axis: the largest ones, running sums, triangles, reversal. */
import { checkElements, checkIs, checkList } from "./constraints.ts";
import { normalizeAxis } from "../../../ir/shape.ts";
import { runningSum, topk, tril, triu } from "../../../nn/ordering.ts";
import { arange, gatherElements, reversed } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { trailingAxis } from "./axes.ts";
import { checkedLength } from "./checked-length.ts";

function topK(node: OperatorNode): readonly Tensor[] {
  const x = node.input(0);
  const axis = trailingAxis(node, x, -1);
  const size = x.shape[axis]!;
  const given = node.has(1) ? node.constantNumbers(1, "k") : [node.requiredInt("k")];
  checkList(node, "k", given, 1);
  const k = given[0]!;
  if (!(k >= 0 && k <= size))
    return node.fail("argument", `k is ${k}, with ${size} elements to choose from.`);
  // What need not be in order may be.
  node.int("sorted", 1, [0, 1]);
  node.declareResult(DataType.INT64, 1);
  const { values, indices } = topk(x, k, axis, node.flag("largest", true));
  return [values, indices];
}

function cumSum(node: OperatorNode): Tensor {
  const x = node.input(0);
  if (x.rank === 0) return node.fail("shape", "a scalar has no dimension to sum along.");
  const given = node.constantNumbers(1, "the axis");
  checkList(node, "the axis", given, 1);
  const axis = normalizeAxis(given[0]!, x.rank, "CumSum");
  const exclusive = node.flag("exclusive", false);
  return node.flag("reverse", false)
    ? reversed(runningSum(reversed(x, axis), axis, exclusive), axis)
    : runningSum(x, axis, exclusive);
}

/** Keeps the upper (or lower) triangle of matrices, seen from the k-th diagonal. */
function trilu(node: OperatorNode): Tensor {
  const given = node.optionalNumbers(1, "k") ?? [0];
  checkList(node, "k", given, 1);
  const x = node.input(0);
  const [rows, columns] = x.shape.slice(-2);
  if (rows === undefined || columns === undefined)
    return node.fail("shape", `the input has ${x.rank} dimensions, expected 2 or more.`);
  // Diagonals may lie outside, however far.
  const k = Math.min(Math.max(given[0]!, -rows), columns);
  return node.flag("upper", true) ? triu(x, k) : tril(x, k);
}

/** Reverses the first `sequence_lens[b]` elements of each sequence. */
function reverseSequence(node: OperatorNode): Tensor {
  const x = node.input(0);
  const lengths = node.input(1).to("i32");
  const [time, batch] = [node.int("time_axis", 0, [0, 1]), node.int("batch_axis", 1, [0, 1])];
  if (x.rank < 2) return node.fail("shape", `the input has ${x.rank} dimensions, expected 2 or more.`);
  if (time + batch !== 1) return node.fail("argument", "time_axis and batch_axis must be 0 and 1.");
  checkIs(node, "sequence_lens", lengths, [x.shape[batch]!]);
  checkElements(node, 1, "sequence_lens", [0, x.shape[time]!]);
  const perBatch = lengths.unsqueeze(time);
  const position = arange(x, checkedLength(node, x.shape[time]!, "the sequence"), time, 2);
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
