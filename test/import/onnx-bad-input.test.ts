/** Broken and hostile ONNX files are refused with an error that names the place; nothing is half-loaded. */
import { describe, expect, it } from "vitest";
import { create, toBinary } from "@bufbuild/protobuf";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/import/onnx/model.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
} from "../../src/import/onnx/schema/onnx_pb.ts";
import type { ShapeBindings } from "../../src/import/onnx/bind-inputs.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { floats, integers, modelBytes, node, value, type ModelParts } from "./onnx/build-model.ts";

/** The error that importing and tracing a model gives. */
function errorOf(
  parts: ModelParts,
  shapes: ShapeBindings = {},
  external?: (name: string) => Uint8Array,
): UserError {
  try {
    traceOnnx(importOnnx(modelBytes(parts), external && { externalData: external }), shapes);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("the model was accepted");
}

const relu = node("Relu", ["x"], ["y"]);

describe("a file that is not a sound ONNX model", () => {
  it.each([
    ["nothing", new Uint8Array()],
    ["text", new TextEncoder().encode("hello, this is not a model")],
    ["a length beyond the end", Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07)],
    ["a model without a graph", toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n }))],
  ])("is refused: %s", (_, bytes) => {
    expect(() => importOnnx(bytes)).toThrow(UserError);
  });

  it.each<[string, ModelParts, RegExp]>([
    ["no outputs", { nodes: [relu], outputs: [] }, /no outputs/],
    ["a name that nothing defines", { nodes: [node("Add", ["x", "ghost"], ["y"])] }, /Add_of_y.*'ghost', which nothing defines/],
    ["an output that nothing defines", { nodes: [node("Relu", ["x"], ["z"])] }, /'y', which nothing defines/],
    ["a value defined twice", { nodes: [relu, node("Neg", ["x"], ["y"])] }, /'y' is defined twice.*Neg_of_y/],
    ["an input defined again", { nodes: [relu, node("Neg", ["y"], ["x"])] }, /'x' is defined twice/],
    ["an input declared twice", { nodes: [relu], inputs: [value("x", [2, 3]), value("x", [4])] }, /input 'x' is declared twice/],
    ["an output declared twice", { nodes: [relu], outputs: [value("y", [2, 3]), value("y", [2, 3])] }, /output 'y' is declared twice/],
    [
      "an initialiser defined twice",
      { nodes: [node("Add", ["x", "w"], ["y"])], initializers: [floats("w", [1], [1]), floats("w", [1], [2])] },
      /initialiser 'w' is defined twice/,
    ],
    [
      "a cycle",
      { nodes: [node("Add", ["x", "b"], ["a"]), node("Neg", ["a"], ["b"]), node("Relu", ["b"], ["y"])] },
      /cycle through node '(Add_of_a|Neg_of_b)'/,
    ],
    ["a node that reads itself", { nodes: [node("Add", ["x", "y"], ["y"])] }, /cycle/],
    ["a missing input", { nodes: [node("Add", ["x"], ["y"])] }, /Add 'Add_of_y': input 1 is missing/],
    ["too many inputs", { nodes: [node("Relu", ["x", "x"], ["y"])] }, /Relu_of_y.*input 1 is not supported/],
    ["too many outputs", { nodes: [node("Relu", ["x"], ["y", "z"])], outputs: [value("z", [])] }, /output 1 \('z'\)/],
    ["operator set 0", { nodes: [relu], opset: 0 }, /operator set 0/],
    ["operator set 1000", { nodes: [relu], opset: 1000 }, /operator set 1000/],
    ["an attribute of another type", { nodes: [node("Softmax", ["x"], ["y"], { axis: "last" })] }, /Softmax_of_y.*axis is STRING, expected INT/],
    ["an unknown attribute", { nodes: [node("Relu", ["x"], ["y"], { speed: 9 })] }, /Relu_of_y.*attribute speed is not supported/],
    ["a negative dimension", { nodes: [relu], inputs: [value("x", [-2, 3])] }, /'x' has a dimension of size -2/],
    ["a dimension of 2^40", { nodes: [relu], inputs: [value("x", [2n ** 40n])] }, /'x' has a dimension of size 1099511627776/],
    ["more elements than can be addressed", { nodes: [relu], inputs: [value("x", [65536, 65536, 65536])] }, /2\^31 elements/],
    ["an input of strings", { nodes: [relu], inputs: [value("x", [1], DataType.STRING)] }, /'x' is STRING/],
  ])("is refused: %s", (_, parts, message) => {
    expect(errorOf(parts).message).toMatch(message);
  }); // prettier-ignore
});

