/**
 * erf for f32: |x| P(x²) / Q(x²) with the sign of x, up to 3.9; beyond, the result rounds to ±1
 * (1 - erf(3.9) = 3.5e-8). No branches, one division: half the instructions of formulas that compute the tail
 * as 1 - e^…, and PoCL's own erf takes four times as long.
 *
 * P and Q, both of degree 5, are a minimax fit made for this file (iteratively reweighted least squares on 2000
 * Chebyshev nodes against 40-digit values of erf(√z)/√z on [0, 3.9²]): largest relative error 1.7e-8. All
 * coefficients are positive, so rounding adds little: 3.5e-7 in f32.
 */
import { abs, constant, quotient, gt, mul, polynomial, select } from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import { withSignOf, type Expansion } from "./expansion.ts";

const numerator = [
  1.1283791065216064, 0.18966351449489594, 0.05266767367720604, 0.0037382144946604967, 2.8506095986813307e-4,
  2.0665190731961047e-6,
];

const denominator = [
  1, 0.5014176964759827, 0.11381761729717255, 0.014914009720087051, 1.1573476949706674e-3,
  3.827043838100508e-5,
];

const bound = 3.9;

export function expandErf(x: Expr, to: Expansion): Expr {
  const a = to.bind("erf_a", abs(x));
  const z = to.bind("erf_z", mul(a, a));
  const ratio = to.bind("erf_q", quotient(mul(a, polynomial(z, numerator)), polynomial(z, denominator)));
  // NaN passes both comparisons; what overflows lies beyond the bound.
  const one = constant(x.type, 1);
  const inside = select(gt(ratio, 1), one, ratio);
  return withSignOf(select(gt(a, bound), one, inside), x);
}
