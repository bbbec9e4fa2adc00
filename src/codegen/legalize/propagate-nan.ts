/**
 * Makes f32 `min` and `max` give NaN where an operand is NaN, for languages whose builtins give the other
 * operand. In: any kernel. Out: one without f32 `min` and `max`.
 *
 *     max(a, b)   ⇒   a >= b || a != a ? a : b        (a NaN: a; b NaN: the comparison fails, b)
 *     max(x, 0)   ⇒   x < 0 ? 0 : x                   (a constant is not NaN: one comparison does)
 */
import type { Expr, Kernel } from "../kernel-ir.ts";
import { compare, ne, or, select } from "./build-expr.ts";
import { mapExpressions, type BlockBuilder } from "./map-kernel.ts";

type MinOrMax = Extract<Expr, { kind: "binary" }> & { readonly op: "min" | "max" };

export function propagateNan(kernel: Kernel): Kernel {
  return mapExpressions(kernel, isMinOrMax, (expr, block) => minOrMax(expr.op, expr.a, expr.b, block));
}

function isMinOrMax(expr: Expr): expr is MinOrMax {
  return expr.kind === "binary" && expr.type.scalar === "f32" && (expr.op === "min" || expr.op === "max");
}

function minOrMax(op: "min" | "max", a: Expr, b: Expr, block: BlockBuilder): Expr {
  if (isNumber(b)) return againstConstant(op, block.bind(`${op}_of`, a), b);
  if (isNumber(a)) return againstConstant(op, block.bind(`${op}_of`, b), a);
  const x = block.bind(`${op}_of`, a);
  const y = block.bind(`${op}_of`, b);
  return select(or(compare(op === "max" ? "ge" : "le", x, y), ne(x, x)), x, y);
}

function againstConstant(op: "min" | "max", x: Expr, limit: Expr): Expr {
  return select(compare(op === "max" ? "lt" : "gt", x, limit), limit, x);
}

function isNumber(expr: Expr): boolean {
  if (expr.kind === "splat") return isNumber(expr.x);
  return expr.kind === "const" && !Number.isNaN(expr.value);
}
