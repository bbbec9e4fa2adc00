/**
 * Direct convolution with packed weights. Output channels are the lanes, neighbouring pixels of one row the
 * rows of the tile. On a CPU an item is a row of one block of channels, and tiles that touch the border are
 * separate code in which the missing products are left out; on a GPU an item is one tile of one vector of
 * channels, and border pixels are masked.
 */
import { InternalError } from "../../errors.ts";
import type { NodeOf } from "../../ir/graph.ts";
import type { ConvAttributes } from "../../ir/ops/conv.ts";
import { layoutOf, stridesOf } from "../../ir/tensor-type.ts";
import { and, float, int, select } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type BoundTensor, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { collapsePointwise } from "./collapse-pointwise.ts";
import { scheduleScalarConv } from "./conv-scalar.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { accumulate, chooseTile, declareAccumulators, type Tile } from "./tile.ts";

export function scheduleConv(kb: KernelBuilder, original: Task): void {
  const task = collapsePointwise(original);
  const conv = describe(task);
  if (conv === undefined) return scheduleScalarConv(kb, task);
  if (task.target.family === "gpu") scheduleTiles(kb, task, conv);
  else if (hasSideBorder(conv)) scheduleRows(kb, task, conv);
  else scheduleTiles(kb, task, conv);
}

/** Everything about the convolution that the loops need. */
interface Conv {
  readonly anchor: NodeOf<"conv">;
  readonly attributes: ConvAttributes;
  readonly x: BoundTensor;
  readonly weight: BoundTensor;
  readonly xStrides: readonly number[];
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  /** Depth of the products: input channels of one group. */
  readonly depth: number;
  readonly inputSpatial: readonly number[];
  readonly spatial: readonly number[];
  readonly width: number;
  readonly block: number;
  readonly blocks: number;
  readonly lanes: Lanes;
  /** Each output channel reads one input channel: lanes are channels of the input, too. */
  readonly depthwise: boolean;
}

/** undefined where the packed schedules do not apply. */
function describe(task: Task): Conv | undefined {
  const anchor = expectAnchor(task, "conv");
  const { attributes } = anchor;
  const { packing } = attributes;
  const x = task.inputs.get(anchor.operands[0]!);
  const weight = task.inputs.get(anchor.operands[1]!);
  if (x === undefined || weight === undefined)
    throw new InternalError("lower: conv operands must be buffers");
  if (packing === null) return undefined;
  const shape = anchor.results[0]!.type.shape;
  const channels = x.type.shape[1]!;
  const depth = channels / attributes.groups;
  const depthwise = attributes.groups > 1 && depth === 1 && packing.columns === attributes.groups;
  if (!depthwise && attributes.groups > 1 && (packing.columns / attributes.groups) % packing.block !== 0) {
    return undefined;
  }
  let lanes: Lanes = task.target.family === "gpu" ? 4 : task.target.vectorWidth;
  while (packing.block % lanes !== 0) lanes = (lanes / 2) as Lanes;
  if (depthwise && (packing.columns % packing.block !== 0 || layoutOf(x.type).at(-1) !== 1)) return undefined;
  return {
    anchor,
    attributes,
    x,
    weight,
    xStrides: stridesOf(x.type),
    batch: shape[0]!,
    channels,
    outputs: packing.columns,
    depth,
    inputSpatial: x.type.shape.slice(2),
    spatial: shape.slice(2),
    width: shape.at(-1)!,
    block: packing.block,
    blocks: Math.ceil(packing.columns / packing.block),
    lanes,
    depthwise,
  };
}

/** Where one tile is: its block of channels, the vectors of it, and the row of pixels. */
interface Place {
  readonly block: Expr;
  /** First vector of the block this tile computes. */
  readonly firstVector: Expr;
  readonly n: Expr;
  /** Output position in every spatial dimension but the last. */
  readonly row: readonly Expr[];
}

/** Which pixels of a tile a column of the kernel reaches. */
interface Columns {
  /** Pixels to compute for kernel column `k`, known when generating; undefined: all. */
  readonly pixels?: (k: number) => readonly number[];
  /** Whether pixels must be checked at run time. */
  readonly masked: boolean;
}

/** Input column of pixel 0 and kernel column 0 of a tile that starts at output column `start`. */
function columnOf(conv: Conv, start: number, pixel: number, k: number): number {
  const { stride, padding, dilation } = conv.attributes;
  return (start + pixel) * stride.at(-1)! - padding.at(-1)![0] + k * dilation.at(-1)!;
}

function hasSideBorder(conv: Conv): boolean {
  const last = columnOf(conv, conv.width - 1, 0, conv.attributes.kernel.at(-1)! - 1);
  return conv.attributes.padding.at(-1)![0] > 0 || last >= conv.inputSpatial.at(-1)!;
}

