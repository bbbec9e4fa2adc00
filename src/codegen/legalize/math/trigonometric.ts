/**
 * sin, cos, tan and their inverses for f32.
 * Forward: Cody–Waite reduction by pi/2 in three parts below 2^13, Payne–Hanek above, then the polynomials of
 * Cephes `sinf` and `cosf` on |r| ≤ pi/4. Absolute error below 1e-6 everywhere.
 * Inverse: polynomials of Cephes `asinf` and `atanf`. All by S. Moshier.
 */
import {
  abs,
  add,
  and,
  bitcast,
  convert,
  quotient,
  floor,
  fma,
  ge,
  gt,
  lt,
  mul,
  ne,
  neg,
  polynomial,
  select,
  shl,
  sqrt,
  sub,
  xor,
} from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import { withSignOf, type Expansion } from "./expansion.ts";
import { reduceLargeAngle } from "./reduce-large-angle.ts";

/** pi/2 in parts of 8, 11 and 24 bits: n times the first two is exact for n < 2^13. */
const halfPiParts = [1.5703125, 4.837512969970703125e-4, 7.549790126404332e-8] as const;

/** What remains of x after n quarter turns, the sine and cosine of it, and n. */
function reduce(x: Expr, to: Expansion): { readonly sin: Expr; readonly cos: Expr; readonly turns: Expr } {
  const n = to.bind("trig_n", floor(fma(x, 2 / Math.PI, 0.5)));
  const near = to.bind(
    "trig_r",
    halfPiParts.reduce((r, part) => fma(n, -part, r), x),
  );
  const far = reduceLargeAngle(x, to);
  const isLarge = to.bind("trig_large", and(ge(abs(x), 8192), lt(abs(x), Infinity)));
  const r = to.bind("trig_r", select(isLarge, far.rest, near));
  const z = to.bind("trig_r2", mul(r, r));
  const sin = fma(mul(polynomial(z, [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4]), z), r, r);
  const cosTail = polynomial(z, [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5]);
  const cos = add(fma(mul(z, z), cosTail, mul(z, -0.5)), 1);
  const small = lt(abs(n), 2 ** 24);
  return {
    sin: to.bind("trig_sin", sin),
    cos: to.bind("trig_cos", cos),
    turns: to.bind("trig_turns", select(isLarge, far.turns, convert("i32", select(small, n, 0)))),
  };
}

/** Flips the sign where bit 1 of `turns` is set: the second half of the circle. */
function flipInSecondHalf(value: Expr, turns: Expr): Expr {
  return bitcast("f32", xor(bitcast("i32", value), shl(and(turns, 2), 30)));
}

function isOdd(turns: Expr): Expr {
  return ne(and(turns, 1), 0);
}

export function expandSin(x: Expr, to: Expansion): Expr {
  const { sin, cos, turns } = reduce(x, to);
  return flipInSecondHalf(select(isOdd(turns), cos, sin), turns);
}

export function expandCos(x: Expr, to: Expansion): Expr {
  const { sin, cos, turns } = reduce(x, to);
  return flipInSecondHalf(select(isOdd(turns), sin, cos), add(turns, 1));
}

/** tan x = sin r / cos r, or -cos r / sin r after an odd number of quarter turns. */
export function expandTan(x: Expr, to: Expansion): Expr {
  const { sin, cos, turns } = reduce(x, to);
  const odd = to.bind("tan_odd", isOdd(turns));
  return quotient(select(odd, neg(cos), sin), select(odd, sin, cos));
}

const asinCoefficients = [
  1.6666752422e-1, 7.4953002686e-2, 4.5470025998e-2, 2.4181311049e-2, 4.2163199048e-2,
];

/** asin a for 0 ≤ a ≤ 1/2, given a². */
function asinSmall(a: Expr, square: Expr): Expr {
  return fma(mul(polynomial(square, asinCoefficients), square), a, a);
}

/** Above 1/2: asin a = pi/2 - 2 asin(sqrt((1 - a) / 2)). The root of a negative number makes |x| > 1 NaN. */
export function expandAsin(x: Expr, to: Expansion): Expr {
  const a = to.bind("asin_a", abs(x));
  const large = to.bind("asin_large", gt(a, 0.5));
  const z = to.bind("asin_z", select(large, mul(sub(1, a), 0.5), mul(a, a)));
  const y = to.bind("asin_y", asinSmall(to.bind("asin_root", select(large, sqrt(z), a)), z));
  return withSignOf(select(large, fma(y, -2, Math.PI / 2), y), x);
}

/** acos x = 2 asin(sqrt((1 - x) / 2)) above 1/2, pi minus that of -x below -1/2, pi/2 - asin x between. */
export function expandAcos(x: Expr, to: Expansion): Expr {
  const a = to.bind("acos_a", abs(x));
  const large = to.bind("acos_large", gt(a, 0.5));
  const z = to.bind("acos_z", select(large, mul(sub(1, a), 0.5), mul(a, a)));
  const root = to.bind("acos_root", select(large, sqrt(z), x));
  const y = to.bind("acos_y", asinSmall(root, z));
  const double = to.bind("acos_2y", add(y, y));
  const middle = sub(Math.PI / 2, y);
  return select(large, select(lt(x, 0), sub(Math.PI, double), double), middle);
}

/** Reduced to |t| ≤ tan(pi/8): atan a = pi/2 - atan(1/a), or pi/4 + atan((a - 1) / (a + 1)). */
export function expandAtan(x: Expr, to: Expansion): Expr {
  const a = to.bind("atan_a", abs(x));
  const large = to.bind("atan_large", gt(a, 2.414213562373095));
  const middle = to.bind("atan_middle", gt(a, 0.4142135623730951));
  // One division serves all three cases: a/1, (a - 1)/(a + 1), -1/a.
  const above = select(large, -1, select(middle, sub(a, 1), a));
  const below = select(large, a, select(middle, add(a, 1), 1));
  const t = to.bind("atan_t", quotient(above, below));
  const z = to.bind("atan_z", mul(t, t));
  const series = mul(
    polynomial(z, [-3.33329491539e-1, 1.99777106478e-1, -1.38776856032e-1, 8.05374449538e-2]),
    z,
  );
  const offset = select(large, Math.PI / 2, select(middle, Math.PI / 4, 0));
  return withSignOf(add(offset, fma(series, t, t)), x);
}
