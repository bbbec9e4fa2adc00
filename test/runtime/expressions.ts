/** The expression constructors of the legalise passes, under one import for tests. */
import type { Expr } from "../../src/codegen/kernel-ir.ts";
import { unary } from "../../src/codegen/legalize/build-expr.ts";

export * from "../../src/codegen/legalize/build-expr.ts";

export const isnanOf = (x: Expr): Expr => unary("isnan", x);
