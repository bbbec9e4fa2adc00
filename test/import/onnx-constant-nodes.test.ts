/** Weights that are Constant nodes are parameters, as they are among the initialisers. */
import { describe, expect, it } from "vitest";
import { inspectOnnx } from "../../src/import/onnx/inspect.ts";
import { compile, importOnnx, tensor, type HostTensor } from "../../src/index.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
} from "../../src/import/onnx/schema/onnx_pb.ts";
import { floats, modelBytes, node, value, type NodeParts } from "./onnx/build-model.ts";

const weights = [1, 2, 3, 4, 5, 6];

function constant(name: string, t: object): NodeParts {
  return {
    opType: "Constant",
    name: `make_${name}`,
    input: [],
    output: [name],
    attribute: [{ name: "value", type: AttributeType.TENSOR, t }],
  };
}

const weight = constant("w", { dims: [3n, 2n], dataType: DataType.FLOAT, floatData: weights });
const product = node("MatMul", ["x", "w"], ["y"]);
const model = (nodes: readonly NodeParts[], more: object = {}) =>
  modelBytes({ nodes, outputs: [value("y", [2, 2])], ...more });
const x = tensor([1, 0, 0, 0, 1, 1], [2, 3]);

async function resultOf(bytes: Uint8Array): Promise<readonly number[]> {
  await using compiled = await compile(importOnnx(bytes), { device: "cpu" });
  const { y } = (await compiled.run({ x })) as Record<string, HostTensor>;
  return Array.from(y!.data, Number);
}

describe("a weight that is a Constant node", () => {
  it("has a name, counts, and can be assigned", async () => {
    const bytes = model([weight, product]);
    const imported = importOnnx(bytes);
    expect([...imported.namedState()].map(([name, { shape }]) => [name, shape])).toEqual([["w", [3, 2]]]);
    expect(inspectOnnx(bytes)).toMatchObject({ parameterCount: 6, parameterBytes: 24 });
    // The file's nodes are counted as they are.
    expect(inspectOnnx(bytes).operators.map(({ name, count }) => [name, count])).toEqual([
      ["Constant", 1],
      ["MatMul", 1],
    ]);
    expect(await resultOf(bytes)).toEqual([1, 2, 8, 10]);
    await using compiled = await compile(imported, { device: "cpu" });
    const [, stored] = [...imported.namedState()][0]!;
    stored.assign(tensor([10, 20, 30, 40, 50, 60], [3, 2]));
    const { y } = (await compiled.run({ x })) as Record<string, HostTensor>;
    expect(Array.from(y!.data, Number)).toEqual([10, 20, 80, 100]);
  });

  it("in half precision stays so", async () => {
    const half = Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600);
    const t = { dims: [3n, 2n], dataType: DataType.FLOAT16, rawData: new Uint8Array(half.buffer) };
    const bytes = model([constant("h", t), node("Cast", ["h"], ["w"], { to: DataType.FLOAT }), product]);
    expect(inspectOnnx(bytes).parameterBytes).toBe(12);
    expect(await resultOf(bytes)).toEqual([1, 2, 8, 10]);
  });

  it("is still what shapes may depend on", async () => {
    const scales = constant("scales", { dims: [2n], dataType: DataType.FLOAT, floatData: [1, 2] });
    const bytes = modelBytes({
      nodes: [scales, node("Resize", ["x", "", "scales"], ["y"], { mode: "nearest" })],
      outputs: [value("y", [2, 6])],
    });
    expect(await resultOf(bytes)).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it.each([
    ["an initialiser", [weight, product], { initializers: [floats("w", [3, 2], weights)] }],
    [
      "another node",
      [weight, constant("w", { dims: [1n], dataType: DataType.FLOAT, floatData: [1] }), product],
      {},
    ],
    ["the same again", [weight, weight, product], {}],
  ] as const)("is refused where %s has its name", (_, nodes, more) => {
    expect(() => importOnnx(model(nodes, more))).toThrow(/'w'/);
  });

  it("is refused where its elements do not fit its shape, by name", () => {
    const short = constant("w", { dims: [3n, 2n], dataType: DataType.FLOAT, floatData: [1, 2] });
    expect(() => importOnnx(model([short, product]))).toThrow(
      /tensor 'w' with shape \[3,2\] needs 6 elements/,
    );
  });
});
