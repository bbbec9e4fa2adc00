/** What files say of inputs and outputs, which may be next to nothing, and what has to be asked for then. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  bisect,
  compile,
  importOnnx,
  tensor,
  UserError,
  type HostTensor,
  type ModelOptions,
} from "../../src/index.ts";
import { inspectOnnx } from "../../src/import/onnx/inspect.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  TensorProto_DataType as DataType,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { floats, integers, modelBytes, node, value, type ModelParts } from "./onnx/build-model.ts";

async function run(
  parts: ModelParts,
  inputs: Readonly<Record<string, HostTensor>>,
  options: ModelOptions = {},
): Promise<Record<string, HostTensor>> {
  await using compiled = await compile(importOnnx(modelBytes(parts)), { device: "cpu", ...options });
  return await compiled.run<Record<string, HostTensor>>(inputs);
}

function refusal(parts: ModelParts, options: Pick<ModelOptions, "shapes" | "constants"> = {}): UserError {
  try {
    traceOnnx(importOnnx(modelBytes(parts)), options.shapes, options.constants);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("the model was accepted");
}

const relu = node("Relu", ["x"], ["y"]);
const x = tensor([-1, 2, -3, 4], [2, 2]);
const positive = tensor([0, 2, 0, 4], [2, 2]);
/** A type without a shape, and one without either. */
const shapeless = (name: string, elemType: number = DataType.FLOAT) => ({
  name,
  type: { tensorType: { elemType } },
});
const untyped = (name: string) => ({ name });

describe("an output that the file only names", () => {
  it.each<[string, ModelParts["outputs"]]>([
    ["without a type", [untyped("y")]],
    ["with an empty type", [{ name: "y", type: {} }]],
    ["with a type that is undefined", [shapeless("y", DataType.UNDEFINED)]],
    ["without a shape", [shapeless("y")]],
    ["of a size of -1", [value("y", [-1, 2])]],
  ])("is what the graph computes: %s", async (_, outputs) => {
    expect(await run({ nodes: [relu], inputs: [value("x", [2, 2])], outputs }, { x })).toEqual({
      y: positive,
    });
  });

  it("has the dtype that ONNX gives it, where graphs compute with another", async () => {
    const nodes = [
      node("Cast", ["x"], ["long"], { to: DataType.INT64 }),
      node("Cast", ["x"], ["byte"], { to: DataType.INT8 }),
      node("Cast", ["x"], ["half"], { to: DataType.FLOAT16 }),
      node("Greater", ["x", "x"], ["bool"]),
      node("Shape", ["x"], ["shape"]),
      node("ArgMax", ["x"], ["best"], { axis: 1, keepdims: 0 }),
      node("Constant", [], ["ints"], { value_ints: [3, 4] }),
      node("Constant", [], ["int"], { value_int: 7 }),
      node("Neg", ["half"], ["negated"]),
    ];
    const names = nodes.map(({ output }) => output[0]!);
    const results = await run({ nodes, inputs: [value("x", [2, 2])], outputs: names.map(untyped) }, { x });
    expect(Object.fromEntries(names.map((name) => [name, results[name]!.dtype]))).toEqual({
      long: "i64",
      byte: "i8",
      half: "f16",
      bool: "bool",
      shape: "i64",
      best: "i64",
      ints: "i64",
      int: "i64",
      negated: "f16",
    });
    expect(results["long"]).toEqual(tensor([-1n, 2n, -3n, 4n], [2, 2]));
    expect(results["ints"]).toEqual(tensor([3n, 4n]));
    expect(results["best"]).toEqual(tensor([1n, 1n]));
  });

  it("of a branch is that of its If", async () => {
    const branch = (op: string) => ({ node: [node(op, ["x"], [`${op}_y`])], output: [untyped(`${op}_y`)] });
    const nodes = [
      {
        ...node("If", ["yes"], ["y"]),
        attribute: [
          { name: "then_branch", type: AttributeType.GRAPH, g: branch("Relu") },
          { name: "else_branch", type: AttributeType.GRAPH, g: branch("Neg") },
        ],
      },
    ];
    const yes = { name: "yes", dims: [], dataType: DataType.BOOL, int32Data: [1] };
    const parts = { nodes, initializers: [yes], inputs: [value("x", [2, 2])], outputs: [untyped("y")] };
    expect(await run(parts, { x })).toEqual({ y: positive });
  });

  it("is described as unknown", () => {
    const { outputs } = inspectOnnx(modelBytes({ nodes: [relu], outputs: [untyped("y")] }));
    expect(outputs).toEqual([{ name: "y", elementType: "unknown", shape: undefined }]);
  });

  it("is still refused where the file says that it is no tensor", () => {
    // A sequence is a kind that the schema here has no field for: number 4.
    const model = fromBinary(ModelProtoSchema, modelBytes({ nodes: [relu] }));
    const type = fromBinary(TypeProtoSchema, Uint8Array.of(0x22, 0));
    model.graph!.output = [create(ValueInfoProtoSchema, { name: "y", type })];
    expect(() => importOnnx(toBinary(ModelProtoSchema, model))).toThrow(/'y' is not a tensor/);
  });
});

