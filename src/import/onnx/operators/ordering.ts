/** Operators about the order of elements along an axis: the largest ones, running sums, triangles, reversal. */
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
  const k = node.has(1) ? node.constantNumbers(1, "k")[0]! : node.int("k", -1);
  if (!(k >= 0 && k <= size))
    return node.fail("argument", `k is ${k}, with ${size} elements to choose from.`);
  node.ignore("sorted");
  node.declareResult(DataType.INT64, 1);
  const { values, indices } = topk(x, k, axis, node.flag("largest", true));
  return [values, indices];
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
  const k = node.optionalNumbers(1, "k")?.[0] ?? 0;
  return node.flag("upper", true) ? triu(node.input(0), k) : tril(node.input(0), k);
}

/** Reverses the first `sequence_lens[b]` elements of each sequence. */
function reverseSequence(node: OperatorNode): Tensor {
  const x = node.input(0);
  const lengths = node.input(1).to("i32");
  const [time, batch] = [node.int("time_axis", 0), node.int("batch_axis", 1)];
  if (time + batch !== 1) return node.fail("argument", "time_axis and batch_axis must be 0 and 1.");
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
