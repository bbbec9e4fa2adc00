/** How the work of a Winograd convolution in one kernel is cut into items. */
import type { Target } from "../target.ts";

interface Sizes {
  readonly target: Target;
  readonly squares: number;
  readonly channels: number;
  readonly columns: number;
  readonly block: number;
  /** Tiles of one register tile, and in all. */
  readonly rows: number;
  readonly tiles: number;
}

/** Half of a second-level cache of 1 MB: what an item may keep of transformed inputs, or read again of weights. */
const cacheBytes = 512 * 1024;

/** Tiles are cut into stretches of `stretch` register tiles, output channels into `splits` ranges of blocks. */
export interface Division {
  readonly stretch: number;
  readonly stretches: number;
  readonly splits: number;
  readonly blocksPerItem: number;
}

export function divide({ target, squares, channels, columns, block, rows, tiles }: Sizes): Division {
  const registerTiles = Math.ceil(tiles / rows);
  const blocks = Math.ceil(columns / block);
  const bytes = squares * channels * 4;
  // Many weights are read once for as many tiles as fit; few stay in the cache anyway.
  const fitting = Math.max(1, Math.round(cacheBytes / (bytes * rows)));
  const most = bytes * columns > cacheBytes * 2 ? Math.min(fitting, registerTiles) : 1;
  const stretches = Math.ceil(registerTiles / most);
  const stretch = Math.ceil(registerTiles / stretches);
  const wantedSplits = Math.min(blocks, Math.ceil(target.computeUnits / stretches));
  const blocksPerItem = Math.ceil(blocks / wantedSplits);
  return { stretch, stretches, splits: Math.ceil(blocks / blocksPerItem), blocksPerItem };
}
