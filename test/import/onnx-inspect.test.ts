/** What inspecting an ONNX file tells, supported or not, without compiling it. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { inspectOnnx, supportedOperators } from "../../src/import/onnx/inspect.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { modelBytes, node, value } from "./onnx/build-model.ts";

const digits = readFileSync(new URL("../../examples/digits/data/digits-resnet.onnx", import.meta.url));

describe("inspectOnnx", () => {
  it("counts operators and parameters of a real model", () => {
    const { opset, producer, inputs, operators, parameterCount, parameterBytes, unsupported } =
      inspectOnnx(digits);
    expect({ opset, producer, inputs }).toEqual({
      opset: 13,
      producer: "pytorch 1.13.0",
      inputs: [{ name: "image", elementType: "FLOAT", shape: ["N", 1, 8, 8] }],
    });
    expect(operators[0]).toEqual({ name: "BatchNormalization", count: 9, supported: true });
    expect(operators.reduce((sum, { count }) => sum + count, 0)).toBe(33);
    expect(parameterBytes).toBe(4 * parameterCount);
    expect(unsupported).toEqual([]);
  });

  it("estimates multiply-adds once symbolic dimensions are bound, in proportion to the batch", () => {
    expect(inspectOnnx(digits).multiplyAdds).toBeUndefined();
    const one = inspectOnnx(digits, { shapes: { N: 1 } }).multiplyAdds!;
    expect(one).toBeGreaterThan(0);
    expect(inspectOnnx(digits, { shapes: { N: 3 } }).multiplyAdds).toBe(3 * one);
  });

  it("lists what is not supported with reasons instead of throwing", () => {
    const bytes = modelBytes({ nodes: [node("NonZero", ["x"], ["a"]), node("Frobnicate", ["a"], ["y"])] });
    const { operators, unsupported, multiplyAdds } = inspectOnnx(bytes);
    expect(operators).toEqual([
      { name: "Frobnicate", count: 1, supported: false, reason: "not supported" },
      { name: "NonZero", count: 1, supported: false, reason: "its result's shape depends on data" },
    ]);
    expect(unsupported.map(({ nodes }) => nodes)).toEqual([["NonZero_of_a"], ["Frobnicate_of_y"]]);
    expect(multiplyAdds).toBeUndefined();
  });

  it("counts what chooses by shapes, initialisers and constants as supported", () => {
    const nodes = [
      node("Shape", ["x"], ["s"]),
      node("NonZero", ["s"], ["a"]),
      node("Compress", ["x", "keep"], ["b"]),
      node("Relu", ["x"], ["r"]),
      node("Compress", ["x", "r"], ["y"]),
    ];
    const inputs = [value("x", [2, 3]), value("keep", [2], DataType.BOOL)];
    const bytes = modelBytes({ nodes, inputs });
    const refused = (constants: Readonly<Record<string, HostTensor>>) =>
      inspectOnnx(bytes, { constants }).unsupported.flatMap(({ nodes: names }) => names);
    const keep = tensor([true, false], [2], "bool");
    expect(refused({})).toEqual(["Compress_of_b", "Compress_of_y"]);
    expect(refused({ keep })).toEqual(["Compress_of_y"]);
    expect(refused({ keep, x: tensor([1, 2, 3, 4, 5, 6], [2, 3]) })).toEqual([]);
  });

  it("refuses what is no ONNX model", () => {
    expect(() => inspectOnnx(Uint8Array.of(1, 2, 3))).toThrow(UserError);
  });
});

describe("supportedOperators", () => {
  it("names at least 130 operators, sorted, each once", () => {
    const names = supportedOperators();
    expect(names.length).toBeGreaterThanOrEqual(130);
    expect([...new Set(names)].sort()).toEqual([...names]);
  });
});
