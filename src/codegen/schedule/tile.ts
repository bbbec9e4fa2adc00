/**
 * The inner tile of every contraction: `pixels × vectors` named accumulators that stay in registers while the
 * depth loop runs. Each step loads `vectors` weight vectors and `pixels` inputs, and multiplies them all.
 */
import { float, fma, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Step, WeightPanel } from "./fetch-ahead.ts";
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

export interface TileOperands {
  /** One pixel's input at a depth: a scalar, or a vector where lanes are channels of the input too. */
  readonly input: (pixel: number, vector: number, depth: Expr) => Expr;
  readonly weight: (vector: number, depth: Expr) => Expr;
  /** Whether `input` depends on `vector`. */
  readonly inputPerVector?: boolean;
  /** What else to do at each depth: prefetching. */
  readonly steps?: readonly Step[];
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
    for (const touch of operands.steps ?? []) touch(k);
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

/**
 * Adds a tile's rows, read one element at a time, times a panel of packed weights to `accumulators[row][vector]`.
 * @param steps what to fetch ahead
 */
export function multiplyPanel(
  kb: KernelBuilder,
  accumulators: readonly (readonly Expr[])[],
  panel: WeightPanel,
  depth: number,
  input: (row: number, k: Expr) => Expr,
  steps: readonly Step[],
): void {
  const rows = accumulators.map((_, row) => row);
  const { lanes } = accumulators[0]![0]!.type;
  accumulate(kb, accumulators, rows, depth, {
    steps,
    weight: (vector, k) => {
      const at = kb.index.add(panel.at, kb.index.dot([k, int(vector)], [panel.block, lanes]));
      return kb.load(panel.buffer, at, lanes, "w");
    },
    input: (row, _, k) => input(row, k),
  });
}
