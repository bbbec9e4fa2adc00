/**
 * What WGSL cannot say, or says too loosely, and the passes that rewrite it. The writer accepts only what
 * comes out of here.
 */
import type { BinaryOp, Kernel, UnaryOp } from "../kernel-ir.ts";
import { multiplyByExactReciprocals } from "../legalize/exact-division.ts";
import { expandMath } from "../legalize/expand-math.ts";
import { keepZeroSigns } from "../legalize/keep-zero-signs.ts";
import { propagateNan } from "../legalize/propagate-nan.ts";
import { splitWideVectors } from "../legalize/split-wide-vectors.ts";
import type { Target } from "../target.ts";

/**
 * Functions that are computed from basic arithmetic instead of printed. `erf`, `expm1` and `log1p` are missing from WGSL. The others
 * have an accuracy in the WGSL specification that f32 networks cannot live with, and implementations use it:
 * relative errors seen on SwiftShader were 4e-6 for exp and cosh, 3e-6 for pow, 3e-4 for log near 1, 2e-4 of
 * the amplitude for sin and cos, 5e-5 for acos, 6e-2 for sinh and atanh near 0; tanh(100) and asinh(1e20)
 * overflowed, and exp(NaN) was infinite. `pow` is undefined for a negative base. asin and atan were good there,
 * but may be 4096 units off elsewhere. sqrt and inverseSqrt were good to 1e-7. `%` by a constant
 * takes the driver's quotient, which may be a unit off, and then the remainder is the whole divisor.
 */
export const wgslExpanded: ReadonlySet<UnaryOp | BinaryOp> = new Set<UnaryOp | BinaryOp>([
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "pow",
  "rem",
]);

/** What is left of f32 `div` the writer calls a function for (`division.ts`). */
export function legalizeForWgsl(kernel: Kernel, _target: Target): Kernel {
  // NaN comes second: expansions may use min and max, too.
  return splitWideVectors(
    propagateNan(expandMath(keepZeroSigns(multiplyByExactReciprocals(kernel)), wgslExpanded)),
    4,
  );
}
