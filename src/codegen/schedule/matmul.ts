/**
 * Matrix products. With packed right operands a tile is rows × one block of columns; otherwise columns are
 * the lanes wherever the right operand's rows are contiguous, and each result element is a plain sum of
 * products where they are not.
 */
import { InternalError } from "../../errors.ts";
import { stridesOf } from "../../ir/tensor-type.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type BoundTensor, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { collapseBatch } from "./collapse-batch.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { fetchNextPanel, fetchResult } from "./fetch-ahead.ts";
import { accumulate, chooseTile, declareAccumulators, startOfTile } from "./tile.ts";

export function scheduleMatmul(kb: KernelBuilder, original: Task): void {
  const task = collapseBatch(original);
  const anchor = expectAnchor(task, "matmul");
  const { packing } = anchor.attributes;
  const a = task.inputs.get(anchor.operands[0]!);
  const b = task.inputs.get(anchor.operands[1]!);
  if (a === undefined || b === undefined) throw new InternalError("lower: matmul operands must be buffers");
  const shape = anchor.results[0]!.type.shape;
  const batch = shape.slice(0, -2);
  const [rows, columns] = shape.slice(-2) as [number, number];
  const depth = a.type.shape.at(-1)!;
  const aStrides = stridesOf(a.type);
  const bStrides = stridesOf(b.type);

  const gpu = task.target.family === "gpu";
  const contiguous = packing !== null || bStrides.at(-1) === 1;
  let lanes: Lanes = !contiguous ? 1 : gpu ? 4 : task.target.vectorWidth;
  const unit = packing?.block ?? columns;
  while (packing !== null ? unit % lanes !== 0 : unit < lanes || (gpu && unit % lanes !== 0))
    lanes = (lanes / 2) as Lanes;
  if (lanes === 2) lanes = 1;
  const vectorsPerBlock = packing !== null ? packing.block / lanes : Math.min(2, Math.floor(columns / lanes));
  const perItem = gpu ? 1 : vectorsPerBlock;
  const itemColumns = perItem * lanes;
  // Packed columns are padded. Where they are not, the last item overlaps the one before, as the last tile of rows
  // does; on a GPU, and where there are fewer columns than an item has, those left over are computed one by one.
  const overlaps = packing === null && !gpu && lanes > 1 && columns >= itemColumns;
  const wholeColumns =
    packing !== null || overlaps
      ? Math.ceil(columns / itemColumns) * itemColumns
      : Math.floor(columns / itemColumns) * itemColumns;

  /**
   * How items (batch…, tile of rows, block of columns) follow each other, slowest first. On a GPU neighbours
   * take neighbouring columns. On a CPU a task stays with its columns: the batches that have columns of their
   * own come first, those that share them last.
   */
  const ownColumns = b.type.shape.slice(0, packing === null ? -2 : -3);
  const itemOrder = (rank: number): number[] => {
    const batches = Array.from({ length: rank }, (_, dimension) => dimension);
    if (gpu) return [...batches, rank, rank + 1];
    const isOwn = (dimension: number) => (ownColumns[dimension - rank + ownColumns.length] ?? 1) > 1;
    const isShared = (dimension: number) => !isOwn(dimension);
    return [...batches.filter(isOwn), rank + 1, ...batches.filter(isShared), rank];
  };

  const emitColumns = (
    firstColumn: number,
    blocks: number,
    tileLanes: Lanes,
    vectors: number,
    item: Expr,
    tileRows: number,
    rowTiles: number,
  ) => {
    const order = itemOrder(batch.length);
    const sizes = [...batch, rowTiles, blocks];
    const indices = kb.index.unflatten(
      item,
      order.map((dimension) => sizes[dimension]!),
    );
    const [batchIndex, [rowTile, blockIndex]] = split(
      sizes.map((_, dimension) => kb.let(indices[order.indexOf(dimension)]!, "o")),
    );
    const column = kb.let(
      overlaps
        ? startOfTile(kb, blockIndex, itemColumns, columns)
        : kb.index.add(kb.index.mul(blockIndex, int(vectors * tileLanes)), int(firstColumn)),
      "column",
    );
    const aBase = kb.let(baseOf(kb, a, batchIndex, aStrides), "a_at");
    const weightAt =
      packing === null
        ? kb.let(
            kb.index.add(baseOf(kb, b, batchIndex, bStrides), kb.index.mul(column, int(bStrides.at(-1)!))),
            "b_at",
          )
        : kb.let(
            kb.index.add(
              baseOf(kb, b, batchIndex, bStrides, 3),
              kb.index.add(
                kb.index.mul(kb.index.div(column, packing.block), int(depth * packing.block)),
                kb.index.rem(column, packing.block),
              ),
            ),
            "b_at",
          );
    // A packed block is contiguous; otherwise columns may lie apart, and lanes are single then.
    const columnStride = packing === null ? bStrides.at(-1)! : 1;
    const depthStride = packing === null ? bStrides.at(-2)! : packing.block;
    const emitTile = (pixels: number, row: Expr) => {
      const accumulators = declareAccumulators(kb, { pixels, vectors, lanes: tileLanes });
      const rowAt = kb.let(kb.index.add(aBase, kb.index.mul(row, int(aStrides.at(-2)!))), "row_at");
      const panel = {
        buffer: b.buffer,
        at: weightAt,
        block: packing?.block ?? 0,
        part: rowTile!,
        parts: rowTiles,
      };
      const fetchPanel = gpu || packing === null ? [] : fetchNextPanel(kb, panel, depth);
      const fetchTile =
        gpu || tileLanes === 1
          ? []
          : fetchResult(kb, task, {
              result: anchor.results[0]!,
              first: [...batchIndex, row, column],
              rowAxis: batch.length,
              laneAxis: batch.length + 1,
              rows: pixels,
              columns: vectors * tileLanes,
              depth,
            });
      accumulate(
        kb,
        accumulators,
        accumulators.map((_, i) => i),
        depth,
        {
          steps: [...fetchPanel, ...fetchTile],
          weight: (vector, k) =>
            kb.load(
              b.buffer,
              kb.index.add(weightAt, kb.index.dot([k, int(vector * tileLanes)], [depthStride, columnStride])),
              tileLanes,
              "b",
            ),
          input: (pixel, _, k) =>
            kb.load(
              a.buffer,
              kb.index.add(
                rowAt,
                kb.index.add(kb.index.mul(k, int(aStrides.at(-1)!)), int(pixel * aStrides.at(-2)!)),
              ),
              1,
              "a",
            ),
        },
      );
      finishTile(kb, task, anchor.results[0]!.id, accumulators, batchIndex, row, column, columns, tileLanes);
    };
    emitTile(tileRows, kb.let(startOfTile(kb, rowTile, tileRows, rows), "row"));
  };

  const tile = chooseTile(task.target, lanes, perItem, rows, packing?.rows);
  const rowTiles = Math.ceil(rows / tile.pixels);
  const batches = batch.reduce((product, size) => product * size, 1);
  const blocks = wholeColumns / itemColumns;
  const mainItems = blocks * batches * rowTiles;
  const tailColumns = Math.max(columns - wholeColumns, 0);
  const tailItems = tailColumns * batches * rowTiles;
  distribute(kb, task.target, mainItems + tailItems, (item) => {
    const main = () => emitColumns(0, blocks, lanes, perItem, item, tile.pixels, rowTiles);
    if (tailItems === 0) return main();
    const tail = () => {
      const local = kb.let(kb.index.add(item, int(-mainItems)), "tail");
      emitColumns(wholeColumns, tailColumns, 1, 1, local, tile.pixels, rowTiles);
    };
    if (mainItems === 0) return tail();
    kb.ifLess(item, mainItems, main, tail);
  });
}

