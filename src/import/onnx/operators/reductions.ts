/** Reductions over axes, and positions of extremes. */
import { reversed } from "../../../nn/positions.ts";
import { logsumexp } from "../../../nn/statistics.ts";
import { zeros } from "../../../ir/host-tensor.ts";
import type { DType } from "../../../ir/dtype.ts";
import { elementCount } from "../../../ir/shape.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily, OperatorNode, OperatorResult } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { integerLimits } from "../tensors.ts";
import { axesOf, trailingAxis } from "./axes.ts";

const numeric = (x: Tensor): Tensor => (x.dtype === "bool" ? x.to("i32") : x);

type Fold = (x: Tensor, axes: readonly number[], keepDims: boolean, node: OperatorNode) => OperatorResult;

/**
 * Axes are an attribute, or an input since opset 18 (13 for sums); none means all, unless told to fold nothing. Then
 * what is not folding is still done: a sum of squares is a square.
 *
 * @param alone what folding makes of an element alone
 */
const reduction =
  (fold: Fold, alone: (x: Tensor) => Tensor = (x) => x): Operator =>
  (node) => {
    const x = node.input(0);
    const keepDims = node.flag("keepdims", true);
    const nothing = node.flag("noop_with_empty_axes", false);
    const axes = axesOf(node, x.rank, 1);
    if (axes === undefined || axes.length === 0) {
      return nothing
        ? alone(x)
        : fold(
            x,
            x.shape.map((_, axis) => axis),
            keepDims,
            node,
          );
    }
    return fold(x, axes, keepDims, node);
  };

/** What is neither more nor less than any value of a type: the result of comparing nothing. */
function extreme(node: OperatorNode, dtype: DType, which: "least" | "greatest"): number | bigint {
  const isLeast = which === "least";
  const type = node.elementType(0);
  const narrow = integerLimits(type);
  if (narrow !== undefined) return narrow[isLeast ? 0 : 1];
  if (type === DataType.INT64) return isLeast ? -(2n ** 63n) : 2n ** 63n - 1n;
  if (type === DataType.UINT64) return isLeast ? 0n : 2n ** 64n - 1n;
  switch (dtype) {
    case "f32":
      return isLeast ? -Infinity : Infinity;
    case "i32":
      return isLeast ? -(2 ** 31) : 2 ** 31 - 1;
    case "u32":
      return isLeast ? 0 : 2 ** 32 - 1;
    case "bool":
      return isLeast ? 0 : 1;
    default:
      return dtype satisfies never;
  }
}

/** Longer results are left for kernels to fill. */
const longestFilled = 4096;

/** The largest or smallest elements; of none, the least or greatest value of the type, as the operator's text has it. */
const extremes =
  (fold: Fold, ofNothing: "least" | "greatest"): Fold =>
  (x, axes, keepDims, node) => {
    if (axes.every((axis) => x.shape[axis] !== 0)) return fold(x, axes, keepDims, node);
    const shape = x.shape.flatMap((size, axis) => (!axes.includes(axis) ? [size] : keepDims ? [1] : []));
    const type = node.elementType(0);
    const dtype = type === DataType.INT64 ? "i64" : type === DataType.UINT64 ? "u64" : x.dtype;
    const isShort = elementCount(shape) <= longestFilled;
    const result = zeros(isShort ? shape : [], dtype);
    (result.data as { fill(value: unknown): unknown }).fill(extreme(node, x.dtype, ofNothing));
    return isShort ? result : new Tensor(node.trace, node.trace.constant(result)).expand(shape);
  };

const position =
  (
    find: (x: Tensor, axis: number, keepDims: boolean) => Tensor,
    findLast: (x: Tensor, axis: number, keepDims: boolean) => Tensor,
  ): Operator =>
  (node) => {
    const x = node.input(0);
    const axis = trailingAxis(node, x, 0);
    const last = node.flag("select_last_index", false);
    node.declareResult(DataType.INT64);
    return (last ? findLast : find)(x, axis, node.flag("keepdims", true));
  };

/** The last best position: the first one of the reversed order, counted from the end. */
const fromTheEnd =
  (find: (x: Tensor, axis: number, keepDims: boolean) => Tensor) =>
  (x: Tensor, axis: number, keepDims: boolean): Tensor => {
    const size = x.shape[axis]!;
    return find(reversed(x, axis), axis, keepDims)
      .neg()
      .add(size - 1);
  };

/** Of integers: truncated. */
const inFloats = (x: Tensor, fold: (x: Tensor) => Tensor): Tensor => fold(x.to("f32")).to(x.dtype);

const argMax = (x: Tensor, axis: number, keepDims: boolean) => x.argMax(axis, keepDims);
const argMin = (x: Tensor, axis: number, keepDims: boolean) => x.argMin(axis, keepDims);

export const reductions: OperatorFamily = {
  ReduceSum: reduction((x, axes, keep) => x.sum(axes, keep)),
  ReduceMean: reduction((x, axes, keep) => inFloats(x, (f) => f.mean(axes, keep))),
  ReduceMax: reduction(extremes((x, axes, keep) => numeric(x).max(axes, keep).to(x.dtype), "least")),
  ReduceMin: reduction(extremes((x, axes, keep) => numeric(x).min(axes, keep).to(x.dtype), "greatest")),
  ReduceProd: reduction((x, axes, keep) => x.prod(axes, keep)),
  ReduceL1: reduction(
    (x, axes, keep) => x.abs().sum(axes, keep),
    (x) => x.abs(),
  ),
  ReduceL2: reduction(
    (x, axes, keep) => inFloats(x, (f) => f.square().sum(axes, keep).sqrt()),
    (x) => x.abs(),
  ),
  ReduceSumSquare: reduction(
    (x, axes, keep) => x.square().sum(axes, keep),
    (x) => x.square(),
  ),
  ReduceLogSum: reduction(
    (x, axes, keep) => inFloats(x, (f) => f.sum(axes, keep).log()),
    (x) => inFloats(x, (f) => f.log()),
  ),
  // Of nothing −∞, for which integers have no value.
  ReduceLogSumExp: reduction((x, axes, keep, node) =>
    x.dtype === "f32"
      ? extremes(logsumexp, "least")(x, axes, keep, node)
      : inFloats(x, (f) => logsumexp(f, axes, keep)),
  ),
  ArgMax: position(argMax, fromTheEnd(argMax)),
  ArgMin: position(argMin, fromTheEnd(argMin)),
};
