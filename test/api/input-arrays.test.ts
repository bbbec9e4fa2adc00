/** What `run` takes for an input: the array that its dtype lies in, and bytes for bool and u8 alike. */
import { describe, expect, it } from "vitest";
import { compile, evaluate, importOnnx, nn, tensor, UserError } from "../../src/index.ts";
import { hostDTypes, allocateArray, type HostDType } from "../../src/ir/dtype.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { testedDevices } from "../devices/run-graph.ts";
import { modelBytes, node, value } from "../import/onnx/build-model.ts";

class Twice extends nn.Module {
  override forward(x: nn.Tensor): nn.Tensor {
    return x.mul(2);
  }
}

const arrays = [...new Set([...hostDTypes].map((dtype) => allocateArray(dtype, 0).constructor))] as {
  new (length: number): ArrayBufferView;
  name: string;
}[];

describe("an array of another kind than the dtype's", () => {
  it("is refused by run, whichever it is, and leaves earlier data alone", async () => {
    const compiled = await compile(new Twice(), [{ shape: [4] }], { device: "cpu" });
    await compiled.run(tensor([1, 2, 3, 4]));
    for (const ArrayKind of arrays.filter((kind) => kind !== (Float32Array as unknown))) {
      const wrong = { dtype: "f32", shape: [4], data: new ArrayKind(4) } as never;
      const failure: unknown = await compiled.run(wrong).catch((error: unknown) => error);
      expect(failure, ArrayKind.name).toBeInstanceOf(UserError);
      expect(String(failure)).toMatch(
        /its dtype is f32, whose elements lie in a Float32Array, but its data is/,
      );
    }
    expect([...(await compiled.run(tensor([5, 6, 7, 8]))).data]).toEqual([10, 12, 14, 16]);
    compiled.dispose();
  });

  it.each([...hostDTypes])("is refused wherever a %s tensor is taken", (dtype: HostDType) => {
    const own = allocateArray(dtype, 0).constructor;
    const ArrayKind = arrays.find((kind) => kind !== own)!;
    const wrong = { dtype, shape: [2], data: new ArrayKind(2) } as never;
    expect(() => new nn.Parameter(wrong)).toThrow(/but its data is/);
    expect(() => new nn.Parameter(tensor([1, 2])).assign(wrong)).toThrow(/but its data is/);
    expect(() => new nn.Linear(2, 1).loadStateDict({ bias: wrong }, { strict: false })).toThrow(UserError);
  });

  it("is refused by evaluate", () => {
    const graph = { name: "g", inputs: [{ id: "x", role: "input", name: "x", type: { dtype: "f32", shape: [1] } }], nodes: {}, outputs: [] } as const; // prettier-ignore
    expect(() =>
      evaluate(graph, { x: { dtype: "f32", shape: [1], data: new Int32Array(1) } as never }),
    ).toThrow(UserError);
  });

  it.each([
    ["of an unknown dtype", { dtype: "f8", shape: [4], data: new Float32Array(4) }],
    ["without a shape", { dtype: "f32", shape: 4, data: new Float32Array(4) }],
  ])("so is one %s", async (_, wrong) => {
    const compiled = await compile(new Twice(), [{ shape: [4] }], { device: "cpu" });
    await expect(compiled.run(wrong as never)).rejects.toBeInstanceOf(UserError);
    compiled.dispose();
  });
});

for (const kind of testedDevices) {
  describe(`bytes on ${kind}`, () => {
    const { FLOAT, UINT8, BOOL } = DataType;
    const bytes = modelBytes({
      nodes: [node("Cast", ["u"], ["x"], { to: FLOAT }), node("Where", ["b", "x", "z"], ["y"])],
      inputs: [value("u", [4], UINT8), value("b", [4], BOOL), value("z", [1])],
      outputs: [value("y", [4])],
    });

    it("go into u8 and bool inputs alike, whatever dtype they are taken for", async () => {
      const compiled = await compile(importOnnx(bytes), { device: kind });
      const u = Uint8Array.of(0, 7, 200, 255);
      const b = Uint8Array.of(0, 1, 2, 255);
      for (const as of ["u8", "bool"] as const) {
        const inputs = { u: tensor(u, [4], as), b: tensor(b, [4], as), z: tensor([-1]) };
        const { y } = (await compiled.run(inputs)) as unknown as Record<string, { data: Float32Array }>;
        expect([...y!.data]).toEqual([-1, 7, 200, 255]);
      }
      compiled.dispose();
    });
  });
}
