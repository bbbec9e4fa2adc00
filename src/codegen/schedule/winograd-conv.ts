/**
 * A Winograd convolution in one kernel, for CPUs. An item is a stretch of tiles and a range of output
 * channels: it transforms the tiles' inputs into scratch memory that stays in its core's cache, multiplies
 * them with each panel of the transformed weights, and transforms the products of one block of channels at a
 * time back. Weights are read once an item, so where they are many, few items share them out by channels.
 */
import { InternalError } from "../../errors.ts";
import { tileCounts } from "../../ir/ops/winograd.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { inputSide } from "../../ir/winograd.ts";
import { int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type Task } from "../lower/task.ts";
import { tileRows, type Target } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish, withValidLanes } from "./epilogue.ts";
import { lanesOfBlock, multiplyPanel } from "./tile.ts";
import {
  channelLanes,
  emitInputTransform,
  emitInputTransformInLoops,
  emitOutputTransform,
  type TilePlace,
} from "./winograd-transforms.ts";

export function scheduleWinogradConv(kb: KernelBuilder, task: Task): void {
  const anchor = expectAnchor(task, "conv");
  const { padding, packing } = anchor.attributes;
  const tensor = task.inputs.get(anchor.operands[0]!);
  const weight = task.inputs.get(anchor.operands[1]!);
  const tile = packing?.winograd;
  if (tensor === undefined || weight === undefined || tile === undefined)
    throw new InternalError(
      "lower: operands of a Winograd convolution must be buffers, the weight transformed",
    );
  const { target } = task;
  const { block, columns } = packing!;
  const result = anchor.results[0]!;
  const [batch, , ...size] = result.type.shape as [number, number, number, number];
  const channels = tensor.type.shape[1]!;
  const squares = inputSide(tile) ** 2;
  const [down, across] = tileCounts(size, tile);
  const tiles = batch * down * across;
  const inputLanes = layoutOf(tensor.type).at(-1) === 1 ? channelLanes(target.vectorWidth, channels) : 1;
  const lanes = lanesOfBlock(target.vectorWidth, block);
  const vectors = block / lanes;
  const rows = tileRows(target, vectors, tiles, packing!.rows);
  const { stretch, stretches, splits, blocksPerItem } = divide({ target, squares, channels, columns, block, rows, tiles }); // prettier-ignore

  // Scratch of a group: [stretch, squares, rows, channels] transformed inputs, [stretch, squares, rows, block]
  // products, and one square of vectors on its way through a transform.
  const inputElements = stretch * squares * rows * channels;
  const productElements = stretch * squares * rows * block;
  const scratchElements = inputElements + productElements + squares * target.vectorWidth;
  const placeOf = (number: Expr, channel: Expr): TilePlace => {
    // Past the last tile the last one is computed again, to the same values.
    const clamped = kb.let(kb.index.clamp(number, 0, tiles - 1), "tile");
    const [n, row, column] = kb.index.unflatten(clamped, [batch, down, across]).map((index) => kb.let(index, "o")) as [Expr, Expr, Expr]; // prettier-ignore
    return { n, row, column, channel };
  };

  distribute(
    kb,
    target,
    stretches * splits,
    (item) => {
      const scratch = kb.scratch("scratch", scratchElements);
      const base = kb.let(kb.index.mul(kb.group, int(scratchElements)), "base");
      const products = kb.let(kb.index.add(base, int(inputElements)), "products");
      const between = {
        buffer: scratch,
        base: kb.let(kb.index.add(products, int(productElements)), "between"),
      };
      const [stretchAt, split] = kb.index.unflatten(item, [stretches, splits]).map((i) => kb.let(i, "o")) as [Expr, Expr]; // prettier-ignore
      const firstTile = kb.let(kb.index.mul(stretchAt, int(stretch * rows)), "first");

      kb.for(stretch, "part", (part) =>
        kb.for(rows, "row", (row) => {
          const number = kb.index.add(firstTile, kb.index.dot([part, row], [rows, 1]));
          const tilePlace = placeOf(number, int(0));
          const offset = kb.index.dot([part, row], [squares * rows * channels, channels]);
          const to = kb.let(kb.index.add(base, offset), "to");
          kb.for(channels / inputLanes, "v", (v) => {
            const channel = kb.let(kb.index.mul(v, int(inputLanes)), "channel");
            const image = { tensor, padding, tile, lanes: inputLanes };
            const write = (i: Expr, j: number, value: Expr): void => {
              const strides = [inputSide(tile) * rows * channels, rows * channels];
              const at = kb.index.dot([i, int(j)], strides);
              kb.store(scratch, kb.index.add(kb.index.add(to, channel), at), value);
            };
            const place = { ...tilePlace, channel };
            if (channels > fewChannels) emitInputTransformInLoops(kb, image, place, between, write);
            else emitInputTransform(kb, image, place, (i, j, value) => write(int(i), j, value));
          });
        }),
      );

      kb.for(blocksPerItem, "b", (b) => {
        const number = kb.let(kb.index.add(kb.index.mul(split, int(blocksPerItem)), b), "block");
        kb.ifLess(number, Math.ceil(columns / block), () => {
          kb.for(squares, "square", (square) => {
            const panel = kb.index.dot([number, square], [squares * channels * block, channels * block]);
            const weightAt = kb.let(panel, "w_at");
            kb.for(stretch, "part", (part) => {
              const inputAt = kb.let(
                kb.index.add(
                  base,
                  kb.index.dot([part, square], [squares * rows * channels, rows * channels]),
                ),
                "v_at",
              );
              const panel = { buffer: weight.buffer, at: weightAt, block, part, parts: stretch };
              const tileOfRows = { pixels: rows, vectors, lanes };
              const accumulators = multiplyPanel(kb, tileOfRows, panel, channels, (row, k) =>
                kb.load(scratch, kb.index.add(inputAt, kb.index.add(k, int(row * channels))), 1, "v"),
              );
              const to = kb.index.dot([part, square], [squares * rows * block, rows * block]);
              const productAt = kb.let(kb.index.add(products, to), "m_at");
              accumulators.forEach((line, row) =>
                line.forEach((value, vector) =>
                  kb.store(scratch, kb.index.add(productAt, int(row * block + vector * lanes)), value),
                ),
              );
            });
          });

          kb.for(stretch, "part", (part) =>
            kb.for(rows, "row", (row) =>
              kb.for(vectors, "v", (vector) => {
                const first = kb.index.dot([number, vector], [block, lanes]);
                const channel = kb.let(first, "channel");
                const tileNumber = kb.index.add(firstTile, kb.index.dot([part, row], [rows, 1]));
                const place = placeOf(tileNumber, channel);
                const from = kb.index.dot([part, row, vector], [squares * rows * block, block, lanes]);
                const at = kb.let(kb.index.add(products, from), "m_at");
                const read = (i: number, j: number): Expr => {
                  const position = i * inputSide(tile) + j;
                  return kb.load(scratch, kb.index.add(at, int(position * rows * block)), lanes, "m");
                };
                withValidLanes(kb, channel, columns, lanes, (valid) =>
                  emitOutputTransform(kb, tile, size, place, read, (value, h, w) => {
                    const lane = lanes === 1 ? null : { axis: 1, lanes };
                    finish(kb, task, new Map([[result.id, value]]), [place.n, channel, h, w], lane, valid);
                  }),
                );
              }),
            ),
          );
        });
      });
    },
    { tasksPerCore: 4 },
  );
}

/**
 * Up to this many channels the transforms are so large a part of the work that they are worth the time it takes
 * to compile them without loops: a fortieth of the kernel's time.
 */
const fewChannels = 64;

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

/** How the work is cut: tiles into stretches of `stretch` register tiles, output channels into `splits` ranges. */
function divide({ target, squares, channels, columns, block, rows, tiles }: Sizes) {
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