describe("shapes that contradict", () => {
  it.each<[string, ModelParts, RegExp]>([
    ["an addition", { nodes: [node("Add", ["x", "w"], ["y"])], initializers: [floats("w", [2], [1, 2])] }, /Add_of_y/],
    ["a reshape", { nodes: [node("Reshape", ["x", "s"], ["y"])], initializers: [integers("s", [4, 2])] }, /Reshape_of_y/],
    ["a reshape with a remainder", { nodes: [node("Reshape", ["x", "s"], ["y"])], initializers: [integers("s", [4, -1])] }, /Reshape_of_y/],
    ["two open sizes", { nodes: [node("Reshape", ["x", "s"], ["y"])], initializers: [integers("s", [-1, -1])] }, /Reshape_of_y/],
    ["a matrix product", { nodes: [node("MatMul", ["x", "x"], ["y"])] }, /MatMul_of_y/],
    ["a convolution of a matrix", { nodes: [node("Conv", ["x", "x"], ["y"])] }, /Conv_of_y/],
    ["a permutation", { nodes: [node("Transpose", ["x"], ["y"], { perm: [0, 0] })] }, /Transpose_of_y/],
    ["an axis", { nodes: [node("Softmax", ["x"], ["y"], { axis: 5 })] }, /Softmax_of_y/],
    ["parts of a split", { nodes: [node("Split", ["x", "s"], ["y"])], initializers: [integers("s", [1, 5])] }, /Split_of_y/],
    ["k of TopK", { nodes: [node("TopK", ["x", "k"], ["y"])], initializers: [integers("k", [9])] }, /TopK_of_y.*k is 9/],
    ["an equation", { nodes: [node("Einsum", ["x"], ["y"], { equation: "ijk->i" })] }, /Einsum_of_y/],
    ["indices", { nodes: [node("GatherElements", ["x", "i"], ["y"])], initializers: [integers("i", [0])] }, /GatherElements_of_y/],
    ["a depth", { nodes: [node("DepthToSpace", ["x"], ["y"], { blocksize: 2 })] }, /DepthToSpace_of_y/],
    ["too few statistics", { nodes: [node("BatchNormalization", ["x", "x", "x"], ["y"])] }, /BatchNormalization_of_y/],
    ["dtypes", { nodes: [node("MatMul", ["x", "i"], ["y"])], initializers: [integers("i", [1, 2, 3], [3, 1])] }, /MatMul_of_y/],
  ])("are refused with the node's name: %s", (_, parts, message) => {
    expect(errorOf(parts).message).toMatch(message);
  }); // prettier-ignore
});

