/**
 * Direct convolution with packed weights. Output channels are the lanes, neighbouring pixels of one row the
 * rows of the tile. An item is one tile: on a CPU of a block of channels, on a GPU of one vector of them.
 * Pixels outside the input are masked, on a CPU in code apart that only border columns run.
 */
import { rowMajorStrides } from "../../ir/shape.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type Task } from "../lower/task.ts";
import { collapsePointwise } from "./collapse-pointwise.ts";
import { scheduleScalarConv } from "./conv-scalar.ts";
import { accumulateTile, channelOf, describeConv, type Conv, type Place } from "./conv-tile.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { fetchResult } from "./fetch-ahead.ts";
import { scheduleSeparableConv } from "./separable-conv.ts";
import { chooseTile, startOfTile, type Tile } from "./tile.ts";
import { scheduleWinogradConv } from "./winograd-conv.ts";
import { scheduleWinogradRowsConv } from "./winograd-rows-conv.ts";

export function scheduleConv(kb: KernelBuilder, original: Task): void {
  const anchor = expectAnchor(original, "conv");
  if (anchor.attributes.packing?.winograd !== undefined) return scheduleWinogradConv(kb, original);
  if (anchor.attributes.packing?.winogradRows !== undefined) return scheduleWinogradRowsConv(kb, original);
  if (!original.inputs.has(anchor.operands[0]!)) return scheduleSeparableConv(kb, original);
  const task = collapsePointwise(original);
  const conv = describeConv(task);
  if (conv === undefined) return scheduleScalarConv(kb, task);
  scheduleTiles(kb, task, conv);
}

/** An item is one tile; on a GPU of one vector of channels, on a CPU of a block of them. */
function scheduleTiles(kb: KernelBuilder, task: Task, conv: Conv): void {
  const gpu = task.target.family === "gpu";
  const vectorsPerBlock = conv.block / conv.lanes;
  const mostRows = conv.anchor.attributes.packing?.rows;
  const tile = chooseTile(task.target, conv.lanes, gpu ? 1 : vectorsPerBlock, conv.width, mostRows);
  const rows = conv.spatial.slice(0, -1);
  const tiles = Math.ceil(conv.width / tile.pixels);
  const vectors = Math.ceil(conv.outputs / conv.lanes);
  // On GPUs neighbouring lanes take neighbouring channels; on CPUs a task stays with its weights.
  const itemShape = gpu ? [conv.batch, ...rows, tiles, vectors] : [conv.blocks, conv.batch, ...rows, tiles];

  const parts = product(itemShape.slice(1));
  const strides = rowMajorStrides(itemShape.slice(1));
  distribute(kb, task.target, product(itemShape), (item) => {
    const indices = kb.index.unflatten(item, itemShape).map((index) => kb.let(index, "o"));
    const [n, ...row] = (gpu ? indices.slice(0, -2) : indices.slice(1, -1)) as [Expr, ...Expr[]];
    const position = (gpu ? indices.at(-2) : indices.at(-1))!;
    const vector = gpu ? indices.at(-1)! : int(0);
    const place: Place = {
      block: gpu ? kb.let(kb.index.div(vector, vectorsPerBlock), "block") : indices[0]!,
      firstVector: gpu ? kb.let(kb.index.rem(vector, vectorsPerBlock), "vector") : int(0),
      n,
      row,
      ...(!gpu && { share: { part: kb.let(kb.index.dot(indices.slice(1), strides), "part"), parts } }),
    };
    const start = kb.let(startOfTile(kb, position, tile.pixels, conv.width), "w");
    const channel = kb.index.mul(place.block, int(conv.block));
    const steps =
      product(conv.attributes.kernel) === 1
        ? fetchResult(kb, task, {
            result: conv.anchor.results[0]!,
            first: [place.n, channel, ...place.row, start],
            rowAxis: conv.spatial.length + 1,
            laneAxis: 1,
            rows: tile.pixels,
            columns: conv.block,
            depth: conv.depth,
          })
        : [];
    const sums = accumulateTile(kb, task.target, conv, tile, { ...place, steps }, start);
    finishTile(kb, task, conv, tile, place, start, sums);
  });
}

/** Epilogue and stores; the last vector may have fewer channels than lanes. */
function finishTile(
  kb: KernelBuilder,
  task: Task,
  conv: Conv,
  tile: Tile,
  place: Place,
  start: Expr,
  accumulators: readonly (readonly Expr[])[],
): void {
  const lane = conv.lanes === 1 ? null : { axis: 1, lanes: conv.lanes };
  const result = conv.anchor.results[0]!.id;
  for (let vector = 0; vector < tile.vectors; vector++) {
    const channel = channelOf(kb, conv, place, vector);
    withValidLanes(kb, channel, conv.outputs, conv.lanes, (valid) =>
      accumulators.forEach((row, pixel) => {
        const index = [place.n, channel, ...place.row, kb.index.add(start, int(pixel))];
        finish(kb, task, new Map([[result, row[vector]!]]), index, lane, valid);
      }),
    );
  }
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
