/**
 * pow for f32, as C's `powf`. |x|^y = 2^(y log2 |x|), where the logarithm is carried as an unevaluated sum
 * of two f32 (about 36 bits), because the exponential turns an absolute error of the exponent, up to 128,
 * into a relative one. The first part of each sum has its low 12 bits cleared, so products of first parts
 * are exact without a fused multiply-add (T. J. Dekker, "A floating-point technique for extending the
 * available precision", 1971).
 *
 *     m in [√½, √2), s = (m - 1) / (m + 1):   log2 |x| = e + (2 / ln 2) (s + s³/3 + s⁵/5 + …)
 *
 * The two polynomials are minimax fits made for this file (iteratively reweighted least squares against
 * 40-digit values): (atanh s - s) / s³ in s² with error 6e-10, and 2^r on |r| ≤ ½ with error 2e-9.
 */
import {
  abs,
  add,
  and,
  bitcast,
  quotient,
  eq,
  floor,
  ge,
  gt,
  lt,
  mul,
  ne,
  not,
  or,
  polynomial,
  select,
  sub,
} from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import { scaleByPowerOfTwo } from "./exp.ts";
import type { Expansion } from "./expansion.ts";
import { signBit } from "./expansion.ts";
import { splitExponent } from "./log.ts";

const twoOverLn2 = 2.885390081777927;
const twoOverLn2High = 2.884765625;
const twoOverLn2Low = 0.0006244567921385169;
const atanhTail = [0.3333333432674408, 0.20000062882900238, 0.1427525281906128, 0.1166931614279747];
const exp2Coefficients = [
  1, 0.6931471824645996, 0.24022652208805084, 0.05550327152013779, 0.009617994539439678, 0.001340043148957193,
  0.00015478018030989915,
];

/** `high + low`; `high` has at most 12 significant bits. */
interface Pair {
  readonly high: Expr;
  readonly low: Expr;
}

export function expandPow(x: Expr, y: Expr, to: Expansion): Expr {
  const a = to.bind("pow_a", abs(x));
  const magnitude = to.bind("pow_magnitude", powOfMagnitude(a, y, to));

  const isInteger = to.bind("pow_integer", eq(floor(y), y));
  const halfY = to.bind("pow_half_y", mul(y, 0.5));
  const isOdd = and(isInteger, ne(floor(halfY), halfY));
  const sign = select(isOdd, and(bitcast("i32", x), signBit), and(bitcast("i32", x), 0));
  const signed = bitcast("f32", or(bitcast("i32", magnitude), sign));

  const noRealPower = and(and(lt(x, 0), lt(a, Infinity)), not(isInteger));
  const isNan = or(or(ne(x, x), ne(y, y)), noRealPower);
  return select(or(eq(y, 0), eq(x, 1)), 1, select(isNan, NaN, signed));
}

function powOfMagnitude(a: Expr, y: Expr, to: Expansion): Expr {
  // Beyond 2^40 only a = 1 does not overflow or vanish; the bound keeps the products below finite.
  const capped = to.bind("pow_y", select(gt(y, 2 ** 40), 2 ** 40, y));
  const bounded = to.bind("pow_y", select(lt(capped, -(2 ** 40)), -(2 ** 40), capped));
  const exponent = splitBits(bounded, to);
  const log2 = log2Pair(a, to);

  const high = to.bind("pow_high", mul(exponent.high, log2.high));
  const low = to.bind("pow_low", add(mul(exponent.low, log2.high), mul(bounded, log2.low)));
  const sum = to.bind("pow_sum", add(high, low));
  const inRange = to.bind("pow_in_range", and(lt(sum, 130), gt(sum, -160)));
  const n = to.bind("pow_n", select(inRange, floor(add(sum, 0.5)), 0));
  const r = to.bind("pow_r", select(inRange, add(sub(high, n), low), 0));
  const power = scaleByPowerOfTwo(to.bind("pow_exp2", polynomial(r, exp2Coefficients)), n, to);

  const finite = select(inRange, power, select(ge(sum, 130), Infinity, 0));
  // log2 of 0 and of infinity, which the bits above do not give. (NaN is dealt with by the caller.)
  const growsForPositive = gt(y, 0);
  return select(
    eq(a, 0),
    select(growsForPositive, 0, Infinity),
    select(lt(a, Infinity), finite, select(growsForPositive, Infinity, 0)),
  );
}

/** log2 a to about 36 bits, for positive finite a. */
function log2Pair(a: Expr, to: Expansion): Pair {
  const { mantissa, exponent } = splitExponent(a, to);
  const f = to.bind("pow_f", sub(mantissa, 1));
  const divisor = to.bind("pow_d", add(mantissa, 1));
  const s = to.bind("pow_s", quotient(f, divisor));
  const sHigh = clearLowBits(s, to);
  const dHigh = clearLowBits(divisor, to);
  const dLow = sub(mantissa, sub(dHigh, 1));
  // What the division left over: f - sHigh (1 + m), exactly, then divided.
  const remainder = sub(sub(f, mul(sHigh, dHigh)), mul(sHigh, dLow));
  const sLow = quotient(remainder, divisor);
  const z = to.bind("pow_z", mul(s, s));
  const tail = to.bind("pow_tail", add(mul(mul(z, s), polynomial(z, atanhTail)), sLow));

  const vHigh = clearLowBits(to.bind("pow_v", add(sHigh, tail)), to);
  const vLow = to.bind("pow_v_low", sub(tail, sub(vHigh, sHigh)));
  const scaledHigh = to.bind("pow_scaled", mul(vHigh, twoOverLn2High));
  const scaledLow = to.bind("pow_scaled_low", add(mul(vHigh, twoOverLn2Low), mul(vLow, twoOverLn2)));

  const high = clearLowBits(to.bind("pow_log2", add(add(exponent, scaledHigh), scaledLow)), to);
  return { high, low: to.bind("pow_log2_low", sub(scaledLow, sub(sub(high, exponent), scaledHigh))) };
}

function splitBits(x: Expr, to: Expansion): Pair {
  const high = clearLowBits(x, to);
  return { high, low: to.bind("pow_rest", sub(x, high)) };
}

/** x with 12 significant bits, rounded toward zero. */
function clearLowBits(x: Expr, to: Expansion): Expr {
  return to.bind("pow_head", bitcast("f32", and(bitcast("i32", x), ~0xfff)));
}
