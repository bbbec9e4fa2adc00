/** Inputs whose values are bound when compiling: what shapes may depend on then, and what is refused with which words. */
import { describe, expect, it } from "vitest";
import {
  bisect,
  compile,
  importOnnx,
  printGraph,
  tensor,
  tune,
  UserError,
  type HostTensor,
} from "../../src/index.ts";
import type { ConstantBindings } from "../../src/import/onnx/bind-inputs.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { integers, modelBytes, node, value } from "./onnx/build-model.ts";

/** y = Reshape(x, shape): the target is an input of the model. */
const reshape = importOnnx(
  modelBytes({
    nodes: [node("Reshape", ["x", "shape"], ["y"])],
    inputs: [value("x", [2, 3]), value("shape", [2], DataType.INT64)],
    outputs: [value("y", ["rows", "columns"])],
  }),
);
/** y = Tile(x, repeats · 2), both of N rows. */
const tile = importOnnx(
  modelBytes({
    nodes: [node("Add", ["repeats", "repeats"], ["twice"]), node("Tile", ["x", "twice"], ["y"])],
    inputs: [value("x", ["N"]), value("repeats", ["R"], DataType.INT64)],
    outputs: [value("y", ["M"])],
  }),
);
/** y = x + w, an f16 and a u8 input. */
const sum = importOnnx(
  modelBytes({
    nodes: [node("Cast", ["b"], ["w"], { to: DataType.FLOAT16 }), node("Add", ["h", "w"], ["y"])],
    inputs: [value("h", [2], DataType.FLOAT16), value("b", [2], DataType.UINT8)],
    outputs: [value("y", [2], DataType.FLOAT16)],
  }),
);

const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);

for (const kind of testedDevices) {
  describe(`constants on ${kind}`, () => {
    const device = lazyDevice(kind);

    it("decide shapes, and are no inputs of run any more", async () => {
      const constants = { shape: tensor([3n, -1n]) };
      await using compiled = await compile(reshape, { constants, device: await device() });
      expect(compiled.executable.inputs.map(({ name }) => name)).toEqual(["x"]);
      expect(await compiled.run({ x })).toEqual({ y: tensor(x.data, [3, 2]) });
      expect(await compiled.run<{ y: HostTensor }>(x)).toEqual({ y: tensor(x.data, [3, 2]) });
      await expect(compiled.run({ x, shape: tensor([1n, 6n]) })).rejects.toThrow(/unknown: shape/);
    });

    it("are computed with while importing, and bind their own symbolic sizes", async () => {
      const constants = { repeats: tensor([1], [1], "i32") };
      await using compiled = await compile(tile, { constants, shapes: { N: 2 }, device: await device() });
      const { y } = await compiled.run<{ y: HostTensor }>({ x: tensor([7, 8]) });
      expect(y).toEqual(tensor([7, 8, 7, 8]));
    });

    it("may be of any dtype, and be all that a model takes", async () => {
      const constants = { h: tensor([0.5, 1], [2], "f16"), b: tensor([200, 3], [2], "u8") };
      await using compiled = await compile(sum, { constants, device: await device() });
      expect(await compiled.run()).toEqual({ y: tensor([200.5, 4], [2], "f16") });
    });
  });
}

describe("constants", () => {
  it("are taken by tune and bisect as by compile", async () => {
    const constants = { shape: tensor([6n, 1n]) };
    expect((await tune(reshape, { constants, device: "cpu" })).decisions).toEqual([]);
    const found = await bisect(reshape, { x }, { constants, a: "evaluate", b: { device: "cpu" } });
    expect(found.first).toBeUndefined();
    expect(found.compared).toBeGreaterThan(0);
    const listed = await bisect(tile, [tensor([7, 8])], {
      constants: { repeats: tensor([2n]) },
      a: "evaluate",
      b: { device: "cpu" },
    });
    expect(listed.compared).toBeGreaterThan(0);
  });

  const refused = (model: typeof reshape, constants: ConstantBindings, shapes = {}): UserError => {
    try {
      traceOnnx(model, shapes, constants);
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
    throw new Error("the constants were accepted");
  };

  it.each<[string, typeof reshape, ConstantBindings, string, RegExp]>([
    ["missing", reshape, {}, "unsupported", /Reshape 'Reshape_of_y': the shape is computed from the input 'shape'; .* compile\(model, \{ constants: \{ "shape": tensor\(…\) \} \}\)/],
    ["of no input", reshape, { form: tensor([1n]) }, "argument", /constants has 'form', but the model's inputs are 'x', 'shape'/],
    ["no tensor", reshape, { shape: [3, 2] as never }, "argument", /input 'shape' is not a host tensor/],
    ["of another shape", reshape, { shape: tensor([6n]) }, "shape", /input 'shape' has shape \[1\], expected \[2\]/],
    ["of another dtype", reshape, { shape: tensor([3, 2]) }, "dtype", /input 'shape' is f32, but the model takes i64/],
    ["out of range", sum, { b: tensor([300, 1], [2], "i32") }, "dtype", /input 'b' is i32 or out of range, but the model takes u8/],
    ["shorter than its shape", sum, { b: { dtype: "u8", shape: [2], data: Uint8Array.of(1) } }, "shape", /'b': shape \[2\] holds 2 elements/],
    ["of a size that shapes bind otherwise", tile, { repeats: tensor([2n]) }, "shape", /input 'repeats' has shape \[1\], expected \[2\]/],
  ])("that are %s are refused", (_, model, constants, code, message) => {
    expect(refused(model, constants, { N: 2, ...(model === tile && { R: 2 }) })).toMatchObject({ code, message: expect.stringMatching(message) });
  }); // prettier-ignore

  it("may hold 64 bits where nothing computes with them", () => {
    const slice = importOnnx(
      modelBytes({
        nodes: [node("Slice", ["x", "from", "to"], ["y"])],
        inputs: [value("x", [2, 3]), value("from", [1], DataType.INT64), value("to", [1], DataType.INT64)],
        outputs: [value("y", ["rows", 3])],
      }),
    );
    const { graph } = traceOnnx(slice, {}, { from: tensor([1n]), to: tensor([2n ** 63n - 1n]) });
    expect(printGraph(graph)).toMatch(/f32\[1,3\]/);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("are not what a shape lacks that is computed from weights", () => {
    const table = integers("table", new Array<number>(5000).fill(2));
    const nodes = [node("Gather", ["table", "at"], ["s"]), node("Expand", ["x", "s"], ["y"])];
    const model = importOnnx(modelBytes({ nodes, initializers: [table, integers("at", [7])] }));
    expect(refused(model, {}).message).toMatch(
      /Expand_of_y.*the shape is computed from weights; shapes that/,
    );
  });

  it("name every input that a shape is computed from", () => {
    const both = importOnnx(
      modelBytes({
        nodes: [node("Add", ["a", "b"], ["s"]), node("Expand", ["x", "s"], ["y"])],
        inputs: [value("x", [1]), value("a", [1], DataType.INT64), value("b", [1], DataType.INT64)],
        outputs: [value("y", ["N"])],
      }),
    );
    expect(refused(both, {}).message).toMatch(/input 'a', 'b'; .*\{ "a": tensor\(…\), "b": tensor\(…\) \}/);
    expect(refused(both, { a: tensor([1n]) }).message).toMatch(/input 'b'; .*\{ "b": tensor\(…\) \}/);
  });
});
