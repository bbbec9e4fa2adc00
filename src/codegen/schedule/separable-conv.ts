/**
 * A depthwise convolution and the 1×1 convolution that alone reads it, in one kernel, for CPUs. An item is a
 * few pixels: their depthwise results, every channel of them, go to scratch memory that stays in the first
 * cache, and are multiplied from there with all weights of the 1×1 convolution.
 */
import { InternalError } from "../../errors.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import { innerConvOf, expectAnchor, type Task } from "../lower/task.ts";
import { tileRows } from "../target.ts";
import { accumulateTile, channelOf, describeConv } from "./conv-tile.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { fetchNextPanel } from "./fetch-ahead.ts";
import { chooseTile, declareAccumulators, lanesOfBlock, multiplyPanel, startOfTile } from "./tile.ts";

export function scheduleSeparableConv(kb: KernelBuilder, task: Task): void {
  const { target } = task;
  const anchor = expectAnchor(task, "conv");
  const depthwise = innerConvOf(task.body, anchor);
  const weight = task.inputs.get(anchor.operands[1]!);
  const { packing } = anchor.attributes;
  const conv = depthwise && describeConv({ ...task, anchor: depthwise });
  if (depthwise === undefined || conv === undefined || packing === null || weight === undefined)
    throw new InternalError(
      "lower: a 1×1 convolution reads what is neither a buffer nor a depthwise convolution",
    );

  const { block, columns } = packing;
  const lanes = lanesOfBlock(target.vectorWidth, block);
  const vectors = block / lanes;
  const depth = conv.channels;
  const [batch, [height, width]] = [conv.batch, conv.spatial as [number, number]];
  const { across, down } = pixelsOfItem(tileRows(target, vectors, height * width), height, width);
  const pixels = across * down;
  const result = anchor.results[0]!.id;
  const operand = anchor.operands[0]!;
  const itemShape = [batch, Math.ceil(height / down), Math.ceil(width / across)];

  distribute(
    kb,
    target,
    itemShape.reduce((product, size) => product * size, 1),
    (item) => {
      const scratch = kb.scratch("scratch", pixels * depth);
      const base = kb.let(kb.index.mul(kb.group, int(pixels * depth)), "base");
      const [n, rowAt, columnAt] = kb.index.unflatten(item, itemShape).map((i) => kb.let(i, "o")) as [Expr, Expr, Expr]; // prettier-ignore
      const top = kb.let(startOfTile(kb, rowAt, down, height), "h");
      const left = kb.let(startOfTile(kb, columnAt, across, width), "w");

      const depthwiseTile = chooseTile(target, conv.lanes, conv.block / conv.lanes, across);
      kb.for(down, "row", (row) => {
        const h = kb.let(kb.index.add(top, row), "h");
        kb.for(conv.blocks, "b", (number) => {
          const place = { block: number, firstVector: int(0), n, row: [h] };
          const sums = accumulateTile(kb, target, conv, { ...depthwiseTile, pixels: across }, place, left);
          sums.forEach((line, pixel) =>
            line.forEach((sum, vector) => {
              const channel = channelOf(kb, conv, place, vector);
              const emitter = new ValueEmitter(kb, task).bind(depthwise.results[0]!.id, sum);
              const index = [n, channel, h, kb.index.add(left, int(pixel))];
              const lane = conv.lanes === 1 ? null : { axis: 1, lanes: conv.lanes };
              const value = emitter.emit(operand, index, lane);
              const at = kb.index.dot([row, int(pixel), channel], [across * depth, depth, 1]);
              kb.store(scratch, kb.index.add(base, at), value);
            }),
          );
        });
      });

      kb.for(Math.ceil(columns / block), "b", (number) => {
        const weightAt = kb.let(kb.index.mul(number, int(depth * block)), "w_at");
        const panel = { buffer: weight.buffer, at: weightAt, block };
        const accumulators = declareAccumulators(kb, { pixels, vectors, lanes });
        multiplyPanel(
          kb,
          accumulators,
          panel,
          depth,
          (pixel, k) => kb.load(scratch, kb.index.add(base, kb.index.add(k, int(pixel * depth))), 1, "v"),
          fetchNextPanel(kb, panel, depth),
        );
        for (let vector = 0; vector < vectors; vector++) {
          const channel = kb.let(kb.index.dot([number, int(vector)], [block, lanes]), "channel");
          withValidLanes(kb, channel, columns, lanes, (valid) =>
            accumulators.forEach((line, pixel) => {
              const h = kb.index.add(top, int(Math.floor(pixel / across)));
              const w = kb.index.add(left, int(pixel % across));
              const lane = lanes === 1 ? null : { axis: 1, lanes };
              finish(kb, task, new Map([[result, line[vector]!]]), [n, channel, h, w], lane, valid);
            }),
          );
        }
      });
    },
  );
}

/** Pixels of an item as a rectangle: of one row, or of several where rows are short. */
function pixelsOfItem(most: number, height: number, width: number): { across: number; down: number } {
  const across = Math.ceil(width / Math.ceil(width / most));
  const down = Math.max(1, Math.min(height, Math.floor(most / across)));
  return { across, down };
}
