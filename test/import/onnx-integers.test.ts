/** Convolutions and products of bytes are exact on every device, however large their sums become. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, type HostTensor } from "../../src/index.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { modelBytes, node, value } from "./onnx/build-model.ts";

interface Sample {
  readonly channels: number;
  readonly outputs: number;
  readonly groups?: number;
  /** Least and greatest byte of the weight, which is u8. */
  readonly weights: readonly [number, number];
  /** Zero points of the weight, one for all or one an output; input bytes are centred around 0 or 255. */
  readonly zeros: readonly number[];
  readonly inputZero: number;
}

/** By how large the sums may be: one convolution; two digits by what is known; three; and per-output zero points. */
const samples: Readonly<Record<string, Sample>> = {
  small: { channels: 4, outputs: 5, weights: [100, 160], zeros: [128], inputZero: 3 },
  large: { channels: 40, outputs: 6, weights: [0, 255], zeros: [0], inputZero: 0 },
  largest: { channels: 600, outputs: 2, weights: [250, 255], zeros: [0], inputZero: 255 },
  outputs: { channels: 30, outputs: 3, weights: [0, 255], zeros: [0, 255, 9], inputZero: 200 },
  groups: { channels: 32, outputs: 4, groups: 2, weights: [0, 255], zeros: [17], inputZero: 128 },
};
const side = 4;

function bytesOf({ channels, outputs, groups = 1, weights, inputZero }: Sample) {
  const next = seededRandom(1);
  const [least, most] = weights;
  const input = inputZero === 255 ? () => Math.floor(next() * 9) : () => Math.floor(next() * 256);
  return {
    x: Uint8Array.from({ length: channels * side * side }, input),
    w: Uint8Array.from(
      { length: ((outputs * channels) / groups) * 9 },
      () => least + Math.floor(next() * (most - least + 1)),
    ),
  };
}

function convolved(
  { channels, outputs, groups = 1, zeros, inputZero }: Sample,
  x: Uint8Array,
  w: Uint8Array,
) {
  const [inGroup, outGroup] = [channels / groups, outputs / groups];
  const result: number[] = [];
  for (let o = 0; o < outputs; o++)
    for (let h = 0; h < side; h++)
      for (let v = 0; v < side; v++) {
        let sum = 0;
        for (let c = 0; c < inGroup; c++)
          for (let i = 0; i < 9; i++) {
            const [row, column] = [h + Math.floor(i / 3) - 1, v + (i % 3) - 1];
            if (row < 0 || column < 0 || row >= side || column >= side) continue;
            const channel = Math.floor(o / outGroup) * inGroup + c;
            const left = x[(channel * side + row) * side + column]! - inputZero;
            sum += left * (w[(o * inGroup + c) * 9 + i]! - zeros[zeros.length === 1 ? 0 : o]!);
          }
        result.push(sum);
      }
  return result;
}

const byte = (name: string, dims: readonly number[], data: Uint8Array) => ({
  name,
  dims: dims.map(BigInt),
  dataType: DataType.UINT8,
  rawData: data,
});

/** @param known the weight is in the file, else an input */
function convModel(sample: Sample, w: Uint8Array, known: boolean): Uint8Array {
  const { channels, outputs, groups = 1, zeros, inputZero } = sample;
  const shape = [outputs, channels / groups, 3, 3];
  return modelBytes({
    nodes: [node("ConvInteger", ["x", "w", "xz", "wz"], ["y"], { pads: [1, 1, 1, 1], group: groups })],
    inputs: [
      value("x", [1, channels, side, side], DataType.UINT8),
      ...(known ? [] : [value("w", shape, DataType.UINT8)]),
    ],
    outputs: [value("y", [1, outputs, side, side], DataType.INT32)],
    initializers: [
      ...(known ? [byte("w", shape, w)] : []),
      byte("xz", [], Uint8Array.of(inputZero)),
      byte("wz", zeros.length === 1 ? [] : [zeros.length], Uint8Array.from(zeros)),
    ],
  });
}

for (const kind of testedDevices) {
  describe(`bytes on ${kind}`, () => {
    const device = lazyDevice(kind);
    const run = async (bytes: Uint8Array, inputs: Readonly<Record<string, HostTensor>>) => {
      await using compiled = await compile(importOnnx(bytes), { device: await device() });
      const results = (await compiled.run(inputs)) as HostTensor | Readonly<Record<string, HostTensor>>;
      const { data } = "data" in results ? (results as HostTensor) : results["y"]!;
      return Array.from(data as ArrayLike<number | bigint>, Number);
    };

    it.each(Object.entries(samples))("a convolution with %s sums is exact", async (_, sample) => {
      const { x, w } = bytesOf(sample);
      const { channels, outputs, groups = 1 } = sample;
      const image = tensor(x, [1, channels, side, side], "u8");
      const expected = convolved(sample, x, w);
      expect(await run(convModel(sample, w, true), { x: image })).toEqual(expected);
      const weight = tensor(w, [outputs, channels / groups, 3, 3], "u8");
      expect(await run(convModel(sample, w, false), { x: image, w: weight })).toEqual(expected);
    });

    it("a product of matrices is exact, with a zero point a column", async () => {
      const [rows, inner, columns] = [3, 700, 5];
      const next = seededRandom(1);
      const random = (length: number) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
      const [a, b, zeros] = [random(rows * inner), random(inner * columns), random(columns)];
      const model = modelBytes({
        nodes: [node("MatMulInteger", ["a", "b", "", "bz"], ["y"])],
        inputs: [value("a", [rows, inner], DataType.UINT8)],
        outputs: [value("y", [rows, columns], DataType.INT32)],
        initializers: [byte("b", [inner, columns], b), byte("bz", [columns], zeros)],
      });
      const expected = Array.from({ length: rows * columns }, (_, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        let sum = 0;
        for (let k = 0; k < inner; k++)
          sum += a[row * inner + k]! * (b[k * columns + column]! - zeros[column]!);
        return sum;
      });
      expect(await run(model, { a: tensor(a, [rows, inner], "u8") })).toEqual(expected);
    });
  });
}