describe("an input whose shape the file leaves out", () => {
  const parts: ModelParts = { nodes: [relu], inputs: [shapeless("x")], outputs: [untyped("y")] };

  it("takes the one that is given when compiling", async () => {
    expect(await run(parts, { x }, { shapes: { x: [2, 2] } })).toEqual({ y: positive });
    expect(await run(parts, { x: tensor([-5], []) }, { shapes: { x: [] } })).toEqual({ y: tensor([0], []) });
  });

  it("is asked for by name when compiling, not when running", () => {
    expect(refusal(parts)).toMatchObject({
      code: "argument",
      message: expect.stringMatching(/does not say which shape the input 'x' has; give it: compile\(model, \{ shapes: \{ "x": \[2, 2\] \} \}\)/),
    }); // prettier-ignore
    const two = {
      ...parts,
      nodes: [node("Add", ["x", "z"], ["y"])],
      inputs: [shapeless("x"), shapeless("z")],
    };
    expect(refusal(two, { shapes: { x: [1] } }).message).toMatch(/input 'z'/);
  });

  it.each<[NonNullable<ModelOptions["shapes"]>, RegExp]>([
    [{ x: 2 }, /shape of input 'x' is a list of sizes, such as \[2, 2\]; got 2/],
    [{ x: [2, -1] }, /dimension 'x\.1' cannot be -1/],
    [{ x: [2, 1.5] }, /dimension 'x\.1' cannot be 1\.5/],
    [{ x: [2, "N" as never] }, /dimension 'x\.1' cannot be N/],
    [{ "x.0": 2, "x.1": 2 }, /does not say which shape the input 'x' has/],
  ])("is refused as %o", (shapes, message) => {
    expect(refusal(parts, { shapes }).message).toMatch(message);
  });

  it("is that of a constant", async () => {
    const added = {
      ...parts,
      nodes: [node("Add", ["x", "z"], ["y"])],
      inputs: [value("x", [2, 2]), shapeless("z")],
    };
    expect(await run(added, { x }, { constants: { z: tensor([10, 20]) } })).toEqual({
      y: tensor([9, 22, 7, 24], [2, 2]),
    });
    expect(refusal(added, { constants: { z: tensor([10, 20]) }, shapes: { z: [3] } }).message).toMatch(
      /constant for input 'z' has shape \[2\], expected \[3\]/,
    );
  });

  it("is described as unknown, and its multiply-adds are known once it is given", () => {
    const product: ModelParts = {
      nodes: [node("MatMul", ["x", "w"], ["y"])],
      inputs: [shapeless("x")],
      initializers: [floats("w", [2, 3], [1, 2, 3, 4, 5, 6])],
    };
    const bytes = modelBytes(product);
    expect(inspectOnnx(bytes)).toMatchObject({
      inputs: [{ name: "x", shape: undefined }],
      multiplyAdds: undefined,
    });
    expect(inspectOnnx(bytes, { shapes: { x: [5, 2] } }).multiplyAdds).toBe(30);
  });

  it("is that of the tensor that bisect is given", async () => {
    const found = await bisect(importOnnx(modelBytes(parts)), { x }, { a: "evaluate", b: { device: "cpu" } });
    expect(found.first).toBeUndefined();
    expect(found.compared).toBeGreaterThan(0);
  });

  it("says so where the type is missing, too", () => {
    expect(refusal({ ...parts, inputs: [untyped("x")] }, { shapes: { x: [2, 2] } }).message).toMatch(
      /does not say of what type the input 'x' is/,
    );
  });

  it("may also be given as a whole where the file names its sizes", async () => {
    const symbolic = { ...parts, inputs: [value("x", ["N", "M"])] };
    expect(await run(symbolic, { x }, { shapes: { x: [2, 2] } })).toEqual({ y: positive });
    expect(refusal(symbolic, { shapes: { x: [2, 2], N: 3 } }).message).toMatch(/shape for input 'x' is \[2,2\], expected \[3,M\]/);
    expect(refusal({ ...parts, inputs: [value("x", [2, 3])] }, { shapes: { x: [2, 2] } }).message).toMatch(/expected \[2,3\]/);
  }); // prettier-ignore
});

