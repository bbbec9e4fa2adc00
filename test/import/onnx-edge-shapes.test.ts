/** Operators where ONNX's text decides what is computed of nothing, of gaps, and of statistics in unusual shapes. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, type HostTensor } from "../../src/index.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { floats, integers, modelBytes, node, value, type ModelParts } from "./onnx/build-model.ts";

async function run(
  parts: ModelParts,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Record<string, HostTensor>> {
  await using compiled = await compile(importOnnx(modelBytes(parts)), { device: "cpu" });
  return await compiled.run<Record<string, HostTensor>>(inputs);
}

describe("reductions of nothing", () => {
  const reduce = (
    opType: string,
    shape: readonly number[],
    axes: readonly number[] | undefined,
    attributes: Readonly<Record<string, number>> = {},
    type: number = DataType.FLOAT,
    opset = 20,
  ): ModelParts => {
    const isInput = opset >= 18 && axes !== undefined;
    return {
      nodes: [
        node(opType, isInput ? ["x", "axes"] : ["x"], ["y"], {
          ...attributes,
          ...(!isInput && axes && { axes }),
        }),
      ],
      initializers: isInput ? [integers("axes", axes)] : [],
      inputs: [value("x", shape, type)],
      outputs: [value("y", [], type)],
      opset,
    };
  };
  const empty = (shape: readonly number[], dtype: HostTensor["dtype"] = "f32") => tensor([], shape, dtype);

  it.each<[string, ModelParts, HostTensor]>([
    ["the largest is −∞", reduce("ReduceMax", [0, 3], [0], { keepdims: 0 }), tensor([-Infinity, -Infinity, -Infinity])],
    ["the smallest is ∞", reduce("ReduceMin", [0, 3], [0]), tensor([Infinity, Infinity, Infinity], [1, 3])],
    ["of all dimensions", reduce("ReduceMax", [0, 3], undefined, { keepdims: 0 }), tensor([-Infinity], [])],
    ["of all dimensions, kept", reduce("ReduceMin", [3, 0], undefined), tensor([Infinity], [1, 1])],
    ["of negative axes", reduce("ReduceMax", [2, 0], [-1], { keepdims: 0 }), tensor([-Infinity, -Infinity])],
    ["of axes in an attribute", reduce("ReduceMax", [2, 0], [1], { keepdims: 0 }, DataType.FLOAT, 13), tensor([-Infinity, -Infinity])],
    ["of nothing, along nothing", reduce("ReduceMax", [0, 0], [1], { keepdims: 0 }), empty([0])],
    ["of something, elsewhere nothing", reduce("ReduceMax", [0, 3], [1], { keepdims: 0 }), empty([0])],
    ["left as it is", reduce("ReduceMax", [0, 3], undefined, { noop_with_empty_axes: 1 }), empty([0, 3])],
    ["no axes in a list are all", reduce("ReduceMax", [0, 3], [], { keepdims: 0 }), tensor([-Infinity], [])],
    ["no axes in a list are none", reduce("ReduceMax", [0, 3], [], { noop_with_empty_axes: 1 }), empty([0, 3])],
    ["a sum is 0", reduce("ReduceSum", [0, 2], [0], { keepdims: 0 }), tensor([0, 0])],
    ["a product is 1", reduce("ReduceProd", [0, 2], [0], { keepdims: 0 }), tensor([1, 1])],
    ["the logarithm of a sum is −∞", reduce("ReduceLogSum", [0, 2], [0], { keepdims: 0 }), tensor([-Infinity, -Infinity])],
    ["that of a sum of exponentials, too", reduce("ReduceLogSumExp", [0, 2], [0], { keepdims: 0 }), tensor([-Infinity, -Infinity])],
  ])("%s", async (_, parts, expected) => {
    const shape = parts.inputs![0]!.type!.tensorType!.shape!.dim!.map(({ value: size }) => Number(size!.value));
    expect(await run(parts, { x: empty(shape) })).toEqual({ y: expected });
  }); // prettier-ignore

  it.each<[number, HostTensor["dtype"], number, number]>([
    [DataType.INT8, "i8", -128, 127],
    [DataType.UINT8, "u8", 0, 255],
    [DataType.INT32, "i32", -(2 ** 31), 2 ** 31 - 1],
    [DataType.UINT32, "u32", 0, 2 ** 32 - 1],
    [DataType.BOOL, "bool", 0, 1],
    [DataType.FLOAT16, "f16", -Infinity, Infinity],
    [DataType.DOUBLE, "f64", -Infinity, Infinity],
  ])("are the least and the greatest value of type %i (%s)", async (type, dtype, least, greatest) => {
    for (const [opType, expected] of [["ReduceMax", least], ["ReduceMin", greatest]] as const) {
      const { y } = await run(reduce(opType, [0, 2], [0], { keepdims: 0 }, type), { x: empty([0, 2], dtype) });
      expect(y).toEqual(tensor([expected, expected], [2], dtype));
    }
  }); // prettier-ignore

  it("fill long results by a kernel", async () => {
    const { y } = await run(reduce("ReduceMax", [0, 5000], [0], { keepdims: 0 }), { x: empty([0, 5000]) });
    expect(y).toEqual(tensor(new Float32Array(5000).fill(-Infinity)));
  });

  it("are never a wrong number where 64 bits are needed", async () => {
    const parts = reduce("ReduceMax", [0], [0], { keepdims: 0 }, DataType.INT64);
    const result = await run(parts, { x: empty([0], "i64") }).catch((error: unknown) => String(error));
    if (typeof result === "string") expect(result).toMatch(/-9223372036854775808 does not fit i32/);
    else expect(result).toEqual({ y: tensor([-(2n ** 63n)], []) });
  });
});

describe("BatchNormalization", () => {
  const statistics = (size: number, dims: readonly number[] = [size]) =>
    ["scale", "bias", "mean", "variance"].map((name, at) =>
      floats(
        name,
        dims,
        Array.from({ length: size }, (_, i) => 0.5 + at + i),
      ),
    );
  const names = ["x", "scale", "bias", "mean", "variance"];
  const batch = (
    shape: readonly number[],
    options: Partial<ModelParts> & {
      readonly attributes?: Readonly<Record<string, number>>;
      readonly names?: string[];
    },
  ): ModelParts => ({
    nodes: [node("BatchNormalization", names, options.names ?? ["y"], options.attributes ?? {})],
    inputs: [value("x", shape)],
    outputs: [{ name: "y" }],
    ...options,
  });
  /** Channel c of item i, written out: (x − mean) / √(variance + ε) · scale + bias. */
  const inferred = (x: HostTensor, channelOf: (at: number) => number) =>
    tensor(
      Array.from(x.data as Float32Array, (element, at) => {
        const c = channelOf(at);
        return ((element - (2.5 + c)) / Math.sqrt(3.5 + c + 1e-5)) * (0.5 + c) + (1.5 + c);
      }),
      x.shape,
    );
  const close = (actual: HostTensor, expected: HostTensor): void => {
    expect(actual.shape).toEqual(expected.shape);
    Array.from(actual.data as Float32Array).forEach((element, i) =>
      expect(element).toBeCloseTo((expected.data as Float32Array)[i]!, 4),
    );
  };
  const x = tensor(
    Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
    [2, 3, 4],
  );

  it.each([7, 8, 9, 13])(
    "of operator set %i is inference where all other outputs are left out",
    async (opset) => {
      for (const outputs of [["y"], ["y", ""], ["y", "", ""], ["y", "", "", "", ""]]) {
        const { y } = await run(batch([2, 3, 4], { initializers: statistics(3), opset, names: outputs }), {
          x,
        });
        close(
          y!,
          inferred(x, (at) => Math.floor(at / 4) % 3),
        );
      }
    },
  );

  it.each([["y", "m"], ["y", "", "v"], ["y", "", "", "", "s"]])("is training where another is named: %s %s %s", async (...outputs) => {
    const named = outputs.filter((name) => typeof name === "string" && name !== "").map((name) => ({ name: String(name) }));
    const parts = batch([2, 3, 4], { initializers: statistics(3), opset: 9, names: outputs.map(String), outputs: named });
    const { y } = await run(parts, { x });
    // By batch statistics each channel has the mean that is its bias.
    for (let c = 0; c < 3; c++) {
      const own = Array.from(y!.data as Float32Array).filter((_, at) => Math.floor(at / 4) % 3 === c);
      expect(own.reduce((sum, element) => sum + element, 0) / own.length).toBeCloseTo(1.5 + c, 4);
    }
  }); // prettier-ignore

  it("may have statistics of every position until operator set 8: spatial = 0", async () => {
    const flat = { ...x, shape: [2, 12] };
    const attributes = { spatial: 0 };
    const { y } = await run(batch([2, 12], { initializers: statistics(12), opset: 7, attributes }), {
      x: flat,
    });
    close(
      y!,
      inferred(flat, (at) => at % 12),
    );
    const wide = batch([2, 3, 4], { initializers: statistics(12, [3, 4]), opset: 8, attributes });
    close(
      (await run(wide, { x }))["y"]!,
      inferred(x, (at) => at % 12),
    );
  });

  it("is refused with spatial = 0 where statistics do not fit, in training, and from operator set 9 on", () => {
    const attributes = { spatial: 0 };
    const refused = (parts: ModelParts) => () => traceOnnx(importOnnx(modelBytes(parts)));
    expect(refused(batch([2, 3, 4], { initializers: statistics(3), opset: 7, attributes }))).toThrow(
      /with spatial = 0, scale, bias, mean and variance have the shape \[3,4\] of an item; got \[3\]/,
    );
    expect(refused(batch([2, 3, 4], { initializers: statistics(12), opset: 7, attributes, names: ["y", "m"] }))).toThrow(
      /spatial = 0 is not supported in training/,
    );
    expect(refused(batch([2, 12], { initializers: statistics(12), opset: 9, attributes }))).toThrow(/attribute spatial is not supported/);
  }); // prettier-ignore
});

