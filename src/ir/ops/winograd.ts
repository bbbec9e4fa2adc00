/**
 * The two ends of a Winograd convolution (`ir/winograd.ts`); between them lies a batched matrix product.
 *
 *     winograd_input   x [N, C, H, W]                       → [(m+2)², blocks, rows, C]
 *     winograd_output  products [(m+2)², blocks, rows, O]   → [N, O, …size]
 *
 * Tiles are numbered image by image, row by row, and cut into blocks of `rows`: the rows of one matrix. Tiles
 * at the far edges reach past the image; what they read there is zero, and what they compute there is dropped.
 * So are rows past the last tile.
 */
import { UserError } from "../../errors.ts";
import { elementCount } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { inputSide, kronecker, winogradMatrices, type WinogradTile } from "../winograd.ts";
import { expectDType, expectInteger, expectOperands } from "./check.ts";
import type { OpFamily } from "./op.ts";

export interface WinogradInputAttributes {
  readonly tile: WinogradTile;
  /** Zeros before and after, in each spatial dimension. */
  readonly padding: readonly (readonly [number, number])[];
  /** Tiles in a block. */
  readonly rows: number;
}

export interface WinogradOutputAttributes {
  readonly tile: WinogradTile;
  /** Images the tiles belong to. */
  readonly batch: number;
  /** Height and width of the result. */
  readonly size: readonly number[];
}

export interface WinogradOps {
  winograd_input: WinogradInputAttributes;
  winograd_output: WinogradOutputAttributes;
}

/** Height and width of the convolution's result. */
export function winogradSize(
  shape: readonly number[],
  padding: WinogradInputAttributes["padding"],
): number[] {
  return shape.slice(2).map((size, axis) => size + padding[axis]![0] + padding[axis]![1] - 2);
}

/** Tiles down and across one image. */
export function tileCounts(size: readonly number[], tile: WinogradTile): [number, number] {
  return [Math.ceil(size[0]! / tile), Math.ceil(size[1]! / tile)];
}

export const winogradOps: OpFamily<WinogradOps> = {
  winograd_input: {
    kind: "window",
    vjp: "none",
    infer(operands, { tile, padding, rows }) {
      expectOperands("winograd_input", operands, 1);
      const [x] = operands as [TensorType];
      expectDType("winograd_input", x, ["f32"], "input");
      checkTile("winograd_input", tile);
      expectInteger("winograd_input", "rows", rows, 1);
      const isImage = x.shape.length === 4 && padding.length === 2;
      const size = isImage ? winogradSize(x.shape, padding) : [];
      if (!isImage || size.some((extent) => extent < 1)) {
        throw new UserError(
          "shape",
          `winograd_input: input is ${formatType(x)}; expected [N, C, H, W] with at least three rows and columns, padding included.`,
        );
      }
      const [down, across] = tileCounts(size, tile);
      const blocks = Math.ceil((x.shape[0]! * down * across) / rows);
      return [tensorType("f32", [inputSide(tile) ** 2, blocks, rows, x.shape[1]!])];
    },
    evaluate: ([x], { tile, padding }, [type]) => {
      const [, blocks, rows, channels] = type!.shape as [number, number, number, number];
      const places = blocks * rows;
      const [batch, , height, width] = x!.shape as [number, number, number, number];
      const [down, across] = tileCounts(winogradSize(x!.shape, padding), tile);
      const side = inputSide(tile);
      const transform = kronecker(winogradMatrices[tile].input);
      const data = new Float32Array(elementCount(type!.shape));
      const patch = new Float64Array(side * side);
      for (let t = 0; t < batch * down * across; t++) {
        const n = Math.floor(t / (down * across));
        const top = (Math.floor(t / across) % down) * tile - padding[0]![0];
        const left = (t % across) * tile - padding[1]![0];
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < side * side; i++) {
            const [h, w] = [top + Math.floor(i / side), left + (i % side)];
            const inside = h >= 0 && h < height && w >= 0 && w < width;
            patch[i] = inside ? Number(x!.data[((n * channels + c) * height + h) * width + w]) : 0;
          }
          transform.forEach((row, i) => {
            data[(i * places + t) * channels + c] = dot(row, patch);
          });
        }
      }
      return [{ dtype: "f32", shape: type!.shape, data }];
    },
  },
  winograd_output: {
    kind: "window",
    vjp: "none",
    infer(operands, { tile, batch, size }) {
      expectOperands("winograd_output", operands, 1);
      const [products] = operands as [TensorType];
      expectDType("winograd_output", products, ["f32"], "input");
      checkTile("winograd_output", tile);
      const [down, across] = tileCounts(size, tile);
      const tiles = batch * down * across;
      const [squares, blocks = 0, rows = 0, channels = 0] = products.shape;
      const fits = squares === inputSide(tile) ** 2 && blocks === Math.ceil(tiles / rows);
      if (products.shape.length !== 4 || !fits) {
        throw new UserError(
          "shape",
          `winograd_output: input is ${formatType(products)}; expected [${inputSide(tile) ** 2}, blocks, rows, channels] with ${tiles} tiles in all blocks.`,
        );
      }
      return [tensorType("f32", [batch, channels, ...size])];
    },
    evaluate: ([products], { tile, batch, size }, [type]) => {
      const [, blocks, rows, channels] = products!.shape as [number, number, number, number];
      const places = blocks * rows;
      const [height, width] = size as [number, number];
      const [down, across] = tileCounts(size, tile);
      const transform = kronecker(winogradMatrices[tile].output);
      const data = new Float32Array(elementCount(type!.shape));
      const values = new Float64Array(products!.shape[0]!);
      for (let t = 0; t < batch * down * across; t++) {
        const n = Math.floor(t / (down * across));
        const top = (Math.floor(t / across) % down) * tile;
        const left = (t % across) * tile;
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < values.length; i++) {
            values[i] = Number(products!.data[(i * places + t) * channels + c]);
          }
          transform.forEach((row, i) => {
            const [h, w] = [top + Math.floor(i / tile), left + (i % tile)];
            if (h < height && w < width)
              data[((n * channels + c) * height + h) * width + w] = dot(row, values);
          });
        }
      }
      return [{ dtype: "f32", shape: type!.shape, data }];
    },
  },
};

function checkTile(op: string, tile: number): void {
  if (tile !== 2 && tile !== 4)
    throw new UserError("argument", `${op}: tile is ${tile}; expected 2 or 4 outputs along a side.`);
}

function dot(row: readonly number[], values: Float64Array): number {
  return row.reduce((sum, factor, i) => sum + factor * values[i]!, 0);
}