describe("sizes of -1", () => {
  const parts = (...shapes: (readonly (number | string)[])[]): ModelParts => ({
    nodes: [node("Sum", shapes.map((_, i) => `x${i}`), ["y"])],
    inputs: shapes.map((shape, i) => value(`x${i}`, shape)),
    outputs: [value("y", [-1, -1])],
  }); // prettier-ignore

  it("are symbolic dimensions, each with a name of its own", async () => {
    expect(importOnnx(modelBytes(parts([-1, -1], ["", -1]))).inputs.map(({ shape }) => shape)).toEqual([
      ["x0.0", "x0.1"],
      ["x1.0", "x1.1"],
    ]);
    const shapes = { "x0.0": 2, "x0.1": 2, "x1.0": 1, "x1.1": 2 };
    const inputs = { x0: x, x1: tensor([10, 20], [1, 2]) };
    expect(await run(parts([-1, -1], ["", -1]), inputs, { shapes })).toEqual({
      y: tensor([9, 22, 7, 24], [2, 2]),
    });
  });

  it("are asked for by that name", () => {
    expect(refusal(parts([-1, 2])).message).toMatch(/symbolic dimension 'x0\.0'/);
  });

  it("are all that may be negative", () => {
    expect(refusal(parts([-2, 2])).message).toMatch(/'x0' has a dimension of size -2/);
  });
});

