/**
 * A convolution by Winograd's method along rows, in one kernel, for CPUs. An item is a range of output
 * channels: it transforms the whole input, row by row, into scratch memory that stays in its core's cache,
 * multiplies it with each panel of the transformed weight, and transforms the products of one block of channels
 * at a time back.
 *
 * Transformed columns lie apart, rows of one follow each other: so the three rows that the kernel covers are one
 * stretch of memory, and the product's depth is 3 · C.
 */
import { InternalError } from "../../errors.ts";
import { layoutOf, stridesOf } from "../../ir/tensor-type.ts";
import { inputSide } from "../../ir/winograd.ts";
import { and, float, int, select, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type Task } from "../lower/task.ts";
import { rowsOfColumns } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { lanesOfBlock, multiplyPanel } from "./tile.ts";
import { channelLanes, transformInput, transformOutput } from "./winograd-transforms.ts";

export function scheduleWinogradRowsConv(kb: KernelBuilder, task: Task): void {
  const anchor = expectAnchor(task, "conv");
  const { padding, packing } = anchor.attributes;
  const image = task.inputs.get(anchor.operands[0]!);
  const weight = task.inputs.get(anchor.operands[1]!);
  const tile = packing?.winogradRows;
  if (image === undefined || weight === undefined || tile === undefined)
    throw new InternalError(
      "lower: operands of a Winograd convolution must be buffers, the weight transformed",
    );
  const { target } = task;
  const { block, columns: outputs } = packing!;
  const [batch, , height, width] = anchor.results[0]!.type.shape as [number, number, number, number];
  const [, channels, imageHeight, imageWidth] = image.type.shape as [number, number, number, number];
  const strides = stridesOf(image.type);
  const [top, left] = padding.map(([before]) => before) as [number, number];
  const side = inputSide(tile);
  const across = Math.ceil(width / tile);
  const columns = batch * across;
  const inputRows = height + 2;
  const lanes = lanesOfBlock(target.vectorWidth, block);
  const vectors = block / lanes;
  const rows = rowsOfColumns(target, vectors, height, columns);
  if (rows === undefined) throw new InternalError("lower: no tile fits the rows of this convolution");
  const products = columns * height;
  const depth = 3 * channels;
  const blocks = Math.ceil(outputs / block);
  const blocksPerItem = Math.ceil(blocks / Math.min(blocks, target.computeUnits));

  // Scratch of a group: [m+2, columns, rows, C] transformed inputs and [m+2, products, block] products.
  const inputElements = side * columns * inputRows * channels;
  const scratchElements = inputElements + side * products * block;
  const placeOf = (column: Expr) =>
    kb.index.unflatten(column, [batch, across]).map((index) => kb.let(index, "o")) as [Expr, Expr];

  distribute(
    kb,
    target,
    Math.ceil(blocks / blocksPerItem),
    (item) => {
      const scratch = kb.scratch("scratch", scratchElements);
      const base = kb.let(kb.index.mul(kb.group, int(scratchElements)), "base");
      const productBase = kb.let(kb.index.add(base, int(inputElements)), "products");

      const inputLanes = layoutOf(image.type).at(-1) === 1 ? channelLanes(target.vectorWidth, channels) : 1;
      kb.for(columns, "column", (column) => {
        const [n, place] = placeOf(column);
        const first = kb.let(kb.index.add(kb.index.mul(place, int(tile)), int(-left)), "from");
        const inColumn = Array.from({ length: side }, (_, i) => {
          const w = kb.index.add(first, int(i));
          return kb.let(and(kb.index.atLeast(w, 0), kb.index.less(w, imageWidth)), "valid");
        });
        kb.for(inputRows, "row", (row) => {
          const h = kb.let(kb.index.add(row, int(-top)), "h");
          const inRow = kb.let(and(kb.index.atLeast(h, 0), kb.index.less(h, imageHeight)), "valid");
          const corner = kb.let(
            kb.index.dot([n, h, first], [strides[0]!, strides[2]!, strides[3]!]),
            "corner",
          );
          const to = kb.let(
            kb.index.add(base, kb.index.dot([column, row], [inputRows * channels, channels])),
            "to",
          );
          kb.for(channels / inputLanes, "v", (v) => {
            const channel = kb.let(kb.index.mul(v, int(inputLanes)), "channel");
            const values = inColumn.map((isIn, i) => {
              const mask = kb.let(and(inRow, isIn), "valid");
              const address = kb.index.add(
                corner,
                kb.index.dot([channel, int(i)], [strides[1]!, strides[3]!]),
              );
              const value = kb.load(image.buffer, select(mask, address, int(0)), inputLanes, "x");
              return kb.let(select(splat(mask, inputLanes), value, float(0, inputLanes)), "d");
            });
            transformInput[tile](kb, values).forEach((value, j) => {
              const at = kb.index.add(to, kb.index.add(channel, int(j * columns * inputRows * channels)));
              kb.store(scratch, at, value);
            });
          });
        });
      });

      kb.for(blocksPerItem, "b", (b) => {
        const number = kb.let(kb.index.add(kb.index.mul(item, int(blocksPerItem)), b), "block");
        kb.ifLess(number, blocks, () => {
          kb.for(side, "j", (j) => {
            const panelAt = kb.let(kb.index.dot([number, j], [side * depth * block, depth * block]), "w_at");
            kb.for(Math.ceil(products / rows), "part", (part) => {
              // The last tile overlaps the one before.
              const start = kb.let(
                kb.index.clamp(kb.index.mul(part, int(rows)), 0, products - rows),
                "first",
              );
              const inputAt = kb.let(
                kb.index.add(
                  kb.index.add(base, kb.index.mul(j, int(columns * inputRows * channels))),
                  kb.index.dot(
                    [kb.index.div(start, height), kb.index.rem(start, height)],
                    [inputRows * channels, channels],
                  ),
                ),
                "v_at",
              );
              const panel = { buffer: weight.buffer, at: panelAt, block };
              const sums = multiplyPanel(kb, { pixels: rows, vectors, lanes }, panel, depth, (row, k) => {
                const offset = (Math.floor(row / height) * inputRows + (row % height)) * channels;
                return kb.load(scratch, kb.index.add(inputAt, kb.index.add(k, int(offset))), 1, "v");
              });
              const to = kb.let(
                kb.index.add(productBase, kb.index.dot([j, start], [products * block, block])),
                "m_at",
              );
              sums.forEach((line, row) =>
                line.forEach((value, vector) =>
                  kb.store(scratch, kb.index.add(to, int(row * block + vector * lanes)), value),
                ),
              );
            });
          });

          kb.for(columns, "column", (column) => {
            const [n, place] = placeOf(column);
            kb.for(height, "h", (h) =>
              kb.for(vectors, "v", (vector) => {
                const channel = kb.let(kb.index.dot([number, vector], [block, lanes]), "channel");
                const from = kb.index.dot([column, h, vector], [height * block, block, lanes]);
                const at = kb.let(kb.index.add(productBase, from), "m_at");
                withValidLanes(kb, channel, outputs, lanes, (valid) => {
                  const read = Array.from({ length: side }, (_, j) =>
                    kb.load(scratch, kb.index.add(at, int(j * products * block)), lanes, "m"),
                  );
                  transformOutput[tile](kb, read).forEach((value, i) => {
                    const w = kb.let(kb.index.add(kb.index.mul(place, int(tile)), int(i)), "w");
                    kb.ifLess(w, width, () => {
                      const lane = lanes === 1 ? null : { axis: 1, lanes };
                      const results = new Map([[anchor.results[0]!.id, value]]);
                      finish(kb, task, results, [n, channel, h, w], lane, valid);
                    });
                  });
                });
              }),
            );
          });
        });
      });
    },
    { tasksPerCore: 1 },
  );
}
