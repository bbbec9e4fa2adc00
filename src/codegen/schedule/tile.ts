/**
 * The inner tile of every contraction: `pixels × vectors` named accumulators that stay in registers while the
 * depth loop runs. Each step loads `vectors` weight vectors and `pixels` inputs, and multiplies them all.
 */
import { float, fma, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Lanes, Target } from "../target.ts";

export interface Tile {
  readonly pixels: number;
  readonly vectors: number;
  readonly lanes: Lanes;
}

/**
 * Accumulators that fit a CPU's vector registers beside one weight vector each and an input; measured best:
 * 4 × 2 of 16 registers without fused multiply-add (WebAssembly), 6 × 2 of 16 with it, 14 × 2 of 32.
 */
export function chooseTile(target: Target, lanes: Lanes, vectors: number, extent: number): Tile {
  if (target.family === "gpu") return { pixels: Math.min(4, extent), vectors, lanes };
  const accumulators = target.vectorRegisters >= 32 ? 28 : target.language === "wasm" ? 8 : 12;
  const widest = Math.max(1, Math.floor(accumulators / vectors));
  // Equal tiles along the extent rather than full ones and a crumb.
  const tiles = Math.ceil(extent / widest);
  return { pixels: Math.ceil(extent / tiles), vectors, lanes };
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