function split(indices: readonly Expr[]): [readonly Expr[], readonly [Expr, Expr]] {
  return [indices.slice(0, -2), [indices.at(-2)!, indices.at(-1)!]];
}

/** The offset of a batch's matrix; broadcast batch dimensions have size 1 and count nothing. */
function baseOf(
  kb: KernelBuilder,
  tensor: BoundTensor,
  batchIndex: readonly Expr[],
  strides: readonly number[],
  matrixRank = 2,
): Expr {
  const own = tensor.type.shape.slice(0, -matrixRank);
  const shift = batchIndex.length - own.length;
  return own.reduce<Expr>(
    (sum, size, axis) =>
      size === 1 ? sum : kb.index.add(sum, kb.index.mul(batchIndex[axis + shift]!, int(strides[axis]!))),
    int(0),
  );
}

function finishTile(
  kb: KernelBuilder,
  task: Task,
  result: string,
  accumulators: readonly (readonly Expr[])[],
  batchIndex: readonly Expr[],
  row: Expr,
  column: Expr,
  columns: number,
  lanes: Lanes,
): void {
  const axis = batchIndex.length + 1;
  const lane = lanes === 1 ? null : { axis, lanes };
  accumulators[0]!.forEach((_, vector) => {
    const at = kb.let(kb.index.add(column, int(vector * lanes)), "at");
    withValidLanes(kb, at, columns, lanes, (valid) =>
      accumulators.forEach((line, pixel) => {
        const index = [...batchIndex, kb.index.add(row, int(pixel)), at];
        finish(kb, task, new Map([[result, line[vector]!]]), index, lane, valid);
      }),
    );
  });
}
