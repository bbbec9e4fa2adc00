/**
 * erf for f32. |x| < 1: x P(x²); 1 ≤ |x| ≤ 4: 1 - e^Q(|x|), where Q approximates log(1 - erf), so the error
 * of Q shrinks with the tail; beyond 4 the result rounds to ±1 (1 - erf(4) = 1.5e-8).
 * Both polynomials are minimax fits made for this file (iteratively reweighted least squares on 2000
 * Chebyshev nodes against 40-digit values): P of erf(√z)/√z on [0, 1], largest error 1.2e-9; Q on [1, 4]
 * weighted by 1 - erf, largest error in the result 1.0e-9.
 */
import { abs, constant, gt, lt, mul, polynomial, select, sub } from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import { withSignOf, type Expansion } from "./expansion.ts";

const nearZero = [
  1.1283791065216064, -0.3761262595653534, 0.11283600330352783, -0.026854444295167923, 0.005189535208046436,
  -0.0008020841050893068, 7.889119297033176e-5,
];

const logOfTail = [
  -3.5370892146602273e-4, -1.1270400285720825, -0.6382256150245667, -0.10303743183612823,
  0.021805351600050926, -0.0029396156314760447, 0.0001855748996604234,
];

export function expandErf(x: Expr, to: Expansion): Expr {
  const small = to.bind("erf_small", mul(x, polynomial(to.bind("erf_z", mul(x, x)), nearZero)));
  const magnitude = to.bind("erf_a", abs(x));
  // NaN passes the comparison.
  const a = to.bind("erf_a", select(gt(magnitude, 4), constant(x.type, 4), magnitude));
  const large = sub(1, to.unary("exp", polynomial(a, logOfTail)));
  return select(lt(magnitude, 1), small, withSignOf(large, x));
}
