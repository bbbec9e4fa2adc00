/**
 * sinh, cosh, tanh and their inverses for f32. Near zero the polynomials of Cephes `sinhf`, `tanhf`,
 * `asinhf`, `acoshf`, `atanhf` (S. Moshier) keep relative accuracy; elsewhere exp and log do.
 */
import { abs, add, quotient, fma, gt, lt, mul, polynomial, select, sqrt, sub } from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import { withSignOf, type Expansion } from "./expansion.ts";

/** `e^a / 2`, as a square so that it overflows no earlier than the result does. */
function halfExp(a: Expr, to: Expansion): Expr {
  const root = to.bind("exp_half", to.unary("exp", mul(a, 0.5)));
  return to.bind("half_exp", mul(mul(root, 0.5), root));
}

/** `a + a z P(z)` with z = a². */
function oddSeries(a: Expr, z: Expr, coefficients: readonly number[]): Expr {
  return fma(mul(polynomial(z, coefficients), z), a, a);
}

/** sinh a = e^a/2 - 1/(2 e^a) for a > 1. */
export function expandSinh(x: Expr, to: Expansion): Expr {
  const a = to.bind("sinh_a", abs(x));
  const z = to.bind("sinh_z", mul(x, x));
  const small = oddSeries(x, z, [1.66667160211e-1, 8.33028376239e-3, 2.03721912945e-4]);
  const half = halfExp(a, to);
  const large = withSignOf(sub(half, quotient(0.25, half)), x);
  return select(lt(a, 1), small, large);
}

/** cosh a = e^a/2 + 1/(2 e^a). */
export function expandCosh(x: Expr, to: Expansion): Expr {
  const half = halfExp(to.bind("cosh_a", abs(x)), to);
  return add(half, quotient(0.25, half));
}

/** tanh a = 1 - 2 / (e^2a + 1) for a ≥ 0.625; an infinite exponential gives 1. */
export function expandTanh(x: Expr, to: Expansion): Expr {
  const a = to.bind("tanh_a", abs(x));
  const z = to.bind("tanh_z", mul(x, x));
  const small = oddSeries(
    x,
    z,
    [-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3],
  );
  const exponential = to.unary("exp", add(a, a));
  const large = withSignOf(sub(1, quotient(2, add(exponential, 1))), x);
  return select(lt(a, 0.625), small, large);
}

/** asinh a = log(a + sqrt(a² + 1)); log a + ln 2 where a² would overflow. */
export function expandAsinh(x: Expr, to: Expansion): Expr {
  const a = to.bind("asinh_a", abs(x));
  const z = to.bind("asinh_z", mul(a, a));
  const huge = to.bind("asinh_huge", gt(a, 1500));
  const small = oddSeries(x, z, [-1.6666288134e-1, 7.4847586088e-2, -4.2699340972e-2, 2.0122003309e-2]);
  const log = to.unary("log", select(huge, a, add(a, sqrt(add(z, 1)))));
  const large = withSignOf(add(log, select(huge, Math.LN2, 0)), x);
  return select(lt(a, 0.5), small, large);
}

/** acosh x = log(x + sqrt(x² - 1)); near 1 sqrt(x - 1) times a polynomial. Below 1 the root gives NaN. */
export function expandAcosh(x: Expr, to: Expansion): Expr {
  const z = to.bind("acosh_z", sub(x, 1));
  const huge = to.bind("acosh_huge", gt(x, 1500));
  const series = polynomial(
    z,
    [1.4142135263, -1.1784741703e-1, 2.6454905019e-2, -7.5272886713e-3, 1.7596881071e-3],
  );
  const small = mul(series, sqrt(z));
  const log = to.unary("log", select(huge, x, add(x, sqrt(mul(z, add(x, 1))))));
  return select(lt(z, 0.5), small, add(log, select(huge, Math.LN2, 0)));
}

/** atanh x = log((1 + x) / (1 - x)) / 2: infinite at ±1, NaN beyond, both from log. */
export function expandAtanh(x: Expr, to: Expansion): Expr {
  const z = to.bind("atanh_z", mul(x, x));
  const small = oddSeries(
    x,
    z,
    [3.33337300303e-1, 1.997821645e-1, 1.4669143173e-1, 8.24370301058e-2, 1.81740078349e-1],
  );
  const log = to.unary("log", quotient(add(1, x), sub(1, x)));
  return select(lt(abs(x), 0.5), small, mul(log, 0.5));
}
