/**
 * What a kernel goes through before it can be written as WebAssembly. In: any CPU-family kernel. Out: one
 * with values of 1 or 4 lanes and only operations that WebAssembly has.
 */
import { InternalError } from "../../errors.ts";
import type { BinaryOp, Expr, Kernel, UnaryOp } from "../kernel-ir.ts";
import { eq, select } from "../legalize/build-expr.ts";
import { expandableOps, expandMath } from "../legalize/expand-math.ts";
import { mapExpressions } from "../legalize/map-kernel.ts";
import { scalarize } from "../legalize/scalarize.ts";
import { splitVectors } from "../legalize/split-wide-vectors.ts";
import type { Target } from "../target.ts";

/** WebAssembly rounds half to even itself, and has nothing else of the list. */
const missingOps: ReadonlySet<UnaryOp | BinaryOp> = new Set(
  [...expandableOps].filter((op) => op !== "round"),
);

export function legalizeForWasm(kernel: Kernel, target: Target): Kernel {
  if (target.language !== "wasm")
    throw new InternalError(`legalize-for-wasm: ${kernel.name} is for ${target.language}`);
  const split = splitVectors(kernel, (lanes) => (lanes >= 4 ? 4 : 1));
  return guardDivision(scalarize(expandMath(split, missingOps), lacksVectorForm));
}

/** Integer division has no vector form; shifts have one only for a count that all lanes share. */
function lacksVectorForm(expr: Expr): boolean {
  if (expr.kind !== "binary" || expr.type.scalar === "f32") return false;
  if (expr.op === "div" || expr.op === "rem") return true;
  const isShift = expr.op === "shl" || expr.op === "shr";
  return isShift && expr.b.kind !== "const" && expr.b.kind !== "splat";
}

/** WebAssembly traps on division by zero; WGSL gives the dividend, and so does this: `a / (b == 0 ? 1 : b)`. */
function guardDivision(kernel: Kernel): Kernel {
  return mapExpressions(kernel, mayDivideByZero, (expr, block) => {
    const divisor = block.bind("divisor", expr.b);
    return { ...expr, b: select(eq(divisor, 0), 1, divisor) };
  });
}

function mayDivideByZero(expr: Expr): expr is Extract<Expr, { kind: "binary" }> {
  if (expr.kind !== "binary" || expr.type.scalar === "f32") return false;
  return (expr.op === "div" || expr.op === "rem") && expr.b.kind !== "const";
}