describe("what is not supported", () => {
  it("is listed at once: operators, domains and control flow, with the nodes' names", () => {
    const scan = { ...node("Scan", ["x"], ["c"]), attribute: [{ name: "body", type: AttributeType.GRAPH }] };
    const { code, message } = errorOf({
      nodes: [
        node("Frobnicate", ["x"], ["a"]),
        { ...node("FusedMatMul", ["a"], ["b"]), domain: "com.microsoft" },
        scan,
        node("Unique", ["c"], ["d"]),
        node("RandomNormalLike", ["d"], ["e"]),
        node("OptionalGetElement", ["e"], ["y"]),
      ],
    });
    expect(code).toBe("unsupported");
    for (const part of [
      /Frobnicate: not supported \(Frobnicate_of_a\)/,
      /com\.microsoft::FusedMatMul: an operator of another domain \(FusedMatMul_of_b\)/,
      /Scan: control flow.*\(Scan_of_c\)/,
      /Unique: its result's shape depends on data \(Unique_of_d\)/,
      /RandomNormalLike: .*random.* \(RandomNormalLike_of_e\)/,
      /OptionalGetElement: optional values \(OptionalGetElement_of_y\)/,
    ])
      expect(message).toMatch(part);
  });

  it.each<[string, ModelParts, RegExp]>([
    ["Reshape", { nodes: [node("Reshape", ["x", "s"], ["y"])], inputs: [value("x", [2, 3]), value("s", [2], DataType.INT64)] }, /Reshape_of_y.*is computed from the input 's'; shapes that depend on data are not supported.*constants: \{ "s": tensor/],
    ["Expand", { nodes: [node("Expand", ["x", "s"], ["y"])], inputs: [value("x", [2, 3]), value("s", [2], DataType.INT64)] }, /Expand_of_y.*is computed from the input 's'; shapes that depend on data are not supported.*constants: \{ "s": tensor/],
    ["TopK", { nodes: [node("TopK", ["x", "k"], ["y"])], inputs: [value("x", [2, 3]), value("k", [1], DataType.INT64)] }, /TopK_of_y.*is computed from the input 'k'; shapes that depend on data are not supported.*constants: \{ "k": tensor/],
  ])("includes shapes that depend on data: %s", (_, parts, message) => {
    expect(errorOf(parts).message).toMatch(message);
  }); // prettier-ignore

  it.each<[string, ModelParts, RegExp]>([
    ["training with dropout", { nodes: [node("Dropout", ["x"], ["y"])], opset: 6 }, /Dropout_of_y.*random numbers/],
    ["upsampling by cubics", { nodes: [node("Upsample", ["x"], ["y"], { mode: "cubic" })], opset: 1 }, /Upsample_of_y.*mode cubic is not known/],
    ["an experiment", { nodes: [node("MeanVarianceNormalization", ["x"], ["y"])], opset: 8 }, /MeanVarianceNormalization_of_y.*experiment/],
    ["a cast to what is no type", { nodes: [node("Cast", ["x"], ["y"], { to: "TEXT" })], opset: 5 }, /Cast_of_y.*casting to TEXT is not supported/],
    ["a second operand with too many dimensions", { nodes: [node("Add", ["x", "x"], ["y"], { broadcast: 1, axis: 1 })], opset: 6 }, /Add_of_y.*2 dimensions from axis 1 on do not fit 2/],
    ["determinants of no square", { nodes: [node("Det", ["x"], ["y"])] }, /Det_of_y.*\[2, 3\] are no square matrices/],
    ["large determinants", { nodes: [node("Det", ["x"], ["y"])], inputs: [value("x", [65, 65])] }, /Det_of_y.*matrices of 65 rows; at most 64/],
    ["a position that a condition keeps", { nodes: [node("Compress", ["x", "c"], ["y"], { axis: 0 })], initializers: [integers("c", [0, 0, 1])] }, /Compress_of_y.*keeps position 2 of 2/],
    ["words that are strings", { nodes: [node("TfIdfVectorizer", ["x"], ["y"], { ngram_counts: [0], ngram_indexes: [0] })] }, /TfIdfVectorizer_of_y.*a pool of strings/],
    ["too few indices of words", { nodes: [node("TfIdfVectorizer", ["x"], ["y"], { ngram_counts: [0], ngram_indexes: [0], pool_int64s: [1, 2] })] }, /TfIdfVectorizer_of_y.*1 indices or weights for 2 sequences/],
    ["an unequal product of integers", { nodes: [node("MatMul", ["i", "i"], ["y"])], initializers: [integers("i", [1, 2, 3, 4, 5, 6], [2, 3])] }, /matmul: i32 with 3 columns times i32 with 2 rows/],
    ["a result of another dtype", { nodes: [node("Relu", ["x"], ["y"])], outputs: [value("y", [2, 3], DataType.INT64)] }, /'y' is declared as i64, but computed as f32/],
  ])("is refused: %s", (_, parts, message) => {
    expect(errorOf(parts).message).toMatch(message);
  }); // prettier-ignore

  it.each<[Readonly<Record<string, number | string>>, RegExp]>([
    [{ mode: "max", sampling_ratio: 2 }, /RoiAlign_of_y.*mode max/],
    [{ sampling_ratio: 0 }, /RoiAlign_of_y.*how many samples are taken depends on data/],
    [{ sampling_ratio: 2, coordinate_transformation_mode: "quarter_pixel" }, /quarter_pixel is not known/],
  ])("includes regions that are sampled with %j", (attributes, message) => {
    const inputs = [value("x", [1, 1, 4, 4]), value("r", [2, 4]), value("n", [2], DataType.INT64)];
    const nodes = [node("RoiAlign", ["x", "r", "n"], ["y"], attributes)];
    expect(errorOf({ nodes, inputs }).message).toMatch(message);
  });

  it("includes integers beyond 32 bits in operations on bits, but not as the end of a slice", () => {
    const initializers = [integers("big", [2n ** 40n])];
    const inputs = [value("x", [3], DataType.INT64)];
    const nodes = [node("BitwiseAnd", ["x", "big"], ["y"])];
    expect(errorOf({ nodes, inputs, initializers }).message).toMatch(/1099511627776 does not fit i32/);
    const slice = {
      nodes: [node("Slice", ["x", "from", "to"], ["y"])],
      initializers: [integers("from", [1]), integers("to", [2n ** 63n - 1n])],
      outputs: [value("y", [1, 3])],
    };
    const { graph } = traceOnnx(importOnnx(modelBytes(slice)));
    expect(graph.outputs.map(({ name }) => name)).toEqual(["y"]);
  }); // prettier-ignore

  it("includes symbolic dimensions that are not bound, or bound to no size", () => {
    const parts = { nodes: [relu], inputs: [value("x", ["N", 3])], outputs: [value("y", ["N", 3])] };
    expect(errorOf(parts).message).toMatch(/symbolic dimension 'N'/);
    expect(errorOf(parts, { N: -1 }).message).toMatch(/'N' cannot be -1/);
    expect(errorOf(parts, { N: 1.5 }).message).toMatch(/'N' cannot be 1.5/);
  });
});

describe("external data", () => {
  const weightAt = (entries: Readonly<Record<string, string>>): ModelParts => ({
    nodes: [node("Add", ["x", "w"], ["y"])],
    initializers: [
      {
        name: "w",
        dims: [3n],
        dataType: DataType.FLOAT,
        dataLocation: DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })),
      },
    ],
  });
  const never = (name: string): Uint8Array => {
    throw new Error(`asked for ${name}`);
  };

  it.each([
    "../w",
    "a/../../w",
    "/etc/passwd",
    "\\\\server\\w",
    "C:\\w",
    "c:w",
    "w\0.bin",
    "",
    "a\\..\\..\\w",
  ])("is never asked for outside the model's folder: %j", (location) => {
    expect(errorOf(weightAt({ location }), {}, never).message).toMatch(/outside the model's folder/);
  });

  it.each<Readonly<Record<string, string>>>([
    { offset: "-4" },
    { offset: "8" },
    { offset: "1e400" },
    { offset: "x" },
    { length: "4" },
    { length: "-12" },
    { length: "99999999999999999999" },
    { offset: "4611686018427387904" },
    { offset: "0x4" },
    { offset: " 4" },
    { offset: "4.0" },
    { offset: "+4" },
    { offset: "" },
    { length: "0xC" },
    { length: "12.0" },
    { length: "1.2e1" },
    { length: "" },
    { length: "0", offset: "8" },
  ])("is refused where its place is not in the file: %j", (place) => {
    const parts = weightAt({ location: "w.bin", ...place });
    expect(errorOf(parts, {}, () => new Uint8Array(16)).message).toMatch(/'w' needs bytes/);
  });

  it("is refused where the file is not given, or is no bytes", () => {
    expect(errorOf(weightAt({ location: "w.bin" })).message).toMatch(/pass externalData/);
    const nothing = (() => undefined) as unknown as (name: string) => Uint8Array;
    expect(errorOf(weightAt({ location: "w.bin" }), {}, nothing).message).toMatch(/w\.bin/);
  });

  it.each<Readonly<Record<string, string>>>([
    {},
    { length: "0" },
    { offset: "0", length: "0" },
    { length: "12" },
  ])("may be followed by more, and a length of 0 or none is all that is needed: %j", (place) => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const model = importOnnx(modelBytes(weightAt({ location: "w.bin", ...place })), {
      externalData: () => bytes,
    });
    expect([...(model.initializers.get("w")!.value.data as Float32Array)]).toEqual([1, 2, 3]);
  });

  it("is read at its offset", () => {
    const bytes = new Uint8Array(Float32Array.of(9, 1, 2, 3).buffer);
    const model = importOnnx(modelBytes(weightAt({ location: "sub/w.bin", offset: "4", length: "12" })), {
      externalData: () => bytes,
    });
    expect([...(model.initializers.get("w")!.value.data as Float32Array)]).toEqual([1, 2, 3]);
  });
});

