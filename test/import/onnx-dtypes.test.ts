/** Dtypes at the border of an imported model: what goes in, what comes out, and what f16 weights take on a device. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, type DeviceTensor, type HostTensor } from "../../src/index.ts";
import type { HostDType } from "../../src/ir/dtype.ts";
import { decodeHalves, encodeHalves, halfToNumber } from "../../src/ir/half.ts";
import type { Parameter } from "../../src/ir/stored-tensor.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { roundedToHalf } from "../recordings/rounded-to-half.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { floats, modelBytes, node, value, type ModelParts } from "./onnx/build-model.ts";

/** ONNX type, dtype, an array of it, and the array of results of the identity. */
const types: readonly (readonly [keyof typeof DataType, HostDType, HostTensor["data"]])[] = [
  ["FLOAT", "f32", Float32Array.of(1.5, -2, 3e38)],
  ["DOUBLE", "f64", Float64Array.of(1.5, -2, 2 ** 100)],
  ["FLOAT16", "f16", encodeHalves([1.5, -2, 65504])],
  ["INT8", "i8", Int8Array.of(-128, 0, 127)],
  ["UINT8", "u8", Uint8Array.of(0, 128, 255)],
  ["INT16", "i16", Int16Array.of(-32768, 0, 32767)],
  ["UINT16", "u16", Uint16Array.of(0, 1, 65535)],
  ["INT32", "i32", Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)],
  ["UINT32", "u32", Uint32Array.of(0, 1, 2 ** 32 - 1)],
  ["INT64", "i64", BigInt64Array.of(-(2n ** 31n), 0n, 2n ** 31n - 1n)],
  ["UINT64", "u64", BigUint64Array.of(0n, 1n, 2n ** 32n - 1n)],
  ["BOOL", "bool", Uint8Array.of(0, 1, 1)],
];

/** y = x, of one type. */
function identity(type: keyof typeof DataType): Uint8Array {
  return modelBytes({
    nodes: [node("Identity", ["x"], ["y"])],
    inputs: [value("x", [3], DataType[type])],
    outputs: [value("y", [3], DataType[type])],
  });
}

/** y = Cast(x). */
function cast(from: keyof typeof DataType, to: keyof typeof DataType, count: number): Uint8Array {
  return modelBytes({
    nodes: [node("Cast", ["x"], ["y"], { to: DataType[to] })],
    inputs: [value("x", [count], DataType[from])],
    outputs: [value("y", [count], DataType[to])],
  });
}

/** What NumPy's `astype` made of these. */
const integers = [0, 1, 127, 128, 255, 256, 257, -1, -128, -129, -256, 32767, 32768, 65535, 65536, 70000, -32768, -32769, 2147483647, -2147483648]; // prettier-ignore
const fractions = [0.9, -0.9, 1.5, -1.5, 127.9, 128.5, -128.9, 255.99, 256, 300.7, -1, -200.2, 40000, 70000.5, -40000.5]; // prettier-ignore
const narrowed = {
  UINT8: {
    integers: [0, 1, 127, 128, 255, 0, 1, 255, 128, 127, 0, 255, 0, 255, 0, 112, 0, 255, 255, 0],
    fractions: [0, 0, 1, 255, 127, 128, 128, 255, 0, 44, 255, 56, 64, 112, 192],
  },
  INT8: {
    integers: [0, 1, 127, -128, -1, 0, 1, -1, -128, 127, 0, -1, 0, -1, 0, 112, 0, -1, -1, 0],
    fractions: [0, 0, 1, -1, 127, -128, -128, -1, 0, 44, -1, 56, 64, 112, -64],
  },
  UINT16: {
    integers: [0, 1, 127, 128, 255, 256, 257, 65535, 65408, 65407, 65280, 32767, 32768, 65535, 0, 4464, 32768, 32767, 65535, 0],
    fractions: [0, 0, 1, 65535, 127, 128, 65408, 255, 256, 300, 65535, 65336, 40000, 4464, 25536],
  },
  INT16: {
    integers: [0, 1, 127, 128, 255, 256, 257, -1, -128, -129, -256, 32767, -32768, -1, 0, 4464, -32768, 32767, -1, 0],
    fractions: [0, 0, 1, -1, 127, 128, -128, 255, 256, 300, -1, -200, -25536, 4464, 25536],
  },
} as const; // prettier-ignore

