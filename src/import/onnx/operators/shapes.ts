/** Operators that only change or tell shapes, and values that are known from the start. */
import { checkDistinct, checkNumber, natural } from "./constraints.ts";
import type { HostTensor } from "../../../ir/host-tensor.ts";
import { zeros } from "../../../ir/host-tensor.ts";
import { elementCount, normalizeAxis } from "../../../ir/shape.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode, OperatorResult } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { castTo, typeOfName } from "./cast.ts";
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
  wanted.forEach((size, axis) => {
    checkNumber(node, `the shape's number ${axis}`, size, [-1, 2 ** 31 - 1]);
    if (size === 0 && !allowZero && axis >= x.rank)
      node.fail("shape", `the shape [${wanted.join(", ")}] keeps dimension ${axis} of ${x.rank}.`);
  });
  if (wanted.filter((size) => size === -1).length > 1)
    node.fail("shape", `the shape [${wanted.join(", ")}] leaves more than one size open.`);
  if (allowZero && wanted.includes(0) && wanted.includes(-1))
    node.fail("shape", `the shape [${wanted.join(", ")}] has both 0 and -1, with allowzero.`);
  return x.reshape(wanted.map((size, axis) => (size === 0 && !allowZero ? (x.shape[axis] ?? 0) : size)));
}

function shape(node: OperatorNode): HostTensor {
  node.declareResult(DataType.INT64);
  const sizes = node.input(0).shape;
  const rank = sizes.length;
  const clamp = (position: number) => Math.min(Math.max(position < 0 ? position + rank : position, 0), rank);
  const [start, end] = [Number(node.long("start") ?? 0), Number(node.long("end") ?? rank)];
  return integers(sizes.slice(clamp(start), clamp(end)));
}

const constantValues = [
  "value",
  "value_float",
  "value_floats",
  "value_int",
  "value_ints",
  "value_string",
  "value_strings",
  "sparse_value",
];

function constant(node: OperatorNode): HostTensor {
  const given = constantValues.filter((name) => node.hasAttribute(name));
  if (given.length !== 1)
    return node.fail(
      "file-format",
      `${given.length === 0 ? "it has no value" : `it has ${given.join(" and ")}`}; expected one of ${constantValues.join(", ")}.`,
    );
  const value = node.tensor("value");
  if (value !== undefined) {
    node.declareResult(node.tensorType("value")!);
    return value;
  }
  node.declareResult(given[0]!.startsWith("value_int") ? DataType.INT64 : DataType.FLOAT);
  const floats = node.floats("value_floats");
  if (floats !== undefined) return { dtype: "f32", shape: [floats.length], data: Float32Array.from(floats) };
  const ints = node.longs("value_ints");
  if (ints !== undefined) return { dtype: "i64", shape: [ints.length], data: BigInt64Array.from(ints) };
  const int = node.long("value_int");
  if (int !== undefined) return { dtype: "i64", shape: [], data: BigInt64Array.of(int) };
  if (given[0] === "value_float")
    return { dtype: "f32", shape: [], data: Float32Array.of(node.float("value_float", 0)) };
  return node.fail("unsupported", `${given[0]} is not supported.`);
}

/** Longer values are left for kernels to fill. */
const longestFilled = 4096;

function filled(node: OperatorNode): OperatorResult {
  const sizes = node.constantNumbers(0, "the shape");
  sizes.forEach((size, axis) => checkNumber(node, `the shape's number ${axis}`, size, natural));
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
  for (const [what, value] of Object.entries({ start, limit, delta: step }))
    if (value.data.length !== 1)
      return node.fail("shape", `${what} has ${value.data.length} elements, expected 1.`);
  const [from, to, by] = [start, limit, step].map((value) => value.data[0]!) as [Bound, Bound, Bound];
  if (Number(by) === 0) return node.fail("argument", "delta is 0, expected any other number.");
  // Whole numbers of 64 bits are exact; their distance is short, or is refused.
  const isLong = typeof from === "bigint" && typeof to === "bigint" && typeof by === "bigint";
  const distance = isLong ? Number(to - from) : Number(to) - Number(from);
  const count = Math.max(0, Math.ceil(distance / Number(by)));
  if (!(count < 2 ** 24)) return node.fail("unsupported", `a range of ${count} elements is too long.`);
  if (isLong) {
    const values = BigInt64Array.from({ length: count }, (_, i) => from + BigInt(i) * by);
    return { dtype: "i64", shape: [count], data: values };
  }
  const values = Array.from({ length: count }, (_, i) => Number(from) + i * Number(by));
  return start.dtype === "f32"
    ? { dtype: "f32", shape: [count], data: Float32Array.from(values) }
    : integers(values);
}

type Bound = number | bigint;

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
  checkDistinct(node, "axes", axes);
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
    if (node.opset >= 6) return castTo(node, node.requiredInt("to"));
    // Types were names.
    return castTo(node, typeOfName(node, node.string("to", "")));
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
    sizes.forEach((size, axis) => checkNumber(node, `the shape's number ${axis}`, size, natural));
    const rank = Math.max(x.rank, sizes.length);
    const at = (list: readonly number[], axis: number) => list[axis - (rank - list.length)] ?? 1;
    return x.expand(
      Array.from({ length: rank }, (_, axis) =>
        at(sizes, axis) === 1 ? at(x.shape, axis) : at(sizes, axis),
      ),
    );
  },
};
