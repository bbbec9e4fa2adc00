/** Looks for expressions in a statement; makes nothing, so that it costs little where there are none. */
import type { Expr, Stmt } from "../kernel-ir.ts";

/** Whether an expression of the statement, or of what is inside it, is wanted. */
export function containsExpression(statement: Stmt, isWanted: (expr: Expr) => boolean): boolean {
  const within = (body: readonly Stmt[]): boolean =>
    body.some((inner) => containsExpression(inner, isWanted));
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
      return within(statement.body);
    case "if":
      return contains(statement.cond, isWanted) || within(statement.then) || within(statement.else);
    case "barrier":
    case "comment":
      return false;
    default:
      return statement satisfies never;
  }
}

function contains(expr: Expr, isWanted: (expr: Expr) => boolean): boolean {
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
      return expr.lanes.some((lane) => contains(lane, isWanted));
    default:
      return expr satisfies never;
  }
}
