/** Inclusive bounds of an integer, infinite where nothing is known. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export const unknownRange: Range = { min: -Infinity, max: Infinity };

export function productRange(a: Range, b: Range): Range {
  const p = times(a.min, b.min);
  const q = times(a.min, b.max);
  const r = times(a.max, b.min);
  const s = times(a.max, b.max);
  return { min: Math.min(p, q, r, s), max: Math.max(p, q, r, s) };
}

/** A product of bounds: 0 · ∞ = 0. */
function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b;
}
