/** The weight of a convolution by Winograd's method as graph operations, for `prepare`. */
import type { NodeOf, ValueId } from "../ir/graph.ts";
import { kronecker, winogradMatrices, type WinogradTile } from "../ir/winograd.ts";
import type { Rewriter } from "./rewrite.ts";

interface WeightForm {
  readonly tile: WinogradTile;
  readonly block: number;
  /** Whether the squares of a block follow each other, or the blocks of a square; or rows alone are transformed. */
  readonly form: "blocks" | "squares" | "rows";
}

/**
 * Packs and then transforms `[O, C, 3, 3]`, as one matrix product, to
 * - blocks: `[⌈O / block⌉, (m+2)², C, block]`
 * - squares: `[(m+2)², 1, ⌈O / block⌉, C, block]`
 * - rows: `[⌈O / block⌉, m+2, 3, C, block]`
 */
export function transformWeight(
  rewriter: Rewriter,
  weight: ValueId,
  { tile, block, form }: WeightForm,
  origin: NodeOf<"conv">["origin"],
): ValueId {
  const [outputs, channels] = rewriter.typeOf(weight).shape as [number, number];
  const blocks = Math.ceil(outputs / block);
  const missing = blocks * block - outputs;
  const padding = [0, 1, 2, 3].map((axis): [number, number] => [0, axis === 0 ? missing : 0]);
  const grown = missing === 0 ? weight : rewriter.add("pad", [weight], { padding, value: 0 }, origin);
  const alongRows = form === "rows";
  // What is transformed: rows of three, or whole kernels of nine.
  const taps = alongRows ? 3 : 9;
  const split = rewriter.add(
    "reshape",
    [grown],
    { shape: [blocks, block, channels, ...(alongRows ? [3, 3] : [9])] },
    origin,
  );
  const axes = alongRows ? [0, 3, 2, 4, 1] : [0, 2, 3, 1];
  const packed = rewriter.add("permute", [split], { axes }, origin);
  // Columns of the product: every element of the weight, or those of one block.
  const batch = form === "squares" ? [] : [blocks];
  const columns = ((form === "squares" ? blocks : 1) * channels * block * 9) / taps;
  const shape = [...batch, columns / block, taps, block];
  const right = rewriter.add("reshape", [packed], { shape }, origin);
  const { weight: rowMatrix } = winogradMatrices[tile];
  const matrix = alongRows ? rowMatrix : kronecker(rowMatrix);
  const left = rewriter.add("constant", [], {
    value: { dtype: "f32", shape: [matrix.length, taps], data: Float32Array.from(matrix.flat()) },
  });
  const product = rewriter.add("matmul", [left, right], { packing: { block, columns } }, origin);
  const final = {
    blocks: [blocks, matrix.length, channels, block],
    squares: [matrix.length, 1, blocks, channels, block],
    rows: [blocks, matrix.length, 3, channels, block],
  };
  return rewriter.add("reshape", [product], { shape: final[form] }, origin);
}

/** `[O, C, 3, 3]` → `[⌈O / block⌉, C, 3, 3, block]`. */
export function packWeight(
  rewriter: Rewriter,
  weight: ValueId,
  block: number,
  origin: NodeOf<"conv">["origin"],
): ValueId {
  const [outputs, ...rest] = rewriter.typeOf(weight).shape as [number, number, number, number];
  const blocks = Math.ceil(outputs / block);
  const missing = blocks * block - outputs;
  const padding = [0, 1, 2, 3].map((axis): [number, number] => [0, axis === 0 ? missing : 0]);
  const grown = missing === 0 ? weight : rewriter.add("pad", [weight], { padding, value: 0 }, origin);
  const split = rewriter.add("reshape", [grown], { shape: [blocks, block, ...rest] }, origin);
  return rewriter.add("permute", [split], { axes: [0, 2, 3, 4, 1] }, origin);
}
