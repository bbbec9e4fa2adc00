/** What OpenCL C says otherwise than kernel IR means it, and the passes that rewrite it. */
import type { BinaryOp, Expr, Kernel, UnaryOp } from "../kernel-ir.ts";
import { binary, compare, select } from "../legalize/build-expr.ts";
import { expandMath } from "../legalize/expand-math.ts";
import { mapExpressions } from "../legalize/map-kernel.ts";
import { propagateNan } from "../legalize/propagate-nan.ts";
import type { Target } from "../target.ts";

/**
 * Functions that are computed from basic arithmetic instead of printed. OpenCL bounds their errors to a few
 * units in the last place, but PoCL's vector versions lose all digits of sin, cos and tan in every lane of a
 * vector that holds one infinity, its erf takes a hundred cycles a vector, and its expm1 and log1p take 1.3 to 2
 * times as long as ours.
 */
export const openclExpanded: ReadonlySet<UnaryOp | BinaryOp> = new Set<UnaryOp | BinaryOp>([
  "expm1",
  "log1p",
  "sin",
  "cos",
  "tan",
  "erf",
]);

export function legalizeForOpencl(kernel: Kernel, _target: Target): Kernel {
  // OpenCL has vectors of every width that kernel IR has; the compiler splits what a register cannot hold.
  return propagateNan(expandMath(limitTanh(kernel), openclExpanded));
}

/** tanh x = ±1 beyond ±10, exact in f32: PoCL's falls short of 1 there, and is NaN at infinities. */
function limitTanh(kernel: Kernel): Kernel {
  return mapExpressions(kernel, isTanh, (expr, block) => {
    const x = block.bind("tanh_x", expr.x);
    const inner = { ...expr, x: binary("min", binary("max", x, -10), 10) };
    return select(compare("gt", x, 10), 1, select(compare("lt", x, -10), -1, inner));
  });
}

function isTanh(expr: Expr): expr is Extract<Expr, { kind: "unary" }> {
  return expr.kind === "unary" && expr.op === "tanh";
}
