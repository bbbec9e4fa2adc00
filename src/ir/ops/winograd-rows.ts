/**
 * A 3×3 convolution by Winograd's method along rows alone, F(m, 3) for each row of the kernel: between the
 * direct method and the square tiles of `winograd.ts` in multiplications and in the size of the weight, which
 * is (m+2)/3 times as large.
 */
import type { HostTensor } from "../host-tensor.ts";
import { elementCount } from "../shape.ts";
import { inputSide, winogradMatrices } from "../winograd.ts";
import type { ConvAttributes } from "./conv.ts";
import { unpack, type Packing } from "./packing.ts";
import { winogradSize } from "./winograd.ts";

/** The convolution of `x` [N, C, H, W] with a packed weight that was transformed: [blocks, m+2, 3, C, block]. */
export function convolveRows(
  x: HostTensor,
  weight: HostTensor,
  { padding }: ConvAttributes,
  packing: Packing,
): HostTensor {
  const tile = packing.winogradRows!;
  const matrices = winogradMatrices[tile];
  const side = inputSide(tile);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [down, across] = winogradSize(x.shape, padding) as [number, number];
  const [[top], [left]] = padding as [readonly [number, number], readonly [number, number]];
  const outputs = packing.columns;
  const unpacked = unpack(weight, packing).data as Float32Array;
  const shape = [batch, outputs, down, across];
  const data = new Float32Array(elementCount(shape));
  const at = (n: number, c: number, h: number, w: number): number =>
    h >= 0 && h < height && w >= 0 && w < width
      ? Number(x.data[((n * channels + c) * height + h) * width + w])
      : 0;
  const dot = (row: readonly number[], values: Float64Array): number =>
    row.reduce((sum, factor, i) => sum + factor * values[i]!, 0);
  const inputs = new Float64Array(side);
  for (let n = 0; n < batch; n++)
    for (let h = 0; h < down; h++)
      for (let first = 0; first < across; first += tile) {
        const products = Array.from({ length: outputs }, () => new Float64Array(side));
        for (let k = 0; k < 3; k++)
          for (let c = 0; c < channels; c++) {
            for (let i = 0; i < side; i++) inputs[i] = at(n, c, h + k - top, first + i - left);
            const transformed = matrices.input.map((row) => dot(row, inputs));
            for (let o = 0; o < outputs; o++)
              for (let j = 0; j < side; j++)
                products[o]![j]! += transformed[j]! * unpacked[((o * side + j) * 3 + k) * channels + c]!;
          }
        for (let o = 0; o < outputs; o++)
          matrices.output.forEach((row, i) => {
            if (first + i < across)
              data[((n * outputs + o) * down + h) * across + first + i] = dot(row, products[o]!);
          });
      }
  return { dtype: "f32", shape, data };
}