describe("an initialiser that is an input, too", () => {
  const build = (parts: ModelParts, irVersion = 8n): Uint8Array => {
    const proto = fromBinary(ModelProtoSchema, modelBytes(parts));
    proto.irVersion = irVersion;
    return toBinary(ModelProtoSchema, proto);
  };
  const scaled: ModelParts = {
    nodes: [node("Mul", ["x", "k"], ["scaled"]), node("Add", ["scaled", "b"], ["y"])],
    initializers: [floats("k", [2], [10, 100]), floats("b", [], [0.5])],
    inputs: [value("x", [2, 2]), value("k", [2]), value("b", [])],
    outputs: [untyped("y")],
  };

  it("is a default that a run may replace, alone or with others, by turns and at once", async () => {
    await using compiled = await compile(importOnnx(build(scaled)), { device: "cpu" });
    const expected = (k: readonly [number, number], b: number) => ({
      y: tensor(
        Array.from(x.data, (element, i) => element * k[i % 2]! + b),
        [2, 2],
      ),
    });
    expect(compiled.executable.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(await compiled.run({ x })).toEqual(expected([10, 100], 0.5));
    const k = tensor([2, 3]);
    const b = tensor([7], []);
    const results = await Promise.all([
      compiled.run({ x, k }),
      compiled.run({ x }),
      compiled.run({ b, x, k }),
      compiled.run({ x, b }),
      compiled.run({ k: tensor([5, 6]), x }),
      compiled.run(x),
    ]);
    expect(results).toEqual([
      expected([2, 3], 0.5),
      expected([10, 100], 0.5),
      expected([2, 3], 7),
      expected([10, 100], 7),
      expected([5, 6], 0.5),
      expected([10, 100], 0.5),
    ]);
    await expect(compiled.run({ k })).rejects.toThrow(/missing: x/);
    await expect(compiled.run({ x, k: tensor([1, 2, 3]) })).rejects.toThrow(/input 'k' is f32\[3\]/);
    await expect(compiled.run({ x, q: k })).rejects.toThrow(/unknown: q/);
    compiled.dispose();
    await expect(compiled.run({ x, k })).rejects.toMatchObject({ code: "disposed" });
  });

  it("may be replaced when compiling", async () => {
    await using compiled = await compile(importOnnx(build(scaled)), {
      device: "cpu",
      constants: { k: tensor([2, 3]) },
    });
    expect((await compiled.run<{ y: HostTensor }>({ x })).y.data[0]).toBe(-1.5);
    await expect(compiled.run({ x, k: tensor([1, 1]) })).rejects.toThrow(/unknown: k/);
    expect(() => traceOnnx(importOnnx(build(scaled)), {}, { k: tensor([1, 2, 3]) })).toThrow(
      /constant for input 'k' has shape \[3\], expected \[2\]/,
    );
  });

  it("is a constant before IR version 4, when all of them had to be inputs", async () => {
    const model = importOnnx(build(scaled, 3n));
    expect(model.overridable).toEqual([]);
    await using compiled = await compile(model, { device: "cpu" });
    await expect(compiled.run({ x, k: tensor([1, 1]) })).rejects.toThrow(/unknown: k/);
  });

  it("may be of integers, and stand where the file says no more than its name", async () => {
    const parts: ModelParts = {
      nodes: [node("Gather", ["x", "at"], ["y"], { axis: 1 })],
      initializers: [integers("at", [0])],
      inputs: [value("x", [2, 2]), untyped("at")],
      outputs: [untyped("y")],
    };
    await using compiled = await compile(importOnnx(build(parts)), { device: "cpu" });
    expect(await compiled.run({ x })).toEqual({ y: tensor([-1, -3], [2, 1]) });
    expect(await compiled.run({ x, at: tensor([1n]) })).toEqual({ y: tensor([2, 4], [2, 1]) });
  });

  it("that shapes depend on keeps its default, or is given when compiling", async () => {
    const parts: ModelParts = {
      nodes: [node("Reshape", ["x", "shape"], ["y"])],
      initializers: [integers("shape", [4])],
      inputs: [value("x", [2, 2]), value("shape", [1], DataType.INT64)],
      outputs: [untyped("y")],
    };
    const model = importOnnx(build(parts));
    await using compiled = await compile(model, { device: "cpu" });
    expect(await compiled.run({ x })).toEqual({ y: tensor(x.data, [4]) });
    await expect(compiled.run({ x, shape: tensor([-1n]) })).rejects.toThrow(
      /Reshape_of_y': the shape is computed from the input 'shape'; .* compile\(model, \{ constants: \{ "shape": tensor/,
    );
    // A run that is refused leaves the others as they are.
    expect(await compiled.run({ x })).toEqual({ y: tensor(x.data, [4]) });
    await using other = await compile(model, { device: "cpu", constants: { shape: tensor([-1n]) } });
    expect(await other.run({ x })).toEqual({ y: tensor(x.data, [4]) });
  });

  it("that contradicts its input is refused", () => {
    const wrong = { ...scaled, inputs: [value("x", [2, 2]), value("k", [3]), value("b", [])] };
    expect(() => importOnnx(build(wrong))).toThrow(/input 'k' is declared as FLOAT\[3\], but its initialiser is FLOAT\[2\]/);
  }); // prettier-ignore

  it("is replaced in bisect, too", async () => {
    const model = importOnnx(build(scaled));
    const found = await bisect(model, { x, k: tensor([2, 3]) }, { a: "evaluate", b: { device: "cpu" } });
    expect(found.first).toBeUndefined();
  });
});

describe("tensors that nothing reads", () => {
  const unread = (dataType: number) => ({ name: "w", dims: [2n], dataType, rawData: new Uint8Array(4) });
  /** STRING, COMPLEX64, COMPLEX128, float8 in four kinds, 4-bit integers, and a type of the future. */
  const types = [DataType.STRING, DataType.COMPLEX64, 15, 17, 18, 19, 20, 21, 22, 99];

  it.each(types)("may be of any type: %i", async (type) => {
    const parts = { nodes: [relu], inputs: [value("x", [2, 2])], initializers: [unread(type)] };
    expect(await run(parts, { x })).toEqual({ y: positive });
    // A node that no output needs reads nothing.
    const dead = { ...parts, nodes: [relu, node("Add", ["x", "w"], ["dead"])] };
    expect(await run(dead, { x })).toEqual({ y: positive });
  });

  it.each(types)("are refused by name once something reads them: %i", (type) => {
    const parts = { nodes: [node("Add", ["x", "w"], ["y"])], initializers: [unread(type)] };
    expect(refusal(parts).message).toMatch(/tensor 'w' holds \S+( \d+)?, which is not supported/);
  });

  it("may be of any type in branches, too", async () => {
    const branch = (output: string, initializer: ReturnType<typeof unread>[]) => ({
      node: [node("Relu", ["x"], [output])],
      initializer,
      output: [untyped(output)],
    });
    const nodes = [
      {
        ...node("If", ["yes"], ["y"]),
        attribute: [
          { name: "then_branch", type: AttributeType.GRAPH, g: branch("a", [unread(DataType.STRING)]) },
          { name: "else_branch", type: AttributeType.GRAPH, g: branch("b", []) },
        ],
      },
    ];
    const yes = { name: "yes", dims: [], dataType: DataType.BOOL, int32Data: [1] };
    expect(await run({ nodes, initializers: [yes], inputs: [value("x", [2, 2])], outputs: [untyped("y")] }, { x })).toEqual({
      y: positive,
    });
  }); // prettier-ignore
});
