/** Reductions over axes, and positions of extremes. */
import { reversed } from "../../../nn/positions.ts";
import { logsumexp } from "../../../nn/statistics.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { axesOf, trailingAxis } from "./axes.ts";

const numeric = (x: Tensor): Tensor => (x.dtype === "bool" ? x.to("i32") : x);

type Fold = (x: Tensor, axes: readonly number[], keepDims: boolean) => Tensor;

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
          );
    }
    return fold(x, axes, keepDims);
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
  ReduceMax: reduction((x, axes, keep) => numeric(x).max(axes, keep).to(x.dtype)),
  ReduceMin: reduction((x, axes, keep) => numeric(x).min(axes, keep).to(x.dtype)),
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
  ReduceLogSumExp: reduction((x, axes, keep) => inFloats(x, (f) => logsumexp(f, axes, keep))),
  ArgMax: position(argMax, fromTheEnd(argMax)),
  ArgMin: position(argMin, fromTheEnd(argMin)),
};
