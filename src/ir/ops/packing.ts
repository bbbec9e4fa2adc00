/**
 * Packed weights: the columns (output channels) of a weight cut into blocks of `block`, the block innermost,
 * the last one filled with zeros. `[columns, …rows]` becomes `[⌈columns / block⌉, …rows, block]`, so that a
 * kernel reads one vector of neighbouring output channels with one load.
 */
import { allocateArray } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import type { WinogradTile } from "../winograd.ts";
import { elementCount, type Shape } from "../shape.ts";

export interface Packing {
  readonly block: number;
  /** Output channels before rounding up to whole blocks. */
  readonly columns: number;
  /** The weight of a 3×3 convolution is transformed for tiles of this size: `[⌈columns / block⌉, (tile + 2)², C, block]`. */
  readonly winograd?: WinogradTile;
  /** It will be, by the kernel: `[⌈columns / block⌉, C, 3, 3, block]`. */
  readonly untransformed?: boolean;
  /** It is transformed along its rows alone, for so many outputs: `[⌈columns / block⌉, tile + 2, 3, C, block]`. */
  readonly winogradRows?: WinogradTile;
  /** At most so many rows of results share a load of the weight, where that was measured; schedules know otherwise. */
  readonly rows?: number;
}

/** Whether the convolution that reads the weight is computed by Winograd's method. */
export function isByWinograd({ winograd, winogradRows }: Packing): boolean {
  return winograd !== undefined || winogradRows !== undefined;
}

export function packedShape(rows: Shape, packing: Packing): number[] {
  return [Math.ceil(packing.columns / packing.block), ...rows, packing.block];
}

/** The weight before packing, `[columns, …rows]`. */
export function unpack(packed: HostTensor, packing: Packing): HostTensor {
  const rows = packed.shape.slice(1, -1);
  const rowCount = elementCount(rows);
  const data = allocateArray(packed.dtype, packing.columns * rowCount);
  for (let column = 0; column < packing.columns; column++) {
    const block = Math.floor(column / packing.block);
    for (let row = 0; row < rowCount; row++) {
      const position = (block * rowCount + row) * packing.block + (column % packing.block);
      data[column * rowCount + row] = packed.data[position] as never;
    }
  }
  return { dtype: packed.dtype, shape: [packing.columns, ...rows], data };
}
