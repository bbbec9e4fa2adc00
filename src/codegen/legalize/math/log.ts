/**
 * log for f32: x = 2^e m with sqrt(1/2) ≤ m < sqrt 2, log x = e ln 2 + log m.
 * Polynomial for log(1 + f) and the two parts of ln 2: Cephes `logf` (S. Moshier). Relative error about 1e-7.
 */
import { add, bitcast, convert, eq, fma, lt, mul, polynomial, select, shl, shr, sub } from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import type { Expansion } from "./expansion.ts";

const ln2High = 0.693359375;
const ln2Low = -2.1219444e-4;

const coefficients = [
  3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
  1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
];

export function expandLog(x: Expr, to: Expansion): Expr {
  const { mantissa, exponent } = splitExponent(x, to);
  return logOf(x, exponent, sub(mantissa, 1), to);
}

/** log(1 + x): where the sum lies near 1, what it lost of x is in x itself. */
export function expandLog1p(x: Expr, to: Expansion): Expr {
  const sum = to.bind("log_sum", add(x, 1));
  const { mantissa, exponent } = splitExponent(sum, to);
  return logOf(sum, exponent, select(eq(exponent, 0), x, sub(mantissa, 1)), to);
}

/** log x from its exponent and `fraction`, its mantissa less 1. */
function logOf(x: Expr, exponent: Expr, fraction: Expr, to: Expansion): Expr {
  const f = to.bind("log_f", fraction);
  const square = to.bind("log_f2", mul(f, f));
  const series = mul(mul(square, f), polynomial(f, coefficients));
  const small = fma(square, -0.5, fma(exponent, ln2Low, series));
  const finite = to.bind("log_y", fma(exponent, ln2High, add(f, small)));
  // +inf and NaN give themselves; zero gives -inf; what is below zero gives NaN.
  const large = select(lt(x, Infinity), finite, x);
  return select(eq(x, 0), -Infinity, select(lt(x, 0), NaN, large));
}

/**
 * `mantissa` in [sqrt(1/2), sqrt 2) and integral f32 `exponent` of a positive finite x, denormals included.
 * Subtracting the bits of sqrt(1/2) moves the boundary between exponents to there.
 */
export function splitExponent(x: Expr, to: Expansion): { readonly mantissa: Expr; readonly exponent: Expr } {
  const denormal = to.bind("log_denormal", lt(x, 2 ** -126));
  const bits = to.bind("log_bits", bitcast("i32", select(denormal, mul(x, 2 ** 25), x)));
  const exponent = to.bind("log_e", shr(sub(bits, sqrtHalfBits), 23));
  const mantissa = bitcast("f32", sub(bits, shl(exponent, 23)));
  return {
    mantissa: to.bind("log_m", mantissa),
    exponent: to.bind("log_n", sub(convert("f32", exponent), select(denormal, 25, 0))),
  };
}

/** The bits of f32 sqrt(1/2), rounded down. */
const sqrtHalfBits = 0x3f3504f3;
