/**
 * Operators that choose elements by value. How many they choose depends on data, so what they choose by must be
 * known while importing: an initialiser, what is computed from shapes, or an input bound as a constant.
 */
import type { HostTensor } from "../../../ir/host-tensor.ts";
import { elementCount, rowMajorStrides } from "../../../ir/shape.ts";
import { takeAlong } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { trailingAxis } from "./axes.ts";

const truePositions = ({ data }: HostTensor): number[] =>
  Array.from(data as ArrayLike<number | bigint>).flatMap((value, at) => (Number(value) === 0 ? [] : [at]));

/** Indices of what is not zero, one row a dimension. */
function nonZero(node: OperatorNode): HostTensor {
  const x = node.constant(0, "how many elements are not zero");
  node.declareResult(DataType.INT64);
  const positions = truePositions(x);
  const strides = rowMajorStrides(x.shape);
  const rows = x.shape.map((size, axis) =>
    positions.map((at) => BigInt(Math.floor(at / strides[axis]!) % size)),
  );
  return {
    dtype: "i64",
    shape: [x.shape.length, positions.length],
    data: BigInt64Array.from(rows.flat()),
  };
}

/** Slices along an axis, or elements of the whole, where the condition holds; it may be shorter. */
function compress(node: OperatorNode): Tensor {
  const given = node.input(0);
  const condition = node.constant(1, "how many elements the condition keeps");
  if (condition.shape.length !== 1)
    return node.fail("shape", `the condition has ${condition.shape.length} dimensions, expected 1.`);
  const positions = truePositions(condition);
  const isFlat = Number.isNaN(node.int("axis", NaN));
  const x = isFlat ? given.reshape([elementCount(given.shape)]) : given;
  const axis = trailingAxis(node, x, 0);
  const outside = positions.find((at) => at >= x.shape[axis]!);
  if (outside !== undefined)
    return node.fail("shape", `the condition keeps position ${outside} of ${x.shape[axis]}.`);
  return takeAlong(x, axis, positions);
}

export const selection: OperatorFamily = { NonZero: nonZero, Compress: compress };
