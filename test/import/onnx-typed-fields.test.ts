/** Elements in a tensor's own fields, which are wider than many types in them: numbers that are none of the type. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, UserError, type HostTensor } from "../../src/index.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { readTensor } from "../../src/import/onnx/tensors.ts";
import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema } from "../../src/import/onnx/schema/onnx_pb.ts";
import { modelBytes, node, value } from "./onnx/build-model.ts";

const field = (dataType: DataType, int32Data: readonly number[]) =>
  create(TensorProtoSchema, {
    name: "w",
    dims: [BigInt(int32Data.length)],
    dataType,
    int32Data: [...int32Data],
  });

describe("BOOL", () => {
  it("is true for every number but 0, in fields as in raw bytes", () => {
    expect([...readTensor(field(DataType.BOOL, [0, 1, 2, -1, 256, 2 ** 31 - 1])).data]).toEqual([
      0, 1, 1, 1, 1, 1,
    ]);
    const raw = { name: "w", dims: [3n], dataType: DataType.BOOL, rawData: Uint8Array.of(0, 2, 255) };
    expect([...readTensor(create(TensorProtoSchema, raw)).data]).toEqual([0, 1, 1]);
  });

  it("is so in what is computed of it", async () => {
    const parts = {
      nodes: [node("Where", ["c", "x", "zero"], ["y"]), node("Cast", ["c"], ["n"], { to: DataType.FLOAT }), node("Not", ["c"], ["z"])],
      initializers: [
        { name: "c", dims: [3n], dataType: DataType.BOOL, int32Data: [2, 0, -7] },
        { name: "zero", dims: [], dataType: DataType.FLOAT, floatData: [0] },
      ],
      inputs: [value("x", [3])],
      outputs: [{ name: "y" }, { name: "n" }, { name: "z" }],
    }; // prettier-ignore
    await using compiled = await compile(importOnnx(modelBytes(parts)), { device: "cpu" });
    const results = await compiled.run<Record<string, HostTensor>>({
      x: { dtype: "f32", shape: [3], data: Float32Array.of(5, 6, 7) },
    });
    expect([...results["y"]!.data]).toEqual([5, 0, 7]);
    expect([...results["n"]!.data]).toEqual([1, 0, 1]);
    expect([...results["z"]!.data]).toEqual([0, 1, 0]);
  });
});

describe("integers of fewer than 32 bits", () => {
  it.each([
    [DataType.INT8, -128, 127],
    [DataType.UINT8, 0, 255],
    [DataType.INT16, -32768, 32767],
    [DataType.UINT16, 0, 65535],
  ])("are taken within their range and refused outside: type %i, %i to %i", (type, least, greatest) => {
    expect([...readTensor(field(type, [least, greatest])).data]).toEqual([least, greatest]);
    for (const wrong of [least - 1, greatest + 1]) {
      expect(() => readTensor(field(type, [0, wrong]))).toThrow(UserError);
      expect(() => readTensor(field(type, [0, wrong]))).toThrow(
        `tensor 'w' is ${DataType[type]}, but element 1 is ${wrong}, expected ${least} to ${greatest}`,
      );
    }
  });

  it("are 32 bits at most where the field has 64", () => {
    const wide = (number: bigint) =>
      create(TensorProtoSchema, { name: "w", dims: [1n], dataType: DataType.UINT32, uint64Data: [number] });
    expect([...readTensor(wide(2n ** 32n - 1n)).data]).toEqual([2 ** 32 - 1]);
    expect(() => readTensor(wide(2n ** 32n))).toThrow(/'w' is UINT32, but element 0 is 4294967296/);
  });
});

describe("bits of 16-bit floats", () => {
  it("may be written with or without a sign", () => {
    // −2 is 0xc000 as f16 and as bf16.
    for (const type of [DataType.FLOAT16, DataType.BFLOAT16])
      expect([...readTensor(field(type, [0xc000, 0xc000 - 0x10000])).data]).toEqual([-2, -2]);
  });

  it.each([DataType.FLOAT16, DataType.BFLOAT16])("are refused beyond 16: type %i", (type) => {
    for (const wrong of [65536, -32769, 2 ** 30])
      expect(() => readTensor(field(type, [wrong]))).toThrow(/element 0 is -?\d+, expected -32768 to 65535/);
  });
});
