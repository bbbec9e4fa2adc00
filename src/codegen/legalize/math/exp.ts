/**
 * exp for f32: x = n ln 2 + r with |r| ≤ ln 2 / 2, e^x = 2^n e^r.
 * Reduction constants and polynomial: Cephes `expf` (S. Moshier). Relative error about 1e-7.
 */
import {
  add,
  bitcast,
  convert,
  eq,
  floor,
  fma,
  gt,
  lt,
  mul,
  polynomial,
  select,
  shl,
  shr,
  sub,
} from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import type { Expansion } from "./expansion.ts";

const log2e = 1.44269504088896341;
/** ln 2 in two parts; the first has 9 bits, so n times it is exact. */
const ln2High = 0.693359375;
const ln2Low = -2.1219444e-4;

const coefficients = [
  5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.98756915e-4,
];

export function expandExp(x: Expr, to: Expansion): Expr {
  const { n, power } = reduced(x, to);
  return scaleByPowerOfTwo(to.bind("exp_p", add(power, 1)), n, to);
}

/** e^x - 1: what is left of e^r before 1 is added, where x = r; elsewhere nothing cancels. */
export function expandExpm1(x: Expr, to: Expansion): Expr {
  const { n, power } = reduced(x, to);
  const rest = to.bind("exp_p", power);
  return select(eq(n, 0), rest, sub(scaleByPowerOfTwo(add(rest, 1), n, to), 1));
}

/** `n`, and e^r - 1. */
function reduced(x: Expr, to: Expansion): { readonly n: Expr; readonly power: Expr } {
  // Beyond these the result is infinite or zero anyway; NaN passes both comparisons.
  const capped = to.bind("exp_x", select(gt(x, 89), 89, x));
  const bounded = to.bind("exp_x", select(lt(capped, -104), -104, capped));
  const n = to.bind("exp_n", floor(fma(bounded, log2e, 0.5)));
  const r = to.bind("exp_r", fma(n, -ln2Low, fma(n, -ln2High, bounded)));
  const square = to.bind("exp_r2", mul(r, r));
  return { n, power: fma(polynomial(r, coefficients), square, r) };
}

/**
 * `x * 2^n` for integral f32 `n` in [-252, 254]. Two factors, because 2^n itself may be too large or too
 * small for f32 where the product is not.
 */
export function scaleByPowerOfTwo(x: Expr, n: Expr, to: Expansion): Expr {
  const exponent = to.bind("exponent", convert("i32", n));
  const half = to.bind("exponent_half", shr(exponent, 1));
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(sub(exponent, half)));
}

/** 2^n as f32 for an i32 `n` in [-126, 127], by writing the exponent field. */
export function powerOfTwo(n: Expr): Expr {
  return bitcast("f32", shl(add(n, 127), 23));
}
