/** What a target can do of Winograd's method along rows (`schedule/winograd-rows-conv.ts`). */
import { mostTileRows, type Target } from "./target.ts";

/**
 * Rows of a register tile over columns of `height` rows each: a part of a column or several columns, so that
 * where a row lies is known when compiling. Undefined where that would leave more than half the registers idle.
 */
export function rowsOfColumns(
  target: Target,
  vectors: number,
  height: number,
  columns: number,
): number | undefined {
  const most = mostTileRows(target, vectors);
  for (let rows = Math.min(most, height * columns); 2 * rows >= most; rows--)
    if (rows % height === 0 || height % rows === 0) return rows;
  return undefined;
}
