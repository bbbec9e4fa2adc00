/**
 * Winograd's minimal filtering of m×m outputs by a 3×3 kernel, F(m×m, 3×3): an input tile of (m+2)×(m+2) and
 * the kernel are transformed, multiplied element by element, and transformed back,
 *
 *     y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
 *
 * with (m+2)² multiplications where the direct method needs 9m². Matrices as in Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks" (arXiv:1509.09308), section 4.
 */

/** Outputs along one side of a tile. */
export type WinogradTile = 2 | 4;

type Matrix = readonly (readonly number[])[];

export interface WinogradMatrices {
  /** Bᵀ, [m+2, m+2]. */
  readonly input: Matrix;
  /** G, [m+2, 3]. */
  readonly weight: Matrix;
  /** Aᵀ, [m, m+2]. */
  readonly output: Matrix;
}

export const winogradMatrices: Readonly<Record<WinogradTile, WinogradMatrices>> = {
  2: {
    input: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    weight: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    input: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    weight: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

/** The side of an input tile. */
export function inputSide(tile: WinogradTile): number {
  return tile + 2;
}

/**
 * The two-sided transform as one matrix over flattened tiles, `left ⊗ left`: what takes a row-major tile to
 * `left · tile · leftᵀ`. Without negative zeros, which mean nothing here.
 */
export function kronecker(left: Matrix): number[][] {
  return left.flatMap((a) => left.map((b) => a.flatMap((x) => b.map((y) => x * y + 0))));
}
