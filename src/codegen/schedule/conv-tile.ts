/** One tile of a direct convolution with packed weights: what it is, and the sums of its pixels and channels. */
import { InternalError } from "../../errors.ts";
import type { NodeOf } from "../../ir/graph.ts";
import type { ConvAttributes } from "../../ir/ops/conv.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { and, float, int, select, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { expectAnchor, type BoundTensor, type Task } from "../lower/task.ts";
import { viewOf } from "../lower/view.ts";
import type { Lanes, Target } from "../target.ts";
import { fetchNextPanel, type Step } from "./fetch-ahead.ts";
import { accumulate, declareAccumulators, lanesOfBlock, type Tile } from "./tile.ts";

/** Everything about the convolution that the loops need. */
export interface Conv {
  readonly anchor: NodeOf<"conv">;
  readonly attributes: ConvAttributes;
  readonly x: BoundTensor;
  readonly weight: BoundTensor;
  readonly xStrides: readonly number[];
  /** Where the input starts in its buffer. */
  readonly xOffset: number;
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
export function describeConv(task: Task): Conv | undefined {
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
  const lanes = lanesOfBlock(task.target.family === "gpu" ? 4 : task.target.vectorWidth, packing.block);
  if (depthwise && (packing.columns % packing.block !== 0 || layoutOf(x.type).at(-1) !== 1)) return undefined;
  const xView = viewOf(x);
  return {
    anchor,
    attributes,
    x,
    weight,
    xStrides: xView.strides,
    xOffset: xView.offset,
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
export interface Place {
  readonly block: Expr;
  /** First vector of the block this tile computes. */
  readonly firstVector: Expr;
  readonly n: Expr;
  /** Output position in every spatial dimension but the last. */
  readonly row: readonly Expr[];
  /** What to do at each depth of a 1×1 kernel. */
  readonly steps?: readonly Step[];
  /** Its number among the tiles of its block, on a CPU. */
  readonly share?: { readonly part: Expr; readonly parts: number };
}

/** The sums of one tile, `[pixel][vector]`: zero the accumulators, walk the kernel. */
export function accumulateTile(
  kb: KernelBuilder,
  target: Target,
  conv: Conv,
  tile: Tile,
  place: Place,
  start: Expr,
): readonly (readonly Expr[])[] {
  const { stride, padding, dilation, kernel, groups } = conv.attributes;
  const accumulators = declareAccumulators(kb, tile);
  const firstChannel = conv.depthwise
    ? channelOf(kb, conv, place, 0)
    : groups === 1
      ? int(0)
      : kb.index.mul(kb.index.div(place.block, conv.outputs / groups / conv.block), int(conv.depth));
  const corner = kb.index.add(
    kb.index.dot([place.n, firstChannel], conv.xStrides.slice(0, 2)),
    int(conv.xOffset),
  );

  const walk = (axis: number, base: Expr, tap: Expr): void => {
    if (axis === kernel.length - 1) {
      kb.for(kernel[axis]!, "k", (k) => {
        const column = kb.index.add(kb.index.mul(tap, int(kernel[axis]!)), k);
        emitColumn(kb, target, conv, { place, start, accumulators, base, k, tap: column });
      });
      return;
    }
    kb.for(kernel[axis]!, "k", (k) => {
      const first = kb.index.add(kb.index.mul(place.row[axis]!, int(stride[axis]!)), int(-padding[axis]![0]));
      const at = kb.let(kb.index.add(first, kb.index.mul(k, int(dilation[axis]!))), "at");
      kb.if(isInside(kb, at, conv.inputSpatial[axis]!), () => {
        const next = kb.let(kb.index.add(base, kb.index.mul(at, int(conv.xStrides[axis + 2]!))), "row");
        walk(axis + 1, next, kb.index.add(kb.index.mul(tap, int(kernel[axis]!)), k));
      });
    });
  };
  walk(0, kb.let(corner, "corner"), int(0));
  return accumulators;
}

/** One column of the kernel in one of its rows: the tap that is multiplied with every pixel of the tile. */
interface Column {
  readonly place: Place;
  readonly start: Expr;
  readonly accumulators: readonly (readonly Expr[])[];
  /** Offset of the input row. */
  readonly base: Expr;
  /** Position along the last dimension of the kernel, and in the kernel as a whole. */
  readonly k: Expr;
  readonly tap: Expr;
}

function emitColumn(kb: KernelBuilder, target: Target, conv: Conv, column: Column): void {
  const { stride, padding, dilation, kernel } = conv.attributes;
  const { place, accumulators } = column;
  const step = stride.at(-1)!;
  const width = conv.inputSpatial.at(-1)!;
  const columnStride = conv.xStrides.at(-1)!;
  const first = kb.index.add(
    kb.index.add(kb.index.mul(column.start, int(step)), int(-padding.at(-1)![0])),
    kb.index.mul(column.k, int(dilation.at(-1)!)),
  );
  const origin = kb.let(kb.index.add(column.base, kb.index.mul(first, int(columnStride))), "x_at");
  const weightRow = kb.index.add(kb.index.mul(place.block, int(product(kernel))), column.tap);
  const weightAt = kb.let(
    kb.index.dot([weightRow, place.firstVector], [conv.depth * conv.block, conv.lanes]),
    "w_at",
  );
  const pixels = accumulators.map((_, pixel) => pixel);
  const lanes = conv.depthwise ? conv.lanes : 1;

  const share = product(kernel) === 1 ? place.share : undefined;
  const panel = { buffer: conv.weight.buffer, at: weightAt, block: conv.block, ...share };
  const multiply = (masks: readonly Expr[] | undefined): void =>
    accumulate(kb, accumulators, pixels, conv.depth, {
      inputPerVector: conv.depthwise,
      steps: [
        ...(target.family === "cpu" ? fetchNextPanel(kb, panel, conv.depth) : []),
        ...(place.steps ?? []),
      ],
      weight: (vector, depth) => {
        const at = kb.index.add(weightAt, kb.index.dot([depth, int(vector)], [conv.block, conv.lanes]));
        return kb.load(conv.weight.buffer, at, conv.lanes, "w");
      },
      input: (pixel, vector, depth) => {
        const channel = conv.depthwise ? int(vector * conv.lanes) : depth;
        const offset = kb.index.dot([channel, int(pixel)], [conv.xStrides[1]!, step * columnStride]);
        const at = kb.index.add(origin, offset);
        const mask = masks?.[pixel];
        if (mask?.kind === "const" && mask.value === 0) return float(0, lanes);
        if (mask === undefined || mask.kind === "const") return kb.load(conv.x.buffer, at, lanes, "x");
        const value = kb.load(conv.x.buffer, select(mask, at, int(0)), lanes, "x");
        return kb.let(select(splat(mask, lanes), value, float(0, lanes)), "x");
      },
    });

  const position = (pixel: number) => kb.index.add(first, int(pixel * step));
  const masked = () => multiply(pixels.map((pixel) => kb.let(isInside(kb, position(pixel), width), "valid")));
  // GPUs run both sides of a branch; CPUs take the fast one wherever no pixel is outside.
  if (target.family === "gpu") return masked();
  const allInside = and(kb.index.atLeast(first, 0), kb.index.less(position(pixels.length - 1), width));
  kb.if(allInside, () => multiply(undefined), masked);
}

/** 0 ≤ at < size. */
function isInside(kb: KernelBuilder, at: Expr, size: number): Expr {
  return and(kb.index.atLeast(at, 0), kb.index.less(at, size));
}

export function channelOf(kb: KernelBuilder, conv: Conv, place: Place, vector: number): Expr {
  const first = kb.index.add(
    kb.index.mul(place.block, int(conv.block)),
    kb.index.mul(place.firstVector, int(conv.lanes)),
  );
  return kb.let(kb.index.add(first, int(vector * conv.lanes)), "channel");
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
