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
import type { ValueId } from "../../ir/graph.ts";
import { layoutOf, stridesOf } from "../../ir/tensor-type.ts";
import { inputSide, type WinogradTile } from "../../ir/winograd.ts";
import { and, float, int, select, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type BoundTensor, type Task } from "../lower/task.ts";
import { rowsOfColumns, type Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { fetchNextPanel, fetchRows } from "./fetch-ahead.ts";
import { declareAccumulators, lanesOfBlock, multiplyPanel, startOfTile } from "./tile.ts";
import { channelLanes, transformInput, transformOutput } from "./winograd-transforms.ts";

export function scheduleWinogradRowsConv(kb: KernelBuilder, task: Task): void {
  const conv = describe(task);
  const blocks = Math.ceil(conv.outputs / conv.block);
  const blocksPerItem = Math.ceil(blocks / Math.min(blocks, task.target.computeUnits));
  // Scratch of a group: [m+2, columns, rows, C] transformed inputs, then [m+2, products, block] products.
  const inputElements = conv.side * conv.columnElements * conv.columns;
  const scratchElements = inputElements + conv.side * conv.products * conv.block;
  const body = (item: Expr): void => {
    const buffer = kb.scratch("scratch", scratchElements);
    const inputs = kb.let(kb.index.mul(kb.group, int(scratchElements)), "inputs");
    const products = kb.let(kb.index.add(inputs, int(inputElements)), "products");
    const scratch = { buffer, inputs, products };
    transformImage(kb, conv, scratch);
    kb.for(blocksPerItem, "b", (b) => {
      const number = kb.let(kb.index.add(kb.index.mul(item, int(blocksPerItem)), b), "block");
      kb.ifLess(number, blocks, () => {
        multiplyBlock(kb, conv, scratch, number);
        finishBlock(kb, task, conv, scratch, number);
      });
    });
  };
  distribute(kb, task.target, Math.ceil(blocks / blocksPerItem), body, { tasksPerCore: 1 });
}

interface RowsConv {
  readonly image: BoundTensor;
  readonly weight: BoundTensor;
  readonly result: ValueId;
  readonly tile: WinogradTile;
  /** Positions of a transformed stretch. */
  readonly side: number;
  readonly before: readonly number[];
  readonly channels: number;
  readonly outputs: number;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** Stretches of `tile` results across an image. */
  readonly across: number;
  readonly columns: number;
  /** A transformed column: rows with those above and below, times channels. */
  readonly inputRows: number;
  readonly columnElements: number;
  readonly inputLanes: Lanes;
  readonly block: number;
  readonly lanes: Lanes;
  readonly vectors: number;
  /** Rows of a register tile, of `products` in all. */
  readonly rows: number;
  readonly products: number;
}

interface Scratch {
  readonly buffer: string;
  /** The first element of each part. */
  readonly inputs: Expr;
  readonly products: Expr;
}

function describe(task: Task): RowsConv {
  const { target } = task;
  const anchor = expectAnchor(task, "conv");
  const { padding, packing } = anchor.attributes;
  const image = task.inputs.get(anchor.operands[0]!);
  const weight = task.inputs.get(anchor.operands[1]!);
  const tile = packing?.winogradRows;
  if (image === undefined || weight === undefined || tile === undefined)
    throw new InternalError(
      "lower: operands of a Winograd convolution must be buffers, the weight transformed",
    );
  const { block, columns: outputs } = packing!;
  const { id: result, type } = anchor.results[0]!;
  const [batch, , height, width] = type.shape as [number, number, number, number];
  const channels = image.type.shape[1]!;
  const across = Math.ceil(width / tile);
  const columns = batch * across;
  const inputRows = height + 2;
  const lanes = lanesOfBlock(target.vectorWidth, block);
  const vectors = block / lanes;
  const rows = rowsOfColumns(target, vectors, height, columns);
  if (rows === undefined) throw new InternalError("lower: no tile fits the rows of this convolution");
  return {
    image,
    weight,
    result,
    tile,
    side: inputSide(tile),
    before: padding.map(([before]) => before),
    channels,
    outputs,
    batch,
    height,
    width,
    across,
    columns,
    inputRows,
    columnElements: inputRows * channels,
    inputLanes: layoutOf(image.type).at(-1) === 1 ? channelLanes(target.vectorWidth, channels) : 1,
    block,
    lanes,
    vectors,
    rows,
    products: columns * height,
  };
}

/** The image of a column and the column's place in it. */
function placeOf(kb: KernelBuilder, { batch, across }: RowsConv, column: Expr): readonly [Expr, Expr] {
  return kb.index.unflatten(column, [batch, across]).map((index) => kb.let(index, "o")) as [Expr, Expr];
}

/** Every stretch of every row of the image, transformed; zero outside it. */
function transformImage(kb: KernelBuilder, conv: RowsConv, scratch: Scratch): void {
  const { image, tile, side, channels, columns, inputLanes } = conv;
  const [top, left] = conv.before as [number, number];
  const [, , imageHeight, imageWidth] = image.type.shape as [number, number, number, number];
  const strides = stridesOf(image.type);
  const isInside = (position: Expr, size: number) =>
    kb.let(and(kb.index.atLeast(position, 0), kb.index.less(position, size)), "valid");
  kb.for(columns, "column", (column) => {
    const [n, place] = placeOf(kb, conv, column);
    const first = kb.let(kb.index.add(kb.index.mul(place, int(tile)), int(-left)), "from");
    const inColumn = Array.from({ length: side }, (_, i) =>
      isInside(kb.index.add(first, int(i)), imageWidth),
    );
    kb.for(conv.inputRows, "row", (row) => {
      const h = kb.let(kb.index.add(row, int(-top)), "h");
      const inRow = isInside(h, imageHeight);
      const corner = kb.let(kb.index.dot([n, h, first], [strides[0]!, strides[2]!, strides[3]!]), "corner");
      const offset = kb.index.dot([column, row], [conv.columnElements, channels]);
      const to = kb.let(kb.index.add(scratch.inputs, offset), "to");
      kb.for(channels / inputLanes, "v", (v) => {
        const channel = kb.let(kb.index.mul(v, int(inputLanes)), "channel");
        const values = inColumn.map((isIn, i) => {
          const mask = kb.let(and(inRow, isIn), "valid");
          const at = kb.index.add(corner, kb.index.dot([channel, int(i)], [strides[1]!, strides[3]!]));
          const value = kb.load(image.buffer, select(mask, at, int(0)), inputLanes, "x");
          return kb.let(select(splat(mask, inputLanes), value, float(0, inputLanes)), "d");
        });
        transformInput[tile](kb, values).forEach((value, j) => {
          const at = kb.index.add(channel, int(j * columns * conv.columnElements));
          kb.store(scratch.buffer, kb.index.add(to, at), value);
        });
      });
    });
  });
}

/** The products of all columns with one block of output channels. */
function multiplyBlock(kb: KernelBuilder, conv: RowsConv, scratch: Scratch, number: Expr): void {
  const { channels, columns, height, block, lanes, vectors, rows, products } = conv;
  const depth = 3 * channels;
  kb.for(conv.side, "j", (j) => {
    const at = kb.let(kb.index.dot([number, j], [conv.side * depth * block, depth * block]), "w_at");
    const parts = Math.ceil(products / rows);
    kb.for(parts, "part", (part) => {
      const start = kb.let(startOfTile(kb, part, rows, products), "first");
      const offset = kb.index.dot(
        [j, kb.index.div(start, height), kb.index.rem(start, height)],
        [columns * conv.columnElements, conv.columnElements, channels],
      );
      const inputAt = kb.let(kb.index.add(scratch.inputs, offset), "v_at");
      const panel = { buffer: conv.weight.buffer, at, block, part, parts };
      const sums = declareAccumulators(kb, { pixels: rows, vectors, lanes });
      const fromOf = (row: number): number =>
        Math.floor(row / height) * conv.columnElements + (row % height) * channels;
      const lines = {
        buffer: scratch.buffer,
        at: inputAt,
        stride: channels,
        rows: fromOf(rows - 1) / channels + 1,
      };
      multiplyPanel(
        kb,
        sums,
        panel,
        depth,
        (row, k) => kb.load(scratch.buffer, kb.index.add(inputAt, kb.index.add(k, int(fromOf(row)))), 1, "v"),
        [...fetchNextPanel(kb, panel, depth), ...fetchRows(kb, lines, depth)],
      );
      const to = kb.let(
        kb.index.add(scratch.products, kb.index.dot([j, start], [products * block, block])),
        "m_at",
      );
      sums.forEach((line, row) =>
        line.forEach((value, vector) =>
          kb.store(scratch.buffer, kb.index.add(to, int(row * block + vector * lanes)), value),
        ),
      );
    });
  });
}

/** Transforms a block's products back, into the result. */
function finishBlock(kb: KernelBuilder, task: Task, conv: RowsConv, scratch: Scratch, number: Expr): void {
  const { tile, height, block, lanes, products } = conv;
  const lane = lanes === 1 ? null : { axis: 1, lanes };
  kb.for(conv.columns, "column", (column) => {
    const [n, place] = placeOf(kb, conv, column);
    kb.for(height, "h", (h) =>
      kb.for(conv.vectors, "v", (vector) => {
        const channel = kb.let(kb.index.dot([number, vector], [block, lanes]), "channel");
        const from = kb.index.dot([column, h, vector], [height * block, block, lanes]);
        const at = kb.let(kb.index.add(scratch.products, from), "m_at");
        withValidLanes(kb, channel, conv.outputs, lanes, (valid) => {
          const sums = Array.from({ length: conv.side }, (_, j) =>
            kb.load(scratch.buffer, kb.index.add(at, int(j * products * block)), lanes, "m"),
          );
          transformOutput[tile](kb, sums).forEach((value, i) => {
            const w = kb.let(kb.index.add(kb.index.mul(place, int(tile)), int(i)), "w");
            kb.ifLess(w, conv.width, () =>
              finish(kb, task, new Map([[conv.result, value]]), [n, channel, h, w], lane, valid),
            );
          });
        });
      }),
    );
  });
}
