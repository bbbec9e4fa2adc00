/**
 * A Winograd convolution in one kernel, for CPUs. An item is a stretch of tiles and a range of output
 * channels: it transforms the tiles' inputs into scratch memory that stays in its core's cache, multiplies
 * them with each panel of the transformed weights, and transforms the products of one block of channels at a
 * time back. Weights are read once an item, so where they are many, few items share them out by channels.
 *
 * Where the weight comes as it is, an item transforms that, too: a chunk of input channels at a time, and the
 * products add up over the chunks.
 */
import { InternalError } from "../../errors.ts";
import type { ValueId } from "../../ir/graph.ts";
import { tileCounts } from "../../ir/ops/winograd.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { inputSide, type WinogradTile } from "../../ir/winograd.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type BoundTensor, type Task } from "../lower/task.ts";
import { tileRows, type Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { fetchNextPanel, fetchRows, type Step, type WeightPanel } from "./fetch-ahead.ts";
import { declareAccumulators, lanesOfBlock, multiplyPanel } from "./tile.ts";
import { divide, type Division } from "./winograd-division.ts";
import {
  channelLanes,
  emitInputTransform,
  emitInputTransformInLoops,
  emitOutputTransform,
  type Square,
  type TilePlace,
} from "./winograd-transforms.ts";
import { chunkOfWeights, fetchNextChunk, transformWeights, type RawWeights } from "./winograd-weights.ts";

export function scheduleWinogradConv(kb: KernelBuilder, task: Task): void {
  const conv = describe(task);
  // Elements of a group's scratch memory, part after part.
  const sizes = {
    // [stretch, chunks, squares, rows, depth]
    inputs: conv.stretch * conv.squares * conv.rows * conv.channels,
    // [stretch, squares, rows, block]
    products: conv.stretch * conv.squares * conv.rows * conv.block,
    // [side, depth, block], one row of positions of one chunk
    weights: conv.raw === undefined ? 0 : inputSide(conv.tile) * conv.raw.squareElements,
    // A square of vectors on its way through a transform.
    between: conv.squares * task.target.vectorWidth,
  };
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  const body = (item: Expr): void => {
    const buffer = kb.scratch("scratch", total);
    const inputs = kb.let(kb.index.mul(kb.group, int(total)), "inputs");
    const products = kb.let(kb.index.add(inputs, int(sizes.inputs)), "products");
    const weights = kb.let(kb.index.add(products, int(sizes.products)), "weights");
    const between = kb.let(kb.index.add(weights, int(sizes.weights)), "between");
    const scratch = { buffer, inputs, products, weights, between };
    const [stretchAt, split] = kb.index.unflatten(item, [conv.stretches, conv.splits]).map((i) => kb.let(i, "o")) as [Expr, Expr]; // prettier-ignore
    const firstTile = kb.let(kb.index.mul(stretchAt, int(conv.stretch * conv.rows)), "first");
    transformTiles(kb, conv, scratch, firstTile);
    kb.for(conv.blocksPerItem, "b", (b) => {
      const number = kb.let(kb.index.add(kb.index.mul(split, int(conv.blocksPerItem)), b), "block");
      kb.ifLess(number, Math.ceil(conv.outputs / conv.block), () => {
        multiplyBlock(kb, conv, scratch, number);
        finishBlock(kb, task, conv, scratch, firstTile, number);
      });
    });
  };
  distribute(kb, task.target, conv.stretches * conv.splits, body, { tasksPerCore: 4 });
}

interface WinogradConv extends Division {
  readonly image: BoundTensor;
  readonly weight: BoundTensor;
  /** Where the kernel transforms the weight. */
  readonly raw: RawWeights | undefined;
  readonly result: ValueId;
  readonly tile: WinogradTile;
  /** Positions of a transformed tile. */
  readonly squares: number;
  readonly padding: readonly (readonly [number, number])[];
  readonly channels: number;
  /** Input channels of a chunk, of `chunks`. */
  readonly depth: number;
  readonly chunks: number;
  readonly inputLanes: Lanes;
  readonly outputs: number;
  readonly block: number;
  readonly lanes: Lanes;
  readonly vectors: number;
  /** Height and width of the result. */
  readonly size: readonly number[];
  /** Images, tiles down and across one of them. */
  readonly grid: readonly [number, number, number];
  /** Tiles of a register tile, and in all. */
  readonly rows: number;
  readonly tiles: number;
}

/** The first element of each part. */
interface Scratch {
  readonly buffer: string;
  readonly inputs: Expr;
  readonly products: Expr;
  readonly weights: Expr;
  readonly between: Expr;
}

function describe(task: Task): WinogradConv {
  const { target } = task;
  const anchor = expectAnchor(task, "conv");
  const { padding, packing } = anchor.attributes;
  const image = task.inputs.get(anchor.operands[0]!);
  const weight = task.inputs.get(anchor.operands[1]!);
  const tile = packing?.winograd;
  if (image === undefined || weight === undefined || tile === undefined)
    throw new InternalError(
      "lower: operands of a Winograd convolution must be buffers, and its tile be chosen",
    );
  const { block, columns: outputs } = packing!;
  const { id: result, type } = anchor.results[0]!;
  const [batch, , ...size] = type.shape as [number, number, number, number];
  const channels = image.type.shape[1]!;
  const squares = inputSide(tile) ** 2;
  const [down, across] = tileCounts(size, tile);
  const tiles = batch * down * across;
  const lanes = lanesOfBlock(target.vectorWidth, block);
  const vectors = block / lanes;
  const rows = tileRows(target, vectors, tiles, packing!.rows);
  const inputLanes = layoutOf(image.type).at(-1) === 1 ? channelLanes(target.vectorWidth, channels) : 1;
  const raw = packing!.untransformed
    ? chunkOfWeights({ buffer: weight.buffer, tile, channels, block, lanes, multipleOf: inputLanes })
    : undefined;
  const depth = raw?.depth ?? channels;
  return {
    image,
    weight,
    raw,
    result,
    tile,
    squares,
    padding,
    channels,
    depth,
    chunks: channels / depth,
    inputLanes,
    outputs,
    block,
    lanes,
    vectors,
    size,
    grid: [batch, down, across],
    rows,
    tiles,
    ...divide({ target, squares, channels, columns: outputs, block, rows, tiles }),
  };
}

function placeOf(kb: KernelBuilder, { tiles, grid }: WinogradConv, number: Expr, channel: Expr): TilePlace {
  // Past the last tile the last one is computed again, to the same values.
  const clamped = kb.let(kb.index.clamp(number, 0, tiles - 1), "tile");
  const [n, row, column] = kb.index.unflatten(clamped, grid).map((index) => kb.let(index, "o")) as [Expr, Expr, Expr]; // prettier-ignore
  return { n, row, column, channel };
}

/** The tiles of a stretch, transformed. */
function transformTiles(kb: KernelBuilder, conv: WinogradConv, scratch: Scratch, firstTile: Expr): void {
  const { image, padding, tile, squares, channels, depth, inputLanes, rows } = conv;
  const between: Square = { buffer: scratch.buffer, base: scratch.between };
  kb.for(conv.stretch, "part", (part) =>
    kb.for(rows, "row", (row) => {
      const number = kb.index.add(firstTile, kb.index.dot([part, row], [rows, 1]));
      const tilePlace = placeOf(kb, conv, number, int(0));
      const offset = kb.index.dot([part, row], [squares * rows * channels, depth]);
      const to = kb.let(kb.index.add(scratch.inputs, offset), "to");
      kb.for(conv.chunks, "chunk", (chunk) =>
        kb.for(depth / inputLanes, "v", (v) => {
          const inChunk = kb.index.mul(v, int(inputLanes));
          const channel = kb.let(kb.index.add(kb.index.mul(chunk, int(depth)), inChunk), "channel");
          const start = kb.index.dot([chunk, inChunk], [squares * rows * depth, 1]);
          const source = { tensor: image, padding, tile, lanes: inputLanes };
          const write = (i: Expr, j: number, value: Expr): void => {
            const at = kb.index.dot([i, int(j)], [inputSide(tile) * rows * depth, rows * depth]);
            kb.store(scratch.buffer, kb.index.add(kb.index.add(to, start), at), value);
          };
          const place = { ...tilePlace, channel };
          if (channels > fewChannels) emitInputTransformInLoops(kb, source, place, between, write);
          else emitInputTransform(kb, source, place, (i, j, value) => write(int(i), j, value));
        }),
      );
    }),
  );
}

/**
 * Up to this many channels the transforms are so large a part of the work that they are worth the time it takes
 * to compile them without loops: a fortieth of the kernel's time.
 */
const fewChannels = 64;

/** The products of a stretch with one block of output channels. */
function multiplyBlock(kb: KernelBuilder, conv: WinogradConv, scratch: Scratch, number: Expr): void {
  const { raw, squares, channels, block, weight, stretch } = conv;
  if (raw === undefined) {
    kb.for(squares, "square", (square) => {
      const start = kb.index.dot([number, square], [squares * channels * block, channels * block]);
      const panel = { buffer: weight.buffer, at: kb.let(start, "w_at"), block };
      const fetch = (part: Expr) => fetchNextPanel(kb, { ...panel, part, parts: stretch }, channels);
      multiplySquare(kb, conv, scratch, { chunk: int(0), square, panel, fetch });
    });
    return;
  }
  const side = inputSide(conv.tile);
  kb.for(conv.chunks, "chunk", (chunk) =>
    kb.for(side, "i", (i) => {
      const at = { number, chunk, i };
      transformWeights(kb, raw, at, scratch);
      kb.for(side, "j", (j) => {
        const square = kb.let(kb.index.dot([i, j], [side, 1]), "square");
        const start = kb.index.add(scratch.weights, kb.index.mul(j, int(raw.squareElements)));
        const panel = { buffer: scratch.buffer, at: kb.let(start, "w_at"), block };
        const fetch = (part: Expr) =>
          fetchNextChunk(kb, raw, at, kb.index.dot([square, part], [stretch, 1]), squares * stretch);
        multiplySquare(kb, conv, scratch, { chunk, square, panel, fetch });
      });
    }),
  );
}

interface SquareOfChunk {
  readonly chunk: Expr;
  readonly square: Expr;
  readonly panel: WeightPanel;
  /** What the tiles of one part fetch of the weights that follow. */
  readonly fetch: (part: Expr) => readonly Step[];
}

/** Adds the products at one position of the tiles, over a chunk of channels, to those of the chunks before. */
function multiplySquare(
  kb: KernelBuilder,
  conv: WinogradConv,
  scratch: Scratch,
  { chunk, square, panel, fetch }: SquareOfChunk,
): void {
  const { squares, channels, depth, block, lanes, vectors, rows, chunks, stretch } = conv;
  kb.for(stretch, "part", (part) => {
    const from = kb.index.dot(
      [part, chunk, square],
      [squares * rows * channels, squares * rows * depth, rows * depth],
    );
    const inputAt = kb.let(kb.index.add(scratch.inputs, from), "v_at");
    const to = kb.index.dot([part, square], [squares * rows * block, rows * block]);
    const productAt = kb.let(kb.index.add(scratch.products, to), "m_at");
    const sums = declareAccumulators(kb, { pixels: rows, vectors, lanes });
    const each = (act: (sum: Expr, at: Expr) => void): void =>
      sums.forEach((line, row) =>
        line.forEach((sum, vector) => act(sum, kb.index.add(productAt, int(row * block + vector * lanes)))),
      );
    if (chunks > 1)
      kb.if(kb.index.atLeast(chunk, 1), () =>
        each((sum, at) => kb.assign(sum, kb.load(scratch.buffer, at, lanes))),
      );
    const lines = { buffer: scratch.buffer, at: inputAt, stride: depth, rows };
    multiplyPanel(
      kb,
      sums,
      panel,
      depth,
      (row, k) => kb.load(scratch.buffer, kb.index.add(inputAt, kb.index.add(k, int(row * depth))), 1, "v"),
      [...fetch(part), ...fetchRows(kb, lines, depth)],
    );
    each((sum, at) => kb.store(scratch.buffer, at, sum));
  });
}

/** Transforms a block's products back, into the result. */
function finishBlock(
  kb: KernelBuilder,
  task: Task,
  conv: WinogradConv,
  scratch: Scratch,
  firstTile: Expr,
  number: Expr,
): void {
  const { tile, squares, size, outputs, block, lanes, rows } = conv;
  const lane = lanes === 1 ? null : { axis: 1, lanes };
  kb.for(conv.stretch, "part", (part) =>
    kb.for(rows, "row", (row) =>
      kb.for(conv.vectors, "v", (vector) => {
        const channel = kb.let(kb.index.dot([number, vector], [block, lanes]), "channel");
        const tileNumber = kb.index.add(firstTile, kb.index.dot([part, row], [rows, 1]));
        const place = placeOf(kb, conv, tileNumber, channel);
        const from = kb.index.dot([part, row, vector], [squares * rows * block, block, lanes]);
        const at = kb.let(kb.index.add(scratch.products, from), "m_at");
        const read = (i: number, j: number): Expr => {
          const position = i * inputSide(tile) + j;
          return kb.load(scratch.buffer, kb.index.add(at, int(position * rows * block)), lanes, "m");
        };
        withValidLanes(kb, channel, outputs, lanes, (valid) =>
          emitOutputTransform(kb, tile, size, place, read, (value, h, w) =>
            finish(kb, task, new Map([[conv.result, value]]), [place.n, channel, h, w], lane, valid),
          ),
        );
      }),
    ),
  );
}