describe("integers of 64 bits that are known while importing", () => {
  it("are exact in ranges, and as values of constants", async () => {
    const far = 2n ** 60n;
    const scalars = [far + 1n, far + 8n, 3n].map((number, i) => integers(`s${i}`, [number], []));
    const nodes = [
      node("Range", ["s0", "s1", "s2"], ["range"]),
      node("Constant", [], ["one"], { value_int: 2 ** 32 }),
      node("Slice", ["x", "from", "to"], ["y"]),
    ];
    const model = importOnnx(modelBytes({
      nodes,
      initializers: [...scalars, integers("from", [-far]), integers("to", [far])],
      inputs: [value("x", [2])],
      outputs: [{ name: "range" }, { name: "one" }, { name: "y" }],
    })); // prettier-ignore
    // Devices compute with 32 bits: a result that does not fit is refused, not cut.
    const result = await compile(model, { device: "cpu" })
      .then((compiled) => compiled.run<Record<string, HostTensor>>({ x: tensor([1, 2]) }))
      .catch((error: unknown) => String(error));
    if (typeof result === "string")
      expect(result).toMatch(/i64 value 11529215046068469\d\d does not fit i32/);
    else
      expect(result).toEqual({
        range: tensor([far + 1n, far + 4n, far + 7n]),
        one: tensor([2n ** 32n], []),
        y: tensor([1, 2]),
      });
  });

  it("may lie far outside of what they choose by", async () => {
    for (const [k, expected] of [[2n ** 62n, [0, 0, 0, 0]], [-(2n ** 62n), [1, 2, 3, 4]], [1n, [0, 2, 0, 0]]] as const) {
      const { y } = await run(
        { nodes: [node("Trilu", ["x", "k"], ["y"])], initializers: [integers("k", [k], [])], inputs: [value("x", [2, 2])] , outputs: [{ name: "y" }]},
        { x: tensor([1, 2, 3, 4], [2, 2]) },
      );
      expect(y).toEqual(tensor(expected, [2, 2]));
    }
  }); // prettier-ignore
});