/** Weights of a conv and a bias of an odd number of elements, as f16. */
const conv = { weight: [5, 3, 3, 3], bias: [5] } as const;

function halves(name: string, dims: readonly number[], bits: Uint16Array) {
  const rawData = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  return { name, dims: dims.map(BigInt), dataType: DataType.FLOAT16, rawData };
}

function randomHalves(count: number, seed: number): Uint16Array {
  const random = seededRandom(seed);
  return encodeHalves(Float32Array.from({ length: count }, () => random() - 0.5));
}

/** logits = relu(conv(image)) · fc, with all weights f16, or decoded to f32 in the file. */
function network(isHalf: boolean): { bytes: Uint8Array; parts: ModelParts } {
  const weights = [
    ["conv.weight", conv.weight, randomHalves(135, 1)],
    ["conv.bias", conv.bias, randomHalves(5, 2)],
    ["fc", [5, 1001], randomHalves(5005, 3)],
    ["scale", [1001], randomHalves(1001, 4)],
  ] as const;
  const type = isHalf ? DataType.FLOAT16 : DataType.FLOAT;
  const parts: ModelParts = {
    nodes: [
      node("Conv", ["image", "conv.weight", "conv.bias"], ["c"], { pads: [1, 1, 1, 1] }),
      node("Relu", ["c"], ["r"]),
      node("GlobalAveragePool", ["r"], ["p"]),
      node("Flatten", ["p"], ["f"]),
      node("MatMul", ["f", "fc"], ["m"]),
      node("Mul", ["m", "scale"], ["logits"]),
    ],
    inputs: [value("image", [2, 3, 6, 6], type)],
    outputs: [value("logits", [2, 1001], type)],
    initializers: weights.map(([name, dims, bits]) =>
      isHalf ? halves(name, dims, bits) : floats(name, dims, [...decodeHalves(bits)]),
    ),
  };
  return { bytes: modelBytes(parts), parts };
}

describe("declared dtypes", () => {
  it.each(types)("%s is reported as %s", (type, dtype) => {
    const model = importOnnx(identity(type));
    expect(model.inputs[0]!.dtype).toBe(dtype);
    expect(model.outputs[0]!.dtype).toBe(dtype);
  });
});

describe("f32 weights in a file", () => {
  it.each([0, 1, 2, 3])("stay in the file's own memory, wherever they lie (%d bytes further)", (shift) => {
    const numbers = Float32Array.of(1.5, -2, 3e38);
    const name = `w${"_".repeat(shift)}`;
    const bytes = modelBytes({
      nodes: [node("Add", ["x", name], ["y"])],
      inputs: [value("x", [3])],
      outputs: [value("y", [3])],
      initializers: [{ name, dims: [3n], dataType: DataType.FLOAT, rawData: new Uint8Array(numbers.buffer) }],
    });
    const model = importOnnx(bytes);
    const [[, parameter]] = [...model.namedState()] as [[string, Parameter]];
    expect(parameter.contents.read().buffer).toBe(bytes.buffer);
    expect(parameter.value).toEqual(tensor(numbers));
    expect(model.initializers.get(name)!.value).toEqual(tensor(numbers));
    parameter.assign(tensor([4, 5, 6]));
    expect(parameter.value).toEqual(tensor([4, 5, 6]));
    expect(importOnnx(bytes).initializers.get(name)!.value).toEqual(tensor(numbers));
  });
});

describe("f16 weights in a file", () => {
  it("are kept as 16 bits, in the file's own memory", () => {
    const { bytes } = network(true);
    const parameters = new Map(importOnnx(bytes).namedState());
    expect([...parameters.keys()]).toEqual(["conv.weight", "conv.bias", "fc", "scale"]);
    for (const parameter of parameters.values()) {
      expect(parameter.dtype).toBe("f16");
      expect(parameter.contents.read().buffer).toBe(bytes.buffer);
    }
    expect(parameters.get("fc")!.value).toEqual({
      dtype: "f16",
      shape: [5, 1001],
      data: randomHalves(5005, 3),
    });
  });
});

