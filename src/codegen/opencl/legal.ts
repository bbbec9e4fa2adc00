/** What OpenCL C says otherwise than kernel IR means it, and the passes that rewrite it. */
import type { BinaryOp, Kernel, UnaryOp } from "../kernel-ir.ts";
import { expandMath } from "../legalize/expand-math.ts";
import { propagateNan } from "../legalize/propagate-nan.ts";
import { splitWideVectors } from "../legalize/split-wide-vectors.ts";
import type { Target } from "../target.ts";

/**
 * Functions that are computed from basic arithmetic instead of printed. OpenCL bounds their errors to a few
 * units in the last place, but PoCL's vector versions lose all digits of sin, cos and tan, and the sign of
 * tanh's infinities, in every lane of a vector that holds one infinity.
 */
export const openclExpanded: ReadonlySet<UnaryOp | BinaryOp> = new Set<UnaryOp | BinaryOp>([
  "sin",
  "cos",
  "tan",
  "tanh",
]);

export function legalizeForOpencl(kernel: Kernel, _target: Target): Kernel {
  // OpenCL has vectors of every width that kernel IR has; the compiler splits what a register cannot hold.
  return splitWideVectors(propagateNan(expandMath(kernel, openclExpanded)), 16);
}