/** CPU: an item is a whole row of one block; border tiles are known when generating. */
function scheduleRows(kb: KernelBuilder, task: Task, conv: Conv): void {
  const tile = chooseTile(task.target, conv.lanes, conv.block / conv.lanes, conv.width);
  const rows = conv.spatial.slice(0, -1);
  const itemShape = [conv.blocks, conv.batch, ...rows];
  const tiles = Array.from({ length: Math.ceil(conv.width / tile.pixels) }, (_, i) => i * tile.pixels);
  const isInner = (start: number): boolean =>
    start + tile.pixels <= conv.width &&
    columnOf(conv, start, 0, 0) >= 0 &&
    columnOf(conv, start, tile.pixels - 1, conv.attributes.kernel.at(-1)! - 1) < conv.inputSpatial.at(-1)!;
  const inner = tiles.filter(isInner);

  distribute(kb, task.target, product(itemShape), (item) => {
    const [block, n, ...row] = kb.index.unflatten(item, itemShape).map((index) => kb.let(index, "o")) as [Expr, Expr, ...Expr[]]; // prettier-ignore
    const place: Place = { block, firstVector: int(0), n, row };
    for (const start of tiles) {
      if (!isInner(start)) {
        const pixels = Math.min(tile.pixels, conv.width - start);
        const reached = (k: number) =>
          Array.from({ length: pixels }, (_, pixel) => pixel).filter((pixel) => {
            const column = columnOf(conv, start, pixel, k);
            return column >= 0 && column < conv.inputSpatial.at(-1)!;
          });
        emitTile(kb, task, conv, { ...tile, pixels }, place, int(start), { pixels: reached, masked: false });
      } else if (start === inner[0]) {
        kb.for(inner.length, "w", (w) => emitTile(kb, task, conv, tile, place, w, { masked: false }), start, tile.pixels); // prettier-ignore
      }
    }
  });
}

/** An item is one tile; on a GPU of one vector of channels, on a CPU (without side borders) of a block. */
function scheduleTiles(kb: KernelBuilder, task: Task, conv: Conv): void {
  const gpu = task.target.family === "gpu";
  const vectorsPerBlock = conv.block / conv.lanes;
  const tile = chooseTile(task.target, conv.lanes, gpu ? 1 : vectorsPerBlock, conv.width);
  const rows = conv.spatial.slice(0, -1);
  const tiles = Math.ceil(conv.width / tile.pixels);
  const rest = conv.width % tile.pixels;
  const vectors = Math.ceil(conv.outputs / conv.lanes);
  const masked = gpu && hasSideBorder(conv);
  // On GPUs neighbouring lanes take neighbouring channels; on CPUs a task stays with its weights.
  const itemShape = gpu ? [conv.batch, ...rows, tiles, vectors] : [conv.blocks, conv.batch, ...rows, tiles];

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
    };
    const start = kb.let(kb.index.mul(position, int(tile.pixels)), "w");
    const full = () => emitTile(kb, task, conv, tile, place, start, { masked });
    if (rest === 0) full();
    else kb.ifLess(position, tiles - 1, full, () => emitTile(kb, task, conv, { ...tile, pixels: rest }, place, int((tiles - 1) * tile.pixels), { masked })); // prettier-ignore
  });
}