for (const kind of testedDevices) {
  describe(`dtypes on ${kind}`, () => {
    const device = lazyDevice(kind);
    const run = async (bytes: Uint8Array, x: HostTensor): Promise<HostTensor> => {
      await using compiled = await compile(importOnnx(bytes), { device: await device() });
      return (await compiled.run<{ y: HostTensor }>({ x })).y;
    };

    it.each(types)("%s goes in and comes out as %s", async (type, dtype, data) => {
      const x = { dtype, shape: [3], data } as HostTensor;
      expect(await run(identity(type), x)).toEqual(x);
    });

    it("are declared of results that stay on the device, too", async () => {
      await using compiled = await compile(importOnnx(identity("INT64")), { device: await device() });
      const x = tensor([1n, -2n, 3n], [3], "i64");
      const { y } = await compiled.run<{ y: DeviceTensor }>({ x }, { keepOnDevice: true });
      expect(y.dtype).toBe("i64");
      expect(await y.read()).toEqual(x);
      expect((await compiled.run<{ y: HostTensor }>({ x: y })).y).toEqual(x);
      y.dispose();
    });

    it("of inputs may be wider, where the values fit", async () => {
      expect(await run(identity("UINT8"), tensor([0, 7, 255], [3], "i32"))).toEqual(
        tensor([0, 7, 255], [3], "u8"),
      );
      expect(await run(identity("FLOAT16"), tensor([0.1, 2049, 1e6]))).toEqual(
        tensor([0.1, 2049, 1e6], [3], "f16"),
      );
      expect(await run(identity("INT64"), tensor([1, 2, 3], [3], "i32"))).toEqual(
        tensor([1, 2, 3], [3], "i64"),
      );
    });

    it.each([
      ["i32 values that are no u8", identity("UINT8"), tensor([0, 256, 1], [3], "i32"), /input 'x' holds 256, but the model takes u8, 0 to 255/],
      ["i64 values that are no i32", identity("INT64"), tensor([2n ** 31n, 0n, 0n]), /the i64 value 2147483648 does not fit i32/],
      ["u64 values that are no u32", identity("UINT64"), tensor([2n ** 32n, 0n, 0n], [3], "u64"), /the u64 value 4294967296 does not fit u32/],
      ["f64 values that are no f32", identity("DOUBLE"), tensor(Float64Array.of(0, 1e300, Infinity)), /the f64 value 1e\+300 does not fit f32/],
      ["floats for integers", identity("INT16"), tensor([1, 2, 3]), /is f32\[3\], but the network was compiled for i16\[3\]/],
    ] as const)("refuse %s", async (_, bytes, x, message) => {
      await expect(run(bytes, x)).rejects.toMatchObject({ code: "dtype", message: expect.stringMatching(message) });
    }); // prettier-ignore

    it("rounds a cast to f16 as NumPy does", async () => {
      const numbers = Float32Array.from(roundedToHalf, ([number]) => number);
      // Subnormal f32 may be flushed; of f16 none is.
      const rounded = await run(cast("FLOAT", "FLOAT16", numbers.length), tensor(numbers));
      const expected = Uint16Array.from(roundedToHalf, ([, bits]) => bits);
      expect([...(rounded.data as Uint16Array)].map(unsignedZero)).toEqual([...expected].map(unsignedZero));
    });

    it("keeps what a cast to f16 rounded away rounded away inside the graph", async () => {
      const bytes = modelBytes({
        nodes: [
          node("Cast", ["x"], ["h"], { to: DataType.FLOAT16 }),
          node("Cast", ["h"], ["f"], { to: DataType.FLOAT }),
          node("Sub", ["x", "f"], ["y"]),
        ],
        inputs: [value("x", [3])],
        outputs: [value("y", [3])],
      });
      const { data } = await run(bytes, tensor([2049, 0.5, 1 + 2 ** -10 + 2 ** -12]));
      expect([...data]).toEqual([1, 0, 2 ** -12]);
    });

    it.each(Object.entries(narrowed))("wraps a cast to %s as NumPy does", async (type, expected) => {
      const to = type as keyof typeof narrowed;
      const x = tensor(integers, [integers.length], "i32");
      expect([...(await run(cast("INT32", to, integers.length), x)).data]).toEqual(expected.integers);
      const y = tensor(fractions);
      expect([...(await run(cast("FLOAT", to, fractions.length), y)).data]).toEqual(expected.fractions);
    });

    it("computes with f16 weights as with the same weights in f32, from half the bytes", async () => {
      const random = seededRandom(9);
      const image = tensor(Float32Array.from({ length: 216 }, () => random()), [2, 3, 6, 6]); // prettier-ignore
      await using half = await compile(importOnnx(network(true).bytes), { device: await device() });
      await using full = await compile(importOnnx(network(false).bytes), { device: await device() });
      const { logits } = await half.run<{ logits: HostTensor<"f16"> }>({ image });
      const expected = (await full.run<{ logits: HostTensor<"f32"> }>({ image })).logits;
      expect(logits.dtype).toBe("f16");
      const decoded = { dtype: "f32", shape: logits.shape, data: decodeHalves(logits.data) } as const;
      expect(relativeError(decoded, expected)).toBeLessThan(2 ** -10);
      const sizeOf = ({ executable }: typeof half) =>
        executable.parameters.reduce((sum, { buffer }) => sum + executable.buffers[buffer]!.sizeBytes, 0);
      // Small ones are decoded on the host; an odd number of elements leaves half a word.
      const small = 4 * (135 + 5 + 1001);
      expect(sizeOf(half)).toBe(small + 2 * 5006);
      expect(sizeOf(full)).toBe(small + 4 * 5005);
    });

    it("decodes every f16 that there is", async () => {
      const bits = Uint16Array.from({ length: 2 ** 16 - 1 }, (_, i) => i);
      const bytes = modelBytes({
        nodes: [node("Mul", ["w", "x"], ["y"])],
        inputs: [value("x", [1])],
        outputs: [value("y", [bits.length])],
        initializers: [halves("w", [bits.length], bits)],
      });
      const { data } = await run(bytes, tensor([1]));
      bits.forEach((pattern, i) => {
        const expected = halfToNumber(pattern);
        const isRight = Number.isNaN(expected) ? Number.isNaN(data[i]) : data[i] === expected;
        if (!isRight && !(kind === "webgpu" && !Number.isFinite(expected)))
          expect.fail(`${pattern} became ${data[i]}, expected ${expected}`);
      });
    });

    it("takes new values for f16 weights, rounded to f16, and gives them as f16", async () => {
      const model = importOnnx(network(true).bytes);
      await using compiled = await compile(model, { device: await device() });
      const image = tensor(new Float32Array(216).fill(1), [2, 3, 6, 6]);
      const before = (await compiled.run<{ logits: HostTensor<"f16"> }>({ image })).logits;
      const scale = new Map(model.namedState()).get("scale")!;
      const doubled = Float32Array.from(
        decodeHalves(scale.value.data as Uint16Array),
        (x) => 2 * x * (1 + 2 ** -14),
      );
      scale.assign(tensor(doubled));
      const after = (await compiled.run<{ logits: HostTensor<"f16"> }>({ image })).logits;
      const [old, now] = [decodeHalves(before.data), decodeHalves(after.data)];
      expect(relativeError(tensor(now), tensor(old.map((x) => 2 * x)))).toBeLessThan(2 ** -10);
      const state = await compiled.stateDict();
      expect(state["scale"]).toEqual({ dtype: "f16", shape: [1001], data: encodeHalves(doubled) });
      expect(state["fc"]).toEqual({ dtype: "f16", shape: [5, 1001], data: randomHalves(5005, 3) });
    });
  });
}

/** Devices may drop the sign of a zero. */
function unsignedZero(bits: number): number {
  return bits === 0x8000 ? 0 : bits;
}
