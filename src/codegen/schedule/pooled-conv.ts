/**
 * A convolution and the max pooling that alone reads it, in one kernel, for CPUs. An item is a band of pooled
 * rows of one block of channels: it computes rows of the convolution one after the other into scratch memory
 * that holds as many as a window is high, and pools them as soon as a window is complete. The convolution's
 * result, most of the memory traffic of a network's first layers, is never written.
 *
 * Bands overlap by the rows that their first window shares with the band before; those are computed twice.
 */
import { InternalError } from "../../errors.ts";
import { and, binary, compare, float, int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import { expectAnchor, innerConvOf, type Task } from "../lower/task.ts";
import { accumulateTile, channelOf, describeConv, type Conv } from "./conv-tile.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { chooseTile, startOfTile } from "./tile.ts";

/** Items that each core gets: fewer compute fewer rows twice. */
const itemsPerCore = 4;

export function schedulePooledConv(kb: KernelBuilder, task: Task): void {
  const { target } = task;
  const anchor = expectAnchor(task, "max_pool");
  const node = innerConvOf(task.body, anchor);
  const conv = node && describeConv({ ...task, anchor: node });
  if (conv === undefined)
    throw new InternalError("lower: a pooling reads a convolution whose weight is not packed");
  const [height, width] = conv.spatial as [number, number];
  const [pooledHeight, pooledWidth] = anchor.results[0]!.type.shape.slice(2) as [number, number];
  const { kernel, stride, padding } = anchor.attributes;
  const [windowRows, windowColumns] = kernel as [number, number];
  const [down, across] = stride as [number, number];
  const bands = Math.min(
    pooledHeight,
    Math.ceil((itemsPerCore * target.computeUnits) / (conv.blocks * conv.batch)),
  );
  const bandRows = Math.ceil(pooledHeight / bands);
  const itemShape = [conv.blocks, conv.batch, Math.ceil(pooledHeight / bandRows)];
  const vectors = conv.block / conv.lanes;
  const lane = conv.lanes === 1 ? null : { axis: 1, lanes: conv.lanes };
  const scratchElements = windowRows * width * conv.block;

  const body = (item: Expr): void => {
    const scratch = kb.scratch("scratch", scratchElements);
    const base = kb.let(kb.index.mul(kb.group, int(scratchElements)), "base");
    const [block, n, band] = kb.index.unflatten(item, itemShape).map((i) => kb.let(i, "o")) as [Expr, Expr, Expr]; // prettier-ignore
    const firstPooled = kb.let(startOfTile(kb, band, bandRows, pooledHeight), "first");
    const top = kb.index.add(kb.index.mul(firstPooled, int(down)), int(-padding[0]![0]));
    const firstRow = kb.let(top, "top");
    /** Where a row of the convolution lies. */
    const rowAt = (h: Expr): Expr => {
      const slot = kb.index.mul(kb.index.rem(h, windowRows), int(width * conv.block));
      return kb.let(kb.index.add(base, slot), "row_at");
    };

    kb.for((bandRows - 1) * down + windowRows, "t", (t) => {
      const h = kb.let(kb.index.add(firstRow, t), "h");
      kb.if(and(kb.index.atLeast(h, 0), kb.index.less(h, height)), () =>
        convolveRow(kb, task, conv, { n, block, h }, scratch, rowAt(h)),
      );
      // Rows after the band's first window is complete; with each `down` of them another one is.
      const beyond = kb.let(kb.index.add(t, int(1 - windowRows)), "beyond");
      const phase = kb.index.rem(kb.index.add(t, int(down * windowRows + 1 - windowRows)), down);
      kb.if(and(kb.index.atLeast(beyond, 0), compare("eq", phase, int(0))), () => {
        const row = kb.let(kb.index.add(firstPooled, kb.index.div(beyond, down)), "row");
        // A position outside the image counts as the nearest inside, which is in the window, too.
        const rows = Array.from({ length: windowRows }, (_, k) => {
          const inside = kb.index.clamp(kb.index.add(h, int(k + 1 - windowRows)), 0, height - 1);
          return rowAt(kb.let(inside, "h"));
        });
        kb.for(pooledWidth, "column", (column) => {
          const left = kb.index.add(kb.index.mul(column, int(across)), int(-padding[1]![0]));
          const first = kb.let(left, "left");
          const totals = Array.from({ length: vectors }, () => kb.var(float(-Infinity, conv.lanes), "total"));
          const pool = (columnOf: (l: number) => Expr): void => {
            for (let l = 0; l < windowColumns; l++) {
              const at = kb.let(kb.index.mul(columnOf(l), int(conv.block)), "at");
              for (const from of rows)
                totals.forEach((total, vector) => {
                  const address = kb.index.add(kb.index.add(from, at), int(vector * conv.lanes));
                  kb.assign(total, binary("max", total, kb.load(scratch, address, conv.lanes)));
                });
            }
          };
          const last = kb.index.add(first, int(windowColumns - 1));
          kb.if(
            and(kb.index.atLeast(first, 0), kb.index.less(last, width)),
            () => pool((l) => kb.index.add(first, int(l))),
            () => pool((l) => kb.index.clamp(kb.index.add(first, int(l)), 0, width - 1)),
          );
          totals.forEach((total, vector) => {
            const channel = kb.let(kb.index.dot([block, int(vector)], [conv.block, conv.lanes]), "channel");
            const results = new Map([[anchor.results[0]!.id, kb.let(total)]]);
            finish(kb, task, results, [n, channel, row, column], lane);
          });
        });
      });
    });
  };
  distribute(kb, target, itemShape.reduce((product, size) => product * size, 1), body); // prettier-ignore
}

/** One row of the convolution, with what follows it before the pooling, from element `to` of scratch memory. */
function convolveRow(
  kb: KernelBuilder,
  task: Task,
  conv: Conv,
  { n, block, h }: { readonly n: Expr; readonly block: Expr; readonly h: Expr },
  scratch: string,
  to: Expr,
): void {
  const tile = chooseTile(task.target, conv.lanes, conv.block / conv.lanes, conv.width);
  const place = { block, firstVector: int(0), n, row: [h] };
  const lane = conv.lanes === 1 ? null : { axis: 1, lanes: conv.lanes };
  kb.for(Math.ceil(conv.width / tile.pixels), "tile", (number) => {
    const start = kb.let(startOfTile(kb, number, tile.pixels, conv.width), "w");
    const sums = accumulateTile(kb, task.target, conv, tile, place, start);
    sums.forEach((line, pixel) =>
      line.forEach((sum, vector) => {
        const channel = channelOf(kb, conv, place, vector);
        const emitter = new ValueEmitter(kb, task).bind(conv.anchor.results[0]!.id, sum);
        const column = kb.index.add(start, int(pixel));
        const value = emitter.emit(task.anchor!.operands[0]!, [n, channel, h, column], lane);
        const at = kb.index.dot([column, int(vector)], [conv.block, conv.lanes]);
        kb.store(scratch, kb.index.add(to, at), value);
      }),
    );
  });
}
