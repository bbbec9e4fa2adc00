/**
 * The inner tile of every contraction: `pixels × vectors` named accumulators that stay in registers while the
 * depth loop runs. Each step loads `vectors` weight vectors and `pixels` inputs, and multiplies them all.
 */
import { float, fma, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { tileRows, type Lanes, type Target } from "../target.ts";

export interface Tile {
  readonly pixels: number;
  readonly vectors: number;
  readonly lanes: Lanes;
}

/** `rows`: at most so many, where that was measured. */
export function chooseTile(
  target: Target,
  lanes: Lanes,
  vectors: number,
  extent: number,
  rows?: number,
): Tile {
  return { pixels: tileRows(target, vectors, extent, rows), vectors, lanes };
}

/**
 * Where the tile of this number starts: the last one overlaps the one before, and computes what that did again,
 * rather than be shorter, so that one code does for all.
 */
export function startOfTile(kb: KernelBuilder, number: Expr, size: number, extent: number): Expr {
  return kb.index.clamp(kb.index.mul(number, int(size)), 0, extent - size);
}

/** `accumulators[pixel][vector]`, zero. */
export function declareAccumulators(kb: KernelBuilder, { pixels, vectors, lanes }: Tile): Expr[][] {
  return Array.from({ length: pixels }, (_, pixel) =>
    Array.from({ length: vectors }, (_, vector) => kb.var(float(0, lanes), `acc_${pixel}_${vector}`)),
  );
}

/** `depth` rows of `block` weights each, from element `at`. */
export interface WeightPanel {
  readonly buffer: string;
  readonly at: Expr;
  readonly block: number;
  /** The number of the tile that uses it, of so many: each fetches its share of the panel behind it. */
  readonly part?: Expr;
  readonly parts?: number;
}

export interface TileOperands {
  /** One pixel's input at a depth: a scalar, or a vector where lanes are channels of the input too. */
  readonly input: (pixel: number, vector: number, depth: Expr) => Expr;
  readonly weight: (vector: number, depth: Expr) => Expr;
  /** Whether `input` depends on `vector`. */
  readonly inputPerVector?: boolean;
  /** The panel of packed weights that is being read: the next one, which lies behind it, is fetched meanwhile. */
  readonly panel?: WeightPanel;
}

/** Depth loops up to this length are unrolled. */
const unrolledDepth = 4;

/** Multiplies and adds over `depth` for the pixels listed. */
export function accumulate(
  kb: KernelBuilder,
  accumulators: readonly (readonly Expr[])[],
  pixels: readonly number[],
  depth: number,
  operands: TileOperands,
): void {
  const step = (k: Expr): void => {
    if (operands.panel !== undefined && depth > unrolledDepth) prefetchNext(kb, operands.panel, k, depth);
    const weights = accumulators[0]!.map((_, vector) => operands.weight(vector, k));
    for (const pixel of pixels) {
      const row = accumulators[pixel]!;
      let input = operands.inputPerVector ? undefined : operands.input(pixel, 0, k);
      row.forEach((accumulator, vector) => {
        if (operands.inputPerVector) input = operands.input(pixel, vector, k);
        const wide = splat(input!, accumulator.type.lanes);
        kb.assign(accumulator, fma(wide, weights[vector]!, accumulator));
      });
    }
  };
  if (depth <= unrolledDepth) for (let k = 0; k < depth; k++) step(int(k));
  else kb.for(depth, "c", step);
}

/** The widest vectors that a block of packed columns is made of. */
export function lanesOfBlock(widest: Lanes, block: number): Lanes {
  let lanes = widest;
  while (block % lanes !== 0) lanes = (lanes / 2) as Lanes;
  return lanes;
}

/** `[row][vector]` of a tile's rows, read one element at a time, times a panel of packed weights. */
export function multiplyPanel(
  kb: KernelBuilder,
  tile: Tile,
  panel: WeightPanel,
  depth: number,
  input: (row: number, k: Expr) => Expr,
): readonly (readonly Expr[])[] {
  const accumulators = declareAccumulators(kb, tile);
  const rows = accumulators.map((_, row) => row);
  accumulate(kb, accumulators, rows, depth, {
    panel,
    weight: (vector, k) => {
      const at = kb.index.add(panel.at, kb.index.dot([k, int(vector)], [panel.block, tile.lanes]));
      return kb.load(panel.buffer, at, tile.lanes, "w");
    },
    input: (row, _, k) => input(row, k),
  });
  return accumulators;
}

/** Elements of a cache line. */
const lineLength = 16;

/**
 * A panel is used by every tile of rows before the next one comes: the memory would idle meanwhile, and the
 * first tile of the next panel wait for it. So each tile fetches its share of the next panel, evenly over its
 * steps: fetched in a hurry, a panel would fill the queues that other loads wait in.
 */
function prefetchNext(kb: KernelBuilder, panel: WeightPanel, k: Expr, depth: number): void {
  const { buffer, at, block, part = int(0), parts = 1 } = panel;
  const perStep = Math.ceil(block / parts);
  const step = kb.index.add(kb.index.mul(part, int(depth)), k);
  const ahead = kb.index.add(kb.index.mul(step, int(perStep)), int(depth * block));
  for (let element = 0; element < perStep; element += lineLength)
    kb.prefetch(buffer, kb.index.add(at, kb.index.add(ahead, int(element))));
}
