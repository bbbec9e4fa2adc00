/**
 * Expands functions that a language lacks, or computes too coarsely, into basic operations. In: a kernel and
 * the functions to expand. Out: a kernel without them; the result stays within 2e-6 (relative) of the true
 * value, and infinities, NaN, zeros and overflow behave as in C.
 *
 *     y = rsqrt(x)   ⇒   y = 1.0 / sqrt(x)
 */
import type { BinaryOp, Expr, Kernel, UnaryOp } from "../kernel-ir.ts";
import { mapExpressions } from "./map-kernel.ts";
import { expandErf } from "./math/erf.ts";
import { expandExp, expandExpm1 } from "./math/exp.ts";
import { expansionInto, type BinaryExpansion, type UnaryExpansion } from "./math/expansion.ts";
import {
  expandAcosh,
  expandAsinh,
  expandAtanh,
  expandCosh,
  expandSinh,
  expandTanh,
} from "./math/hyperbolic.ts";
import { expandLog, expandLog1p } from "./math/log.ts";
import { expandPow } from "./math/pow.ts";
import { expandIsnan, expandRem, expandRound, expandRsqrt, expandSign } from "./math/rounding.ts";
import { expandAcos, expandAsin, expandAtan, expandCos, expandSin, expandTan } from "./math/trigonometric.ts";

const unaryExpansions: Readonly<Partial<Record<UnaryOp, UnaryExpansion>>> = {
  exp: expandExp,
  expm1: expandExpm1,
  log: expandLog,
  log1p: expandLog1p,
  sin: expandSin,
  cos: expandCos,
  tan: expandTan,
  asin: expandAsin,
  acos: expandAcos,
  atan: expandAtan,
  sinh: expandSinh,
  cosh: expandCosh,
  tanh: expandTanh,
  asinh: expandAsinh,
  acosh: expandAcosh,
  atanh: expandAtanh,
  erf: expandErf,
  sign: expandSign,
  round: expandRound,
  rsqrt: expandRsqrt,
  isnan: expandIsnan,
};

const binaryExpansions: Readonly<Partial<Record<BinaryOp, BinaryExpansion>>> = {
  pow: expandPow,
  rem: expandRem,
};

/** Every function that `expandMath` knows. */
export const expandableOps: ReadonlySet<UnaryOp | BinaryOp> = new Set([
  ...(Object.keys(unaryExpansions) as UnaryOp[]),
  ...(Object.keys(binaryExpansions) as BinaryOp[]),
]);

/** Expands `ops`, which must be among `expandableOps`; `rem` means that of f32, integers keep theirs. */
export function expandMath(kernel: Kernel, ops: ReadonlySet<UnaryOp | BinaryOp>): Kernel {
  const unaryOf = (op: UnaryOp) => (ops.has(op) ? unaryExpansions[op] : undefined);
  const binaryOf = (op: BinaryOp) => (ops.has(op) ? binaryExpansions[op] : undefined);
  type Function = Extract<Expr, { kind: "unary" | "binary" }>;
  const isExpanded = (expr: Expr): expr is Function =>
    (expr.kind === "unary" && unaryOf(expr.op) !== undefined) ||
    (expr.kind === "binary" && expr.type.scalar === "f32" && binaryOf(expr.op) !== undefined);
  return mapExpressions(kernel, isExpanded, (expr, block) => {
    const expansion = expansionInto(block, unaryOf, binaryOf);
    return expr.kind === "unary"
      ? expansion.unary(expr.op, expr.x)
      : expansion.binary(expr.op, expr.a, expr.b);
  });
}
