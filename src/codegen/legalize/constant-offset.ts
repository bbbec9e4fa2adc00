/**
 * Separates an index into what varies and a constant. In: a scalar i32 expression. Out: `rest` and `offset`
 * with `index = rest + offset`, looking through additions and subtractions of constants only.
 *
 *     (i * 64 + 3) + k + 12   ⇒   rest (i * 64) + k, offset 15
 */
import type { Expr } from "../kernel-ir.ts";
import { binary, constant } from "./build-expr.ts";

export interface ConstantOffset {
  readonly rest: Expr;
  readonly offset: number;
}

export function splitConstantOffset(index: Expr): ConstantOffset {
  if (index.kind === "const") return { rest: constant(index.type, 0), offset: index.value };
  if (index.kind !== "binary" || (index.op !== "add" && index.op !== "sub"))
    return { rest: index, offset: 0 };
  const a = splitConstantOffset(index.a);
  const b = splitConstantOffset(index.b);
  const offset = index.op === "add" ? a.offset + b.offset : a.offset - b.offset;
  if (isZero(b.rest)) return { rest: a.rest, offset };
  if (isZero(a.rest) && index.op === "add") return { rest: b.rest, offset };
  return { rest: binary(index.op, a.rest, b.rest), offset };
}

function isZero(expr: Expr): boolean {
  return expr.kind === "const" && expr.value === 0;
}
