/**
 * What ONNX's specification forbids of attributes and of inputs that are known while importing, operator by operator:
 * each is refused with the node's name, what was found, and what may be there. Beside each list stands what is allowed,
 * so that no check refuses everything.
 */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/import/onnx/model.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { floats, integers, modelBytes, node, value, type ModelParts } from "./onnx/build-model.ts";

type Attributes = Readonly<Record<string, number | readonly number[] | string>>;

/** An input of a node: a tensor that only a run knows, or integers or floats that are known. */
type Given =
  | { readonly shape: readonly number[]; readonly type?: DataType }
  | { readonly ints: readonly (number | bigint)[]; readonly dims?: readonly number[] }
  | { readonly floats: readonly number[]; readonly dims?: readonly number[] }
  | undefined;

const of = (...shape: number[]): Given => ({ shape });
const integersOf = (...shape: number[]): Given => ({ shape, type: DataType.INT64 });
const ints = (...list: (number | bigint)[]): Given => ({ ints: list });
const table = (dims: readonly number[], ...list: number[]): Given => ({ ints: list, dims });
const scalar = (number: number): Given => ({ ints: [number], dims: [] });
const reals = (...list: number[]): Given => ({ floats: list });

/** What importing and tracing one node says; undefined where it is accepted. */
function problemOf(
  opType: string,
  given: readonly Given[],
  attributes: Attributes = {},
  opset = 21,
  outputs: string[] = ["y"],
): string | undefined {
  const inputs: NonNullable<ModelParts["inputs"]>[number][] = [];
  const initializers: NonNullable<ModelParts["initializers"]>[number][] = [];
  const names = given.map((item, i) => {
    const name = `in${i}`;
    if (item === undefined) return "";
    if ("shape" in item) inputs.push(value(name, item.shape, item.type));
    else if ("ints" in item)
      initializers.push(integers(name, item.ints, [...(item.dims ?? [item.ints.length])]));
    else initializers.push(floats(name, item.dims ?? [item.floats.length], item.floats));
    return name;
  });
  const bytes = modelBytes({
    nodes: [{ ...node(opType, names, outputs, attributes), name: "here" }],
    inputs,
    initializers,
    outputs: [{ name: "y" }],
    opset,
  });
  try {
    traceOnnx(importOnnx(bytes));
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

type Row = readonly [
  operator: string,
  given: readonly Given[],
  attributes?: Attributes,
  opset?: number,
  outputs?: string[],
];

// prettier-ignore
const allowed: readonly Row[] = [
  ["Gather", [of(3, 2), ints(0, 2, -3)]],
  ["Gather", [of(3, 2), ints(1, -2)], { axis: 1 }],
  ["GatherElements", [of(3, 2), table([1, 2], 2, -3)]],
  ["GatherND", [of(3, 2), table([2, 2], 2, 1, -3, -2)]],
  ["GatherND", [of(2, 3), table([2, 1], 2, 0)], { batch_dims: 1 }],
  ["ScatterElements", [of(3, 2), table([1, 2], 2, -3), of(1, 2)]],
  ["ScatterND", [of(3, 2), table([2, 1], 2, -3), of(2, 2)]],
  ["TensorScatter", [of(2, 4, 3), of(2, 2, 3), ints(0, 2)], { axis: 1 }, 24],
  ["TensorScatter", [of(2, 4, 3), of(2, 2, 3), ints(0, 3)], { axis: 1, mode: "circular" }, 24],
  ["OneHot", [integersOf(3), scalar(4), reals(0, 1)]],
  ["Slice", [of(3, 2), ints(0), ints(2n ** 63n - 1n)]],
  ["Slice", [of(3, 2)], { starts: [0], ends: [2 ** 40] }, 9],
  ["Split", [of(4, 2)], {}, 13, ["y", "z"]],
  ["Split", [of(5, 2)], { num_outputs: 2 }, 18, ["y", "z"]],
  ["Tile", [of(3, 2), ints(2, 0)]],
  ["Reshape", [of(0, 2), ints(0, 3)], { allowzero: 1 }],
  ["Cast", [of(3)], { to: 7 }],
  ["Cast", [of(3)], { to: "INT64" }, 5],
  ["Range", [scalar(0), scalar(3), scalar(1)]],
  ["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 2, 2)]],
  ["Resize", [of(1, 1, 2, 2), undefined, undefined, ints(1, 1, 3, 3)]],
  ["Upsample", [of(1, 1, 2, 2), reals(1, 1, 2, 2)], {}, 9],
  ["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3), of(2)], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
  ["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { auto_pad: "SAME_UPPER", pads: [1, 1, 1, 1] }],
  ["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { auto_pad: "SAME_UPPER", pads: [0, 0, 0, 0] }],
  ["ConvTranspose", [of(1, 2, 4, 4), of(2, 3, 3, 3), of(3)], { strides: [2, 2], output_padding: [1, 1] }],
  ["MaxPool", [of(1, 1, 4, 4)], { kernel_shape: [2, 2] }],
  ["LSTM", [of(3, 2, 4), of(1, 20, 4), of(1, 20, 5), of(1, 40), ints(3, 0)], { hidden_size: 5, direction: "reverse" }],
  ["ReverseSequence", [of(4, 2), ints(4, 1)]],
  ["PRelu", [of(2, 3, 4), of(3, 1)]],
  ["LayerNormalization", [of(2, 3), of(3), of(3)]],
  ["Gemm", [of(2, 3), of(3, 4), of(4)]],
  ["Clip", [of(3), undefined, reals(1)]],
  ["DequantizeLinear", [{ shape: [2, 3], type: DataType.UINT8 }, { floats: [1], dims: [] }, { shape: [1], type: DataType.UINT8 }]],
  ["Mod", [of(3), of(3)], { fmod: 1 }],
  ["NegativeLogLikelihoodLoss", [of(2, 3), ints(2, -1)], { ignore_index: -1 }],
  ["RoiAlign", [of(2, 1, 4, 4), of(2, 4), ints(0, 1)], { sampling_ratio: 2 }],
  ["MaxUnpool", [of(1, 1, 2), table([1, 1, 2], 0, 3)], { kernel_shape: [2], strides: [2] }],
  ["QuantizeLinear", [of(2, 3), reals(1, 2, 3)], { axis: 1 }],
  ["LpNormalization", [of(2, 3)], { p: 1 }],
  ["RotaryEmbedding", [of(1, 2, 3, 4), of(5, 2), of(5, 2), table([1, 3], 0, 4, 2)], {}, 23],
];

/** The message has the last column in it. */
// prettier-ignore
const forbidden: readonly (readonly [Row, RegExp])[] = [
  [["Gather", [of(3, 2), ints(3)]], /index 3 .*input 1.* axis 0 of 3 elements; expected -3 to 2/],
  [["Gather", [of(3, 2), ints(0, -4)]], /index -4 .element 1/],
  [["Gather", [of(3, 2), ints(2n ** 32n)]], /index 4294967296/],
  [["Gather", [of(3, 2), ints(2)], { axis: 1 }], /axis 1 of 2 elements; expected -2 to 1/],
  [["Gather", [of(3, 2), ints(0)], { axis: 2 }], /axis/],
  [["Gather", [of(3, 2), ints(0)], { axis: 2 ** 32 }], /attribute axis is 4294967296, expected -2147483648 to 2147483647/],
  [["GatherElements", [of(3, 2), table([1, 2], 2, 3)]], /index 3 .*-3 to 2/],
  [["GatherElements", [of(3, 2), table([1, 3], 0, 0, 0)]], /3 elements along axis 1, where the data has 2/],
  [["GatherND", [of(3, 2), table([2, 2], 2, 1, 0, 2)]], /index 2 .element 3.* number 1 of an index vector, along 2 elements; expected -2 to 1/],
  [["GatherND", [of(2, 3), table([2, 1], 2, 3)], { batch_dims: 1 }], /index 3/],
  [["GatherND", [of(2, 3), table([2, 1], 2, 0)], { batch_dims: 2 }], /batch_dims is 2, expected 0 to 1/],
  [["GatherND", [of(2, 3), table([2, 1], 2, 0)], { batch_dims: -1 }], /batch_dims is -1/],
  [["ScatterElements", [of(3, 2), table([1, 2], 2, -4), of(1, 2)]], /index -4/],
  [["ScatterElements", [of(3, 2), table([1, 2], 0, 1), of(1, 2)], { reduction: "constructor" }], /reduction constructor is not known; expected none, add, mul, max or min/],
  [["Scatter", [of(3, 2), table([1, 2], 3, 0), of(1, 2)], {}, 10], /index 3/],
  [["ScatterND", [of(3, 2), table([1, 2], 0, 2), of(1)]], /index 2/],
  [["ScatterND", [of(3, 2), table([2, 1], 0, 1), of(2, 3)]], /updates has shape \[2,3\], expected \[2,2\]/],
  [["TensorScatter", [of(2, 4, 3), of(2, 2, 3), ints(0, 3)], { axis: 1 }, 24], /element 1 of write_indices is 3, expected 0 to 2/],
  [["TensorScatter", [of(2, 4, 3), of(2, 2, 3), ints(0, -1)], { axis: 1 }, 24], /write_indices is -1/],
  [["OneHot", [integersOf(3), scalar(0), reals(0, 1)]], /depth\[0\] is 0, expected 1 or more/],
  [["OneHot", [integersOf(3), scalar(4), reals(0, 1, 2)]], /values.* has shape \[3\], expected \[2\]/],
  [["OneHot", [integersOf(3), scalar(4), reals(0, 1)], { axis: 2 }], /attribute axis is 2, expected -2 to 1/],
  [["Slice", [of(3, 2), ints(0), ints(2), ints(0), ints(0)]], /step of 0/],
  [["Slice", [of(3, 2), ints(0), ints(2, 2)]], /ends \[2, 2\] has 2 numbers, expected 1/],
  [["Slice", [of(3, 2), ints(0, 0), ints(2, 2), ints(0, -2)]], /axes \[0, 0\] name an axis twice/],
  [["Slice", [of(3, 2), ints(0), ints(2), ints(2)]], /axis 2/],
  [["Split", [of(5, 2)], {}, 13, ["y", "z"]], /5 elements along axis 0 do not divide into 2 equal parts/],
  [["Split", [of(4, 2), ints(5, -1)], {}, 13, ["y", "z"]], /split\[1\] is -1, expected 0 or more/],
  [["Split", [of(4, 2), ints(2, 2)], { num_outputs: 2 }, 18, ["y", "z"]], /num_outputs and split are both given/],
  [["Concat", [of(2), of(2)]], /attribute axis is missing/],
  [["Concat", [of(2), of(2)], { axis: 1 }], /axis 1/],
  [["Pad", [of(2, 3), ints(1, 1)]], /pads \[1, 1\] has 2 numbers, expected 4/],
  [["Pad", [of(2, 3), ints(1, 1, 1, 1)], { mode: "mirror" }], /mode mirror is not known; expected constant, reflect, edge or wrap/],
  [["Tile", [of(3, 2), ints(2)]], /repeats \[2\] has 1 numbers, expected 2/],
  [["Tile", [of(3, 2), ints(2, -1)]], /repeats\[1\] is -1, expected 0 or more/],
  [["DepthToSpace", [of(1, 3, 2, 2)], { blocksize: 2 }], /3 channels do not divide into blocks of 2/],
  [["DepthToSpace", [of(1, 4, 2, 2)]], /attribute blocksize is missing/],
  [["DepthToSpace", [of(1, 4, 2, 2)], { blocksize: 2, mode: "crd" }], /mode crd is not known; expected DCR or CRD/],
  [["SpaceToDepth", [of(1, 4, 3, 2)], { blocksize: 2 }], /3 × 2 do not divide/],
  [["Transpose", [of(2, 3)], { perm: [0] }], /here/],
  [["Reshape", [of(2, 3), ints(-2, 3)]], /the shape's number 0 is -2, expected -1 or more/],
  [["Reshape", [of(2, 3), ints(2, 3, 0)]], /keeps dimension 2 of 2/],
  [["Reshape", [of(0, 3), ints(0, -1)], { allowzero: 1 }], /both 0 and -1, with allowzero/],
  [["Expand", [of(1, 3), ints(-1, 3)]], /the shape's number 0 is -1, expected 0 or more/],
  [["ConstantOfShape", [ints(2, -1)]], /the shape's number 1 is -1/],
  [["Unsqueeze", [of(3), ints(0, 0)]], /axes \[0, 0\] name an axis twice/],
  [["Range", [scalar(0), scalar(3), scalar(0)]], /delta is 0/],
  [["Cast", [of(3)], { to: 99 }], /type 99, which does not exist; expected one of 1 .FLOAT./],
  [["Cast", [of(3)], { to: 0 }], /type 0, which does not exist/],
  [["Cast", [of(3)], { to: -1 }], /type -1, which does not exist/],
  [["Cast", [of(3)], { to: 2 ** 32 + 1 }], /attribute to is 4294967297/],
  [["Cast", [of(3)]], /attribute to is missing/],
  [["Cast", [of(3)], { to: "toString" }, 5], /casting to toString is not supported/],
  [["Cast", [of(3)], { to: "1" }, 5], /casting to 1 is not supported/],
  [["Cast", [of(3)], { to: 17 }], /FLOAT8E4M3FN is not supported/],
  [["EyeLike", [of(3, 3)], { dtype: 0 }], /type 0, which does not exist/],
  [["EyeLike", [of(3, 3)], { dtype: 77 }], /type 77, which does not exist/],
  [["HannWindow", [scalar(4)], { output_datatype: 40 }], /type 40, which does not exist/],
  [["Resize", [of(1, 1, 2, 2)]], /neither scales nor sizes are given/],
  [["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 2, 2), ints(1, 1, 4, 4)]], /both scales and sizes are given/],
  [["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 0, 2)]], /scales are \[1, 1, 0, 2\], expected numbers above 0/],
  [["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 2)]], /scales \[1, 1, 2\] has 3 numbers, expected 4/],
  [["Resize", [of(1, 1, 2, 2), undefined, undefined, ints(1, 1, -3, 3)]], /sizes\[2\] is -3/],
  [["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 2, 2)], { mode: "toString" }], /mode toString is not known; expected nearest, linear or cubic/],
  [["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 2, 2)], { nearest_mode: "round" }], /nearest_mode round is not known; expected round_prefer_floor, .* or ceil/],
  [["Resize", [of(1, 1, 2, 2), undefined, reals(1, 1, 2, 2)], { mode: "linear", nearest_mode: "__proto__" }], /nearest_mode __proto__/],
  [["Upsample", [of(1, 1, 2, 2), reals(1, 1, 0.5, 2)], {}, 9], /scales are .*expected 1 or more/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { kernel_shape: [2, 2] }], /kernel_shape is \[2, 2\], but the weight's is \[3, 3\]/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { pads: [-1, 0, 0, 0] }], /pads\[0\] is -1, expected 0 or more/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { pads: [1, 1] }], /pads \[1, 1\] has 2 numbers, expected 4/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { group: 0 }], /attribute group is 0, expected 1 to/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { group: 2 ** 32 + 1 }], /attribute group is 4294967297/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { auto_pad: "SAME" }], /auto_pad SAME is not known; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { auto_pad: "VALID", pads: [1, 1, 1, 1] }], /beside auto_pad VALID, which asks for \[0, 0, 0, 0\]/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3), of(1)]], /the bias has shape \[1\], expected \[2\]/],
  [["Conv", [of(1, 2, 4, 4), of(2, 2, 3, 3)], { strides: [0, 1] }], /here/],
  [["ConvTranspose", [of(1, 2, 4, 4), of(2, 3, 3, 3)], { auto_pad: "SAME_MIDDLE" }], /auto_pad SAME_MIDDLE is not known/],
  [["ConvTranspose", [of(1, 2, 4, 4), of(2, 3, 3, 3)], { output_padding: [1, 1] }], /output_padding\[0\].* is 1, expected 0 to 0/],
  [["ConvTranspose", [of(1, 2, 4, 4), of(2, 3, 3, 3)], { output_shape: [0, 6] }], /output_shape\[0\] is 0/],
  [["ConvTranspose", [of(1, 2, 4, 4), of(2, 3, 3, 3)], { pads: [-1, 0, 0, 0] }], /pads\[0\] is -1/],
  [["MaxPool", [of(1, 1, 4, 4)], { kernel_shape: [2, 2], pads: [0, -1, 0, 0] }], /pads\[1\] is -1/],
  [["MaxPool", [of(1, 1, 4, 4)], { kernel_shape: [2, 2], storage_order: 2 }], /storage_order is 2, expected 0 to 1/],
  [["LpPool", [of(1, 1, 4, 4)], { kernel_shape: [2, 2], p: 0 }], /attribute p is 0/],
  [["AveragePool", [of(1, 1, 4, 4)], { kernel_shape: [0, 2] }], /here/],
  [["RNN", [of(3, 2, 4), of(1, 5, 4), of(1, 5, 5)], { direction: "sideways" }], /direction sideways is not known; expected forward, reverse or bidirectional/],
  [["LSTM", [of(3, 2, 4), of(1, 20, 4), of(1, 20, 5), undefined, ints(4, 0)]], /sequence_lens is 4, expected 0 to 3/],
  [["LSTM", [of(3, 2, 4), of(1, 20, 4), of(1, 20, 5)], { hidden_size: 4 }], /weight has shape .*expected/],
  [["GRU", [of(3, 2, 4), of(1, 15, 4), of(1, 15, 5)], { layout: 2 }], /layout is 2, expected 0 to 1/],
  [["GRU", [of(3, 2, 4), of(1, 15, 4), of(1, 15, 5), of(1, 15)]], /the bias has shape \[1,15\], expected \[1,30\]/],
  [["ReverseSequence", [of(4, 2), ints(5, 1)]], /element 0 of sequence_lens is 5, expected 0 to 4/],
  [["TopK", [of(4, 2), ints(3)]], /k is 3/],
  [["CumSum", [of(4, 2), ints(2)]], /axis 2/],
  [["PRelu", [of(3, 4), of(2, 3, 4)]], /the slope \[2,3,4\] cannot be broadcast to \[3,4\]/],
  [["LayerNormalization", [of(2, 3), of(4, 2, 3)]], /the scale \[4,2,3\] cannot be broadcast/],
  [["LayerNormalization", [of(2, 1), of(3)]], /the scale \[3\] cannot be broadcast/],
  [["RMSNormalization", [of(2, 3), of(4, 2, 3)], {}, 23], /the scale \[4,2,3\] cannot be broadcast/],
  [["InstanceNormalization", [of(2, 3, 4), of(1), of(3)]], /scale has shape \[1\], expected \[3\]/],
  [["GroupNormalization", [of(2, 3, 4), of(3), of(3)], { num_groups: 2 }], /3 channels do not divide into num_groups 2/],
  [["GroupNormalization", [of(2, 4, 4), of(4), of(4)]], /num_groups is missing/],
  [["LpNormalization", [of(2, 3)], { p: 3 }], /attribute p is 3, expected 1 to 2/],
  [["LRN", [of(2, 3, 4)], {}], /attribute size is missing/],
  [["Gemm", [of(2, 3), of(3, 4), of(5, 2, 4)]], /C \[5,2,4\] cannot be broadcast to \[2,4\]/],
  [["Gemm", [of(1, 3), of(3, 4), of(2, 4)]], /C \[2,4\] cannot be broadcast/],
  [["Mod", [of(3), of(3)]], /fmod is 0, expected 1/],
  [["Clip", [of(3), reals(0, 1)]], /min has shape \[2\], expected one element/],
  [["Pad", [of(2), ints(1, 1), reals(0, 1)]], /value to pad with has shape \[2\], expected one element/],
  [["Compress", [of(2, 3), table([1, 1], 1)]], /condition has 2 dimensions, expected 1/],
  [["DequantizeLinear", [{ shape: [2, 3], type: DataType.UINT8 }, reals(1), { shape: [3], type: DataType.UINT8 }]], /the zero point has shape \[3\], expected \[1\]/],
  [["MatMulInteger", [{ shape: [1, 3], type: DataType.UINT8 }, { shape: [3, 2], type: DataType.UINT8 }, { shape: [4], type: DataType.UINT8 }]], /zero point has shape \[4\], expected \[1\]/],
  [["ConvInteger", [{ shape: [1, 1, 3, 3], type: DataType.UINT8 }, { shape: [1, 1, 2, 2], type: DataType.UINT8 }, undefined, { shape: [2], type: DataType.UINT8 }]], /weight's zero point has shape \[2\], expected \[1\]/],
  [["Gelu", [of(3)], { approximate: "x" }], /approximate x is not known; expected none or tanh/],
  [["GridSample", [of(1, 1, 2, 2), of(1, 2, 2, 2)], { mode: "__proto__" }], /mode __proto__ is not known; expected linear, .* or bicubic/],
  [["GridSample", [of(1, 1, 2, 2), of(1, 2, 2, 2)], { padding_mode: "constructor" }], /padding_mode constructor is not known; expected zeros, border or reflection/],
  [["AffineGrid", [of(1, 2, 3), ints(1, 1, -2, 2)]], /the size\[2\] is -2/],
  [["AffineGrid", [of(1, 2, 3), ints(1, 2, 2)]], /3 numbers, expected 4 or 5/],
  [["BitShift", [{ shape: [2], type: DataType.UINT8 }, { shape: [2], type: DataType.UINT8 }], { direction: "UP" }], /direction UP is not known; expected LEFT or RIGHT/],
  [["NegativeLogLikelihoodLoss", [of(2, 3), ints(2, 3)]], /class number 1 is 3, expected 0 to 2/],
  [["NegativeLogLikelihoodLoss", [of(2, 3), ints(2, 1)], { reduction: "average" }], /reduction average is not known; expected none, mean or sum/],
  [["SoftmaxCrossEntropyLoss", [of(2, 3), ints(2, -1)]], /class number 1 is -1/],
  [["NegativeLogLikelihoodLoss", [of(2, 3), ints(2, 0)], { ignore_index: 2 ** 32, reduction: "total" }], /reduction total/],
  [["RoiAlign", [of(2, 1, 4, 4), of(2, 4), ints(0, 2)], { sampling_ratio: 2 }], /batch_indices is 2, expected 0 to 1/],
  [["RoiAlign", [of(2, 1, 4, 4), of(2, 4), ints(0, 1)], { sampling_ratio: 2, output_width: 0 }], /output_width is 0/],
  [["RoiAlign", [of(2, 1, 4, 4), of(2, 4), ints(0, 1)], { sampling_ratio: 2, mode: "mean" }], /mode mean is not known/],
  [["MaxUnpool", [of(1, 1, 2), table([1, 1, 2], 0, 4)], { kernel_shape: [2], strides: [2] }], /element 1 of the positions is 4, expected 0 to 3/],
  [["QuantizeLinear", [of(2, 3), reals(1, 2)], { axis: 1 }], /a scale or zero point has shape \[2\], expected \[3\]/],
  [["QuantizeLinear", [of(2, 3), reals(1)], { output_dtype: 99 }], /type 99/],
  [["DequantizeLinear", [{ shape: [2, 3], type: DataType.UINT8 }, reals(1, 2)], { axis: 1 }], /has shape \[2\], expected \[3\]/],
  [["RotaryEmbedding", [of(1, 2, 3, 4), of(5, 2), of(5, 2), table([1, 3], 0, 5, 2)], {}, 23], /index 5/],
  [["RotaryEmbedding", [of(1, 3, 8), of(1, 3, 2), of(1, 3, 2)], { num_heads: 3 }, 23], /8 features do not divide into num_heads 3/],
  [["Attention", [of(1, 3, 2, 4), of(1, 2, 2, 4), of(1, 2, 2, 4)], {}, 23], /3 heads of Q, 2 of K and 2 of V/],
  [["Attention", [of(1, 2, 2, 4), of(1, 2, 2, 4), of(1, 2, 2, 4)], { qk_matmul_output_mode: 4 }, 23], /qk_matmul_output_mode is 4, expected 0 to 3/],
  [["DFT", [of(1, 4, 1), scalar(0)], {}, 20], /dft_length is 0/],
  [["DFT", [of(1, 4, 3)], {}, 20], /last dimension has 3 elements, expected 1 or 2/],
  [["MelWeightMatrix", [scalar(4), scalar(8), scalar(8000), { floats: [0], dims: [] }, { floats: [5000], dims: [] }]], /edges are 0 and 5000 Hz/],
  [["TfIdfVectorizer", [integersOf(4)], { mode: "x", ngram_counts: [0], ngram_indexes: [0], pool_int64s: [1], min_gram_length: 1, max_gram_length: 1 }], /mode x is not known; expected TF, IDF or TFIDF/],
  [["TfIdfVectorizer", [integersOf(4)], { mode: "TF", ngram_counts: [0], ngram_indexes: [0], pool_int64s: [2 ** 32], min_gram_length: 1, max_gram_length: 1 }], /pool_int64s is 4294967296/],
  [["Constant", []], /it has no value; expected one of value, value_float/],
  [["Constant", [], { value_int: 1, value_ints: [1] }], /it has value_int and value_ints; expected one/],
  [["Constant", [], { value_string: "x" }], /value_string is not supported/],
  [["ReduceSum", [of(2, 3), ints(2)]], /axis 2/],
  [["ReduceSum", [of(2, 3), ints(0, 0)]], /name one axis twice/],
  [["CenterCropPad", [of(2, 3), ints(1, -1)]], /the shape\[1\] is -1/],
];

describe("what the specification allows", () => {
  it.each(allowed.map((row) => [row[0], JSON.stringify(row[2] ?? {}), row] as const))(
    "%s %s is taken",
    (_, __, row) => {
      expect(problemOf(...(row as Parameters<typeof problemOf>))).toBeUndefined();
    },
  );
});

describe("what the specification forbids", () => {
  it.each(forbidden.map(([row, message]) => [row[0], String(message), row, message] as const))(
    "%s is refused: %s",
    (_, __, row, message) => {
      const problem = problemOf(...(row as Parameters<typeof problemOf>));
      expect(problem).toMatch(message);
      expect(problem).toMatch(/here/);
    },
  );
});
