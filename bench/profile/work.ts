/**
 * What a kernel does, counted from its IR: floating-point operations, since loops have bounds that are known when
 * compiling, and bytes of the buffers it binds, each counted once, which is the least that any schedule moves.
 *
 *     for (i = 0; i < 4; i++) { acc = fma(a, b, acc) }   on 8 lanes, in 10 groups of 1:  4 × 16 × 10 operations
 *
 * They are the operations that run: Winograd's saving and the padding of tiles are in them. Of an `if` the longer
 * side counts; integers, comparisons, selections and conversions do not.
 */
import type { Expr, Kernel, Stmt } from "../../src/codegen/kernel-ir.ts";

export interface Work {
  readonly operations: number;
  readonly bytes: number;
}

export function workOf(kernel: Kernel): Work {
  const invocations = kernel.groups * kernel.groupSize;
  const bytes = kernel.buffers.reduce(
    (sum, { access, elementCount }) => sum + elementCount * 4 * (access === "read_write" ? 2 : 1),
    0,
  );
  return { operations: invocations * inStatements(kernel.body), bytes };
}

function inStatements(body: readonly Stmt[]): number {
  return body.reduce((sum, statement) => sum + inStatement(statement), 0);
}

function inStatement(statement: Stmt): number {
  switch (statement.kind) {
    case "let":
    case "var":
    case "assign":
    case "store":
      return inExpression(statement.value);
    case "for": {
      const times = Math.max(0, Math.ceil((statement.end - statement.start) / statement.step));
      return times * inStatements(statement.body);
    }
    case "if":
      return Math.max(inStatements(statement.then), inStatements(statement.else));
    default:
      return 0;
  }
}

function inExpression(expression: Expr): number {
  const { scalar, lanes } = expression.type;
  const own = scalar === "f32" ? lanes : 0;
  switch (expression.kind) {
    case "unary":
      return own + inExpression(expression.x);
    case "binary":
      return own + inExpression(expression.a) + inExpression(expression.b);
    case "fma":
      return 2 * own + inExpression(expression.a) + inExpression(expression.b) + inExpression(expression.c);
    case "select":
      return inExpression(expression.cond) + inExpression(expression.a) + inExpression(expression.b);
    case "compare":
      return inExpression(expression.a) + inExpression(expression.b);
    case "convert":
    case "bitcast":
    case "splat":
    case "lane":
      return inExpression(expression.x);
    case "pack":
      return expression.lanes.reduce((sum, lane) => sum + inExpression(lane), 0);
    default:
      return 0;
  }
}