describe("sizes that a small file claims", () => {
  const before = process.memoryUsage().rss;
  const constant = (dims: readonly bigint[]): ModelParts => ({
    nodes: [node("Add", ["x", "w"], ["y"])],
    initializers: [{ name: "w", dims: [...dims], dataType: DataType.FLOAT }],
  });
  const huge = 2n ** 31n - 1n;

  it.each<[string, ModelParts]>([
    ["an initialiser without data", constant([huge])],
    ["an initialiser of overflowing size", constant([huge, huge, huge, huge])],
    ["ConstantOfShape", { nodes: [node("ConstantOfShape", ["s"], ["y"])], initializers: [integers("s", [huge, huge])] }],
    ["Expand", { nodes: [node("Expand", ["x", "s"], ["y"])], initializers: [integers("s", [huge, 2, 3])] }],
    ["Tile", { nodes: [node("Tile", ["x", "s"], ["y"])], initializers: [integers("s", [huge, huge])] }],
    ["Pad by edges", { nodes: [node("Pad", ["x", "s"], ["y"], { mode: "edge" })], initializers: [integers("s", [0, huge, 0, 0])] }],
    ["Resize", { nodes: [node("Resize", ["x", "", "", "s"], ["y"])], initializers: [integers("s", [huge, huge])] }],
    ["OneHot", { nodes: [node("OneHot", ["i", "s", "v"], ["y"])], inputs: [value("i", [2], DataType.INT64)], initializers: [integers("s", [huge], []), floats("v", [2], [0, 1])] }],
    ["Range", { nodes: [node("Range", ["a", "s", "b"], ["y"])], initializers: [integers("a", [0], []), integers("s", [huge], []), integers("b", [1], [])] }],
    ["HannWindow", { nodes: [node("HannWindow", ["s"], ["y"])], initializers: [integers("s", [huge], [])] }],
    ["Split", { nodes: [node("Split", ["x"], ["y"], { num_outputs: 2 ** 40 })] }],
    ["Col2Im", { nodes: [node("Col2Im", ["x", "s", "b"], ["y"])], inputs: [value("x", [1, 4, 9])], initializers: [integers("s", [huge, huge]), integers("b", [2, 2])] }],
    ["LpPool", { nodes: [node("LpPool", ["x"], ["y"], { kernel_shape: [2 ** 31 - 1, 2 ** 31 - 1] })], inputs: [value("x", [1, 1, 9, 9])] }],
    ["LRN", { nodes: [node("LRN", ["x"], ["y"], { size: 2 ** 40 })], inputs: [value("x", [1, 3, 2, 2])] }],
  ])("are not allocated: %s", (_, parts) => {
    expect(errorOf(parts).code).toMatch(/file-format|shape|unsupported|argument/);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  }); // prettier-ignore
});