describe("ConvTranspose with SAME_UPPER or SAME_LOWER", () => {
  /** Scattered by hand; what a negative amount of padding adds has no window, and is the bias. */
  function scattered(
    x: readonly number[],
    w: readonly number[],
    stride: number,
    before: number,
    bias: number,
  ): number[] {
    const y = new Array<number>(x.length * stride).fill(bias);
    x.forEach((element, i) =>
      w.forEach((weight, k) => {
        const at = i * stride + k - before;
        if (at >= 0 && at < y.length) y[at]! += element * weight;
      }),
    );
    return y;
  }
  const cases = [[1, 2], [2, 3], [1, 3], [2, 5], [3, 2], [2, 2], [4, 1]].flatMap(([kernel, stride]) =>
    (["SAME_UPPER", "SAME_LOWER"] as const).map((autoPad) => [autoPad, kernel!, stride!] as const),
  ); // prettier-ignore

  it.each(cases)(
    "%s has stride results an element: kernel %i, stride %i",
    async (autoPad, kernel, stride) => {
      const w = Array.from({ length: kernel }, (_, k) => k + 1);
      const x = [10, 20, 40];
      const { y } = await run(
        {
          nodes: [node("ConvTranspose", ["x", "w", "b"], ["y"], { auto_pad: autoPad, strides: [stride] })],
          initializers: [floats("w", [1, 1, kernel], w), floats("b", [1], [0.5])],
          inputs: [value("x", [1, 1, 3])],
          outputs: [value("y", [1, 1, 3 * stride])],
        },
        { x: tensor(x, [1, 1, 3]) },
      );
      // total_padding, of which half comes first, rounded down (SAME_UPPER), or the rest of it.
      const total = kernel - stride;
      const before = autoPad === "SAME_UPPER" ? Math.floor(total / 2) : total - Math.floor(total / 2);
      expect(y).toEqual(tensor(scattered(x, w, stride, before, 0.5), [1, 1, 3 * stride]));
    },
  );
});
