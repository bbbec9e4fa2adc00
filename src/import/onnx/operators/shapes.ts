/** Operators that only change or tell shapes, and values that are known from the start. */
import type { HostTensor } from "../../../ir/host-tensor.ts";
import { zeros } from "../../../ir/host-tensor.ts";
import { elementCount, normalizeAxis } from "../../../ir/shape.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode, OperatorResult } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { castTo } from "./cast.ts";
import { axesOf } from "./axes.ts";

const integers = (values: readonly number[], shape: readonly number[] = [values.length]): HostTensor => ({
  dtype: "i64",
  shape,
  data: BigInt64Array.from(values, BigInt),
});

/** The target is an attribute before operator set 5. 0 keeps a size (unless allowzero), −1 is what remains. */
function reshape(node: OperatorNode): Tensor {
  const x = node.input(0);
  const wanted = node.ints("shape") ?? node.constantNumbers(1, "the shape");
  const allowZero = node.flag("allowzero", false);
  return x.reshape(wanted.map((size, axis) => (size === 0 && !allowZero ? (x.shape[axis] ?? 0) : size)));
}

function shape(node: OperatorNode): HostTensor {
  node.declareResult(DataType.INT64);
  const sizes = node.input(0).shape;
  const rank = sizes.length;
  const clamp = (position: number) => Math.min(Math.max(position < 0 ? position + rank : position, 0), rank);
  return integers(sizes.slice(clamp(node.int("start", 0)), clamp(node.int("end", rank))));
}

function constant(node: OperatorNode): HostTensor {
  const value = node.tensor("value");
  if (value !== undefined) {
    node.declareResult(node.tensorType("value")!);
    return value;
  }
  const floats = node.floats("value_floats");
  if (floats !== undefined) return { dtype: "f32", shape: [floats.length], data: Float32Array.from(floats) };
  const ints = node.ints("value_ints");
  if (ints !== undefined) return integers(ints);
  const int = node.int("value_int", NaN);
  if (!Number.isNaN(int)) return integers([int], []);
  return { dtype: "f32", shape: [], data: Float32Array.of(node.float("value_float", 0)) };
}

/** Longer values are left for kernels to fill. */
const longestFilled = 4096;

function filled(node: OperatorNode): OperatorResult {
  const sizes = node.constantNumbers(0, "the shape");
  const value = node.tensor("value");
  node.declareResult(node.tensorType("value") ?? DataType.FLOAT);
  const scalar = value === undefined ? zeros([], "f32") : { ...value, shape: [] };
  if (elementCount(scalar.shape) !== scalar.data.length)
    return node.fail("shape", "the value must be one element.");
  if (elementCount(sizes) > longestFilled)
    return new Tensor(node.trace, node.trace.constant(scalar)).expand(sizes);
  const result = zeros(sizes, scalar.dtype);
  (result.data as { fill(value: unknown): unknown }).fill(scalar.data[0]);
  return result;
}

function range(node: OperatorNode): HostTensor {
  const [start, limit, step] = [0, 1, 2].map((i) => node.constant(i, "the range")) as [
    HostTensor,
    HostTensor,
    HostTensor,
  ];
  const [from, to, by] = [start, limit, step].map((value) => Number(value.data[0])) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((to - from) / by));
  if (count >= 2 ** 24) return node.fail("unsupported", `a range of ${count} elements is too long.`);
  const values = Array.from({ length: count }, (_, i) => from + i * by);
  return start.dtype === "f32"
    ? { dtype: "f32", shape: [count], data: Float32Array.from(values) }
    : integers(values);
}

function flatten(node: OperatorNode): Tensor {
  const x = node.input(0);
  const given = node.int("axis", 1);
  const axis = given === x.rank ? given : normalizeAxis(given, x.rank, "Flatten");
  return x.reshape([elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
}

function squeeze(node: OperatorNode): Tensor {
  const x = node.input(0);
  const axes = axesOf(node, x.rank, 1) ?? x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const wide = axes.find((axis) => x.shape[axis] !== 1);
  if (wide !== undefined)
    return node.fail("shape", `dimension ${wide} has size ${x.shape[wide]}, only size 1 can go.`);
  return x.reshape(x.shape.filter((_, axis) => !axes.includes(axis)));
}

function unsqueeze(node: OperatorNode): Tensor {
  const x = node.input(0);
  const given = node.ints("axes") ?? node.constantNumbers(1, "axes");
  const axes = given.map((axis) => normalizeAxis(axis, x.rank + given.length, "Unsqueeze"));
  const sizes = [...x.shape];
  for (const axis of [...axes].sort((a, b) => a - b)) sizes.splice(axis, 0, 1);
  return x.reshape(sizes);
}

/** Whether a training mode is on, told in three ways, and there is something to drop. */
function dropsElements(node: OperatorNode): boolean {
  const ratio = node.float("ratio", 0.5);
  node.ignoreInputs(1);
  if (node.opset < 7) return !node.flag("is_test", false) && ratio !== 0;
  const isTraining = node.has(2) && node.constantNumbers(2, "training_mode")[0] !== 0;
  return isTraining && (node.has(1) ? node.constantNumbers(1, "the ratio")[0] : ratio) !== 0;
}

/** Only training drops anything, by random numbers; a ratio of 0 drops nothing in training, either. */
function dropout(node: OperatorNode): readonly OperatorResult[] {
  node.ignore("seed");
  const x = node.input(0);
  if (dropsElements(node))
    return node.fail("unsupported", "training mode is not supported: it drops elements by random numbers.");
  if (!node.hasOutput(1)) return [x];
  const kept = {
    dtype: "bool",
    shape: x.shape,
    data: new Uint8Array(elementCount(x.shape)).fill(1),
  } as const;
  // Before operator set 10 the mask had the type of the input.
  return [x, node.opset < 10 ? new Tensor(x.trace, x.trace.constant(kept)).to(x.dtype) : kept];
}

export const shapes: OperatorFamily = {
  Shape: shape,
  Size: (node) => {
    node.declareResult(DataType.INT64);
    return integers([elementCount(node.input(0).shape)], []);
  },
  Constant: constant,
  ConstantOfShape: filled,
  Range: range,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Identity: (node) => node.input(0),
  Dropout: dropout,
  Cast: (node) => {
    node.ignore("saturate");
    if (node.opset >= 6) return castTo(node, node.int("to", 0));
    // Types were names.
    const name = node.string("to", "") as keyof typeof DataType;
    return castTo(node, DataType[name] ?? node.fail("unsupported", `casting to ${name} is not supported.`));
  },
  CastLike: (node) => {
    node.ignore("saturate");
    const like = node.input(1);
    const elementType = node.elementType(1);
    return elementType === undefined ? node.input(0).to(like.dtype) : castTo(node, elementType);
  },
  Expand: (node) => {
    const x = node.input(0);
    const sizes = node.constantNumbers(1, "the shape");
    const rank = Math.max(x.rank, sizes.length);
    const at = (list: readonly number[], axis: number) => list[axis - (rank - list.length)] ?? 1;
    return x.expand(
      Array.from({ length: rank }, (_, axis) =>
        at(sizes, axis) === 1 ? at(x.shape, axis) : at(sizes, axis),
      ),
    );
  },
};