/** One tile: zero the accumulators, walk the kernel, finish each pixel. */
function emitTile(
  kb: KernelBuilder,
  task: Task,
  conv: Conv,
  tile: Tile,
  place: Place,
  start: Expr,
  columns: Columns,
): void {
  // prettier-ignore
  const { stride, padding, dilation, kernel } = conv.attributes;
  const accumulators = declareAccumulators(kb, tile);
  const outerRank = kernel.length - 1;
  const firstChannel = conv.depthwise
    ? channelOf(kb, conv, place, 0)
    : conv.attributes.groups === 1
      ? int(0)
      : kb.index.mul(
          kb.index.div(place.block, conv.outputs / conv.attributes.groups / conv.block),
          int(conv.depth),
        );
  const corner = kb.let(
    kb.index.add(
      kb.index.mul(place.n, int(conv.xStrides[0]!)),
      kb.index.mul(firstChannel, int(conv.xStrides[1]!)),
    ),
    "corner",
  );

  const walk = (axis: number, base: Expr, tap: Expr): void => {
    if (axis === outerRank) return walkColumns(base, tap);
    kb.for(kernel[axis]!, "k", (k) => {
      const first = kb.index.add(kb.index.mul(place.row[axis]!, int(stride[axis]!)), int(-padding[axis]![0]));
      const at = kb.let(kb.index.add(first, kb.index.mul(k, int(dilation[axis]!))), "at");
      const inside = and(kb.index.atLeast(at, 0), kb.index.less(at, conv.inputSpatial[axis]!));
      kb.if(inside, () => {
        const next = kb.let(kb.index.add(base, kb.index.mul(at, int(conv.xStrides[axis + 2]!))), "row");
        walk(axis + 1, next, kb.index.add(kb.index.mul(tap, int(kernel[axis]!)), k));
      });
    });
  };

  const columnStride = conv.xStrides.at(-1)!;
  const pixelStride = stride.at(-1)! * columnStride;
  const all = accumulators.map((_, pixel) => pixel);
  const walkColumns = (base: Expr, tap: Expr): void => {
    const width = kernel.at(-1)!;
    const column = (k: Expr, pixels: readonly number[]) => {
      const first = kb.index.add(
        kb.index.add(kb.index.mul(start, int(stride.at(-1)!)), int(-padding.at(-1)![0])),
        kb.index.mul(k, int(dilation.at(-1)!)),
      );
      const origin = kb.let(kb.index.add(base, kb.index.mul(first, int(columnStride))), "x_at");
      const taps = kernel.reduce((total, size) => total * size, 1);
      const weightRow = kb.index.add(
        kb.index.mul(place.block, int(taps)),
        kb.index.add(kb.index.mul(tap, int(width)), k),
      );
      const weightAt = kb.let(
        kb.index.add(
          kb.index.mul(weightRow, int(conv.depth * conv.block)),
          kb.index.mul(place.firstVector, int(conv.lanes)),
        ),
        "w_at",
      );
      const valid = columns.masked
        ? all.map((pixel) => {
            const at = kb.let(kb.index.add(first, int(pixel * stride.at(-1)!)), "column");
            return kb.let(
              and(kb.index.atLeast(at, 0), kb.index.less(at, conv.inputSpatial.at(-1)!)),
              "valid",
            );
          })
        : undefined;
      accumulate(kb, accumulators, pixels, conv.depth, {
        weight: (vector, depth) => {
          const at = kb.index.add(weightAt, kb.index.add(kb.index.mul(depth, int(conv.block)), int(vector * conv.lanes)));
          return kb.load(conv.weight.buffer, at, conv.lanes, "w");
        },
        inputPerVector: conv.depthwise,
        input: (pixel, vector, depth) => {
          const along = conv.depthwise ? int(vector * conv.lanes * conv.xStrides[1]!) : kb.index.mul(depth, int(conv.xStrides[1]!));
          const at = kb.index.add(origin, kb.index.add(along, int(pixel * pixelStride)));
          const lanes = conv.depthwise ? conv.lanes : 1;
          if (valid === undefined) return kb.load(conv.x.buffer, at, lanes, "x");
          const mask = valid[pixel]!;
          const safe = mask.kind === "const" ? at : select(mask, at, int(0));
          const value = kb.load(conv.x.buffer, safe, lanes, "x");
          return kb.let(select(splatMask(mask, lanes), value, float(0, lanes)), "x");
        },
      }); // prettier-ignore
    };
    if (columns.pixels === undefined) kb.for(width, "k", (k) => column(k, all));
    else for (let k = 0; k < width; k++) if (columns.pixels(k).length > 0) column(int(k), columns.pixels(k));
  };

  walk(0, corner, int(0));
  finishTile(kb, task, conv, tile, place, start, accumulators);
}

function splatMask(mask: Expr, lanes: Lanes): Expr {
  return lanes === 1 || mask.kind === "const"
    ? mask
    : { kind: "splat", type: { scalar: "bool", lanes }, x: mask };
}

function channelOf(kb: KernelBuilder, conv: Conv, place: Place, vector: number): Expr {
  const first = kb.index.add(
    kb.index.mul(place.block, int(conv.block)),
    kb.index.mul(place.firstVector, int(conv.lanes)),
  );
  return kb.let(kb.index.add(first, int(vector * conv.lanes)), "channel");
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
  // prettier-ignore
  const lane = conv.lanes === 1 ? null : { axis: 1, lanes: conv.lanes };
  const result = conv.anchor.results[0]!.id;
  const whole = Math.floor(conv.outputs / conv.lanes) * conv.lanes;
  for (let vector = 0; vector < tile.vectors; vector++) {
    const channel = channelOf(kb, conv, place, vector);
    const emit = (valid: number) =>
      accumulators.forEach((row, pixel) => {
        const index = [place.n, channel, ...place.row, kb.index.add(start, int(pixel))];
        finish(kb, task, new Map([[result, row[vector]!]]), index, lane, valid);
      });
    const partial = conv.outputs - whole;
    kb.ifLess(channel, whole, () => emit(conv.lanes), () => {
      if (partial > 0) kb.ifLess(channel, conv.outputs, () => emit(partial));
    }); // prettier-ignore
  }
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
