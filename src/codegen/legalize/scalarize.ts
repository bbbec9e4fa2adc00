/**
 * Takes chosen vector operations apart into scalar ones, for languages that have them only for scalars. In:
 * a kernel and which operations. Out: a kernel in which each of those is a `pack` of scalar operations.
 *
 *     q = div4(a, b)   ⇒   q = pack4(a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3])
 */
import type { Expr, Kernel } from "../kernel-ir.ts";
import { constant, lane } from "./build-expr.ts";
import { mapExpressions, mapOperands } from "./map-kernel.ts";

export function scalarize(kernel: Kernel, chosen: (expr: Expr) => boolean): Kernel {
  const isWanted = (expr: Expr): expr is Expr => expr.type.lanes > 1 && chosen(expr);
  return mapExpressions(kernel, isWanted, (expr, block) => {
    const bound = mapOperands(expr, (operand) => block.bind("vector", operand));
    const lanes = Array.from({ length: expr.type.lanes }, (_, k) => {
      const scalar = mapOperands(bound, (operand) => laneOf(operand, k));
      return { ...scalar, type: { ...expr.type, lanes: 1 } } as Expr;
    });
    return { kind: "pack", type: expr.type, lanes };
  });
}

function laneOf(vector: Expr, index: number): Expr {
  return vector.kind === "const" ? constant({ ...vector.type, lanes: 1 }, vector.value) : lane(vector, index);
}
