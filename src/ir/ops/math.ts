/** Scalar functions in double precision that JavaScript's Math lacks. */

/**
 * The error function: Maclaurin series below 2 (Abramowitz & Stegun 7.1.6, which has no cancellation), the
 * continued fraction of erfc above (A&S 7.1.14), both to double precision.
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const magnitude = Math.abs(x);
  if (magnitude > 6) return Math.sign(x);
  if (magnitude < 2) {
    let term = magnitude;
    let sum = term;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= (2 * magnitude * magnitude) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-magnitude * magnitude) * sum;
  }
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (magnitude + fraction);
  const erfc = Math.exp(-magnitude * magnitude) / Math.sqrt(Math.PI) / (magnitude + fraction);
  return Math.sign(x) * (1 - erfc);
}

/** Rounds half to even, as IEEE and PyTorch do. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const difference = x - floor;
  if (difference < 0.5) return floor;
  // Math.ceil, unlike floor + 1, keeps the sign of what rounds to −0.
  if (difference > 0.5) return Math.ceil(x);
  return floor % 2 === 0 ? floor : Math.ceil(x);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
