/**
 * Keeps sums with a constant zero from being folded to their other operand, which turns 0 into −0: compilers of WGSL do
 * that, since WGSL lets them ignore signs of zeros. In: any kernel. Out: one without such sums.
 *
 *     x + 0      ⇒   x == 0 ? 0 : x          (−0 + 0 = 0; a NaN equals nothing)
 *     x − (−0)   ⇒   x == 0 ? 0 : x
 */
import type { Expr, Kernel } from "../kernel-ir.ts";
import { constant, eq, select } from "./build-expr.ts";
import { mapExpressions } from "./map-kernel.ts";

export function keepZeroSigns(kernel: Kernel): Kernel {
  return mapExpressions(kernel, isSumWithZero, (expr, block) => {
    const x = block.bind("sum_of", isZero(expr.b, expr.op === "sub") ? expr.a : expr.b);
    return select(eq(x, 0), constant(x.type, 0), x);
  });
}

function isSumWithZero(expr: Expr): expr is Extract<Expr, { kind: "binary" }> {
  if (expr.kind !== "binary" || expr.type.scalar !== "f32") return false;
  if (expr.op === "sub") return isZero(expr.b, true);
  return expr.op === "add" && (isZero(expr.a, false) || isZero(expr.b, false));
}

function isZero(expr: Expr, negative: boolean): boolean {
  if (expr.kind === "splat") return isZero(expr.x, negative);
  return expr.kind === "const" && Object.is(expr.value, negative ? -0 : 0);
}
