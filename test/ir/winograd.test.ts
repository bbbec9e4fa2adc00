/** The steps of a Winograd convolution, joined, are the convolution; and a packed batched product is the plain one. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { inputSide, kronecker, winogradMatrices, type WinogradTile } from "../../src/ir/winograd.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { relativeError } from "../recordings/compare.ts";

const tiles: readonly WinogradTile[] = [2, 4];

describe("the matrices of F(m×m, 3×3)", () => {
  it.each(tiles)("filter one dimension exactly, m = %d", (m) => {
    const { input, weight, output } = winogradMatrices[m];
    const random = seededRandom(m);
    const [d, g] = [inputSide(m), 3].map((size) => Array.from({ length: size }, () => random() - 0.5));
    const times = (matrix: readonly (readonly number[])[], vector: readonly number[]) =>
      matrix.map((row) => row.reduce((sum, x, i) => sum + x * vector[i]!, 0));
    const transformed = times(input, d!);
    const actual = times(
      output,
      times(weight, g!).map((x, i) => x * transformed[i]!),
    );
    for (let i = 0; i < m; i++) {
      const expected = d![i]! * g![0]! + d![i + 1]! * g![1]! + d![i + 2]! * g![2]!;
      expect(actual[i]).toBeCloseTo(expected, 12);
    }
  });
});

function random(shape: readonly number[], seed: number): HostTensor {
  const next = seededRandom(seed);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { dtype: "f32", shape, data: Float32Array.from({ length: size }, () => 2 * next() - 1) };
}

/** `[O, C, 3, 3]` → `[(m+2)², 1, C, O]`. */
function transformed(weight: HostTensor, m: WinogradTile): HostTensor {
  const [outputs, channels] = weight.shape as [number, number];
  const matrix = kronecker(winogradMatrices[m].weight);
  const data = matrix.flatMap((row) =>
    Array.from({ length: channels * outputs }, (_, i) => {
      const [c, o] = [Math.floor(i / outputs), i % outputs];
      return row.reduce((sum, x, k) => sum + x * Number(weight.data[(o * channels + c) * 9 + k]), 0);
    }),
  );
  return { dtype: "f32", shape: [matrix.length, 1, channels, outputs], data: Float32Array.from(data) };
}

describe("winograd_input × weight → winograd_output", () => {
  it.each(tiles)("is the convolution, for any size, padding and block of tiles, m = %d", (m) => {
    const amount = fc.integer({ min: 0, max: 2 });
    const sizes = fc.record({
      batch: fc.integer({ min: 1, max: 2 }),
      height: fc.integer({ min: 3, max: 11 }),
      width: fc.integer({ min: 3, max: 11 }),
      pads: fc.tuple(amount, amount, amount, amount),
      rows: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(sizes, ({ batch, height, width, pads: [top, bottom, left, right], rows }) => {
        const [h, w] = [height + top + bottom - 2, width + left + right - 2];
        const blocks = Math.ceil((batch * Math.ceil(h / m) * Math.ceil(w / m)) / rows);
        const squares = inputSide(m) ** 2;
        const padding = `padding=[[${top},${bottom}],[${left},${right}]]`;
        const graph =
          parseGraph(`graph g(%x: input "x" f32[${batch},2,${height},${width}], %w: input "w" f32[3,2,3,3], %u: input "u" f32[${squares},1,2,3]) {
          %v = winograd_input(%x) {tile=${m}, ${padding}, rows=${rows}} : f32[${squares},${blocks},${rows},2]
          %p = matmul(%v, %u) {packing=null} : f32[${squares},${blocks},${rows},3]
          %y = winograd_output(%p) {tile=${m}, batch=${batch}, size=[${h},${w}]} : f32[${batch},3,${h},${w}]
          %z = conv(%x, %w) {stride=[1,1], ${padding}, dilation=[1,1], kernel=[3,3], groups=1, packing=null} : f32[${batch},3,${h},${w}]
          return "y" %y
          return "z" %z
        }`);
        const weight = random([3, 2, 3, 3], height);
        const x = random([batch, 2, height, width], width);
        const { y, z } = evaluate(graph, { x, w: weight, u: transformed(weight, m) });
        expect(relativeError(y!, z!)).toBeLessThanOrEqual(1e-5);
      }),
      { numRuns: 60 },
    );
  });
});

describe("matmul with packed right operands, one a batch", () => {
  it("is the product with the unpacked ones", () => {
    const graph =
      parseGraph(`graph g(%a: input "a" f32[2,3,4,5], %p: input "p" f32[2,1,2,5,4], %b: input "b" f32[2,1,5,7]) {
      %y = matmul(%a, %p) {packing={block=4, columns=7}} : f32[2,3,4,7]
      %z = matmul(%a, %b) {packing=null} : f32[2,3,4,7]
      return "y" %y
      return "z" %z
    }`);
    const b = random([2, 1, 5, 7], 1);
    const packed = new Float32Array(2 * 2 * 5 * 4);
    for (let batch = 0; batch < 2; batch++)
      for (let k = 0; k < 5; k++)
        for (let n = 0; n < 7; n++)
          packed[((batch * 2 + (n >> 2)) * 5 + k) * 4 + (n & 3)] = Number(b.data[(batch * 5 + k) * 7 + n]);
    const p: HostTensor = { dtype: "f32", shape: [2, 1, 2, 5, 4], data: packed };
    const { y, z } = evaluate(graph, { a: random([2, 3, 4, 5], 2), p, b });
    expect(y).toEqual(z);
  });
});
