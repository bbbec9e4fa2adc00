/** Looks for expressions in a statement; makes nothing, so that it costs little where there are none. */
import type { Expr, Stmt } from "../kernel-ir.ts";

/** Whether an expression of the statement, or of what is inside it, is wanted. */
export function containsExpression(statement: Stmt, isWanted: (expr: Expr) => boolean): boolean {
  switch (statement.kind) {
    case "let":
    case "var":
    case "assign":
      return contains(statement.value, isWanted);
    case "load":
    case "prefetch":
      return contains(statement.index, isWanted);
    case "store":
      return contains(statement.index, isWanted) || contains(statement.value, isWanted);
    case "for":
      return containsIn(statement.body, isWanted);
    case "if":
      return (
        contains(statement.cond, isWanted) ||
        containsIn(statement.then, isWanted) ||
        containsIn(statement.else, isWanted)
      );
    case "barrier":
    case "comment":
      return false;
    default:
      return statement satisfies never;
  }
}

// Loops rather than callbacks here and below, which would each need memory.
function containsIn(body: readonly Stmt[], isWanted: (expr: Expr) => boolean): boolean {
  for (let i = 0; i < body.length; i++) if (containsExpression(body[i]!, isWanted)) return true;
  return false;
}

/** Whether the expression or an operand of it, however deep, is wanted. */
export function contains(expr: Expr, isWanted: (expr: Expr) => boolean): boolean {
  if (isWanted(expr)) return true;
  switch (expr.kind) {
    case "const":
    case "ref":
    case "group":
    case "local":
      return false;
    case "unary":
    case "convert":
    case "bitcast":
    case "splat":
    case "lane":
      return contains(expr.x, isWanted);
    case "binary":
    case "compare":
      return contains(expr.a, isWanted) || contains(expr.b, isWanted);
    case "fma":
      return contains(expr.a, isWanted) || contains(expr.b, isWanted) || contains(expr.c, isWanted);
    case "select":
      return contains(expr.cond, isWanted) || contains(expr.a, isWanted) || contains(expr.b, isWanted);
    case "pack":
      for (let i = 0; i < expr.lanes.length; i++) if (contains(expr.lanes[i]!, isWanted)) return true;
      return false;
    default:
      return expr satisfies never;
  }
}
