/**
 * The traversal that all legalise passes share. In: a kernel and a rewrite. Out: a new kernel; the old one
 * is untouched. Invariants: names stay unique, statements keep their order, and what a rewrite needs more
 * than once is bound by a `let` in front of the statement it serves (expressions are pure, so evaluating
 * them a little earlier changes nothing).
 *
 *     y = tanh(exp(x))      ⇒      t1 = …exp of x…
 *                                  t2 = …tanh of t1…
 *                                  y = t2
 */
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import { ref } from "./build-expr.ts";
import { containsExpression } from "./contains-expression.ts";

/** Gives out names that occur nowhere in a kernel. */
export class FreshNames {
  readonly #taken: Set<string>;
  readonly #counters = new Map<string, number>();

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** `wanted` itself where it is free, else `wanted_1`, `wanted_2` … */
  claim(wanted: string): string {
    let name = wanted;
    let count = this.#counters.get(wanted) ?? 0;
    while (this.#taken.has(name)) name = `${wanted}_${++count}`;
    this.#counters.set(wanted, count);
    this.#taken.add(name);
    return name;
  }
}

/** Collects the statements of one block. */
export class BlockBuilder {
  readonly statements: Stmt[] = [];
  constructor(readonly names: FreshNames) {}

  emit(statement: Stmt): void {
    this.statements.push(statement);
  }

  /** Binds `value` to a fresh name, unless it is a name or a constant already, and returns how to refer to it. */
  bind(name: string, value: Expr): Expr {
    if (isAtom(value)) return value;
    const fresh = this.names.claim(name);
    this.emit({ kind: "let", name: fresh, value });
    return ref(fresh, value.type);
  }
}

/** Costs nothing to repeat. */
export function isAtom(expr: Expr): boolean {
  return expr.kind === "const" || expr.kind === "ref" || expr.kind === "group" || expr.kind === "local";
}

/** Every name that a kernel binds or declares. */
export function namesOf(kernel: Kernel): readonly string[] {
  const names = [kernel.name, ...kernel.buffers.map((b) => b.name), ...kernel.shared.map((s) => s.name)];
  const visit = (body: readonly Stmt[]): void => {
    for (const statement of body) {
      if ("name" in statement) names.push(statement.name);
      if (statement.kind === "for") visit(statement.body);
      if (statement.kind === "if") {
        visit(statement.then);
        visit(statement.else);
      }
    }
  };
  visit(kernel.body);
  return names;
}

/**
 * Rewrites statement by statement. `rewrite` gets each statement and the block to emit its replacement
 * into; `nested` turns an inner body into a rewritten one.
 */
export function mapStatements(
  kernel: Kernel,
  rewrite: (statement: Stmt, block: BlockBuilder, nested: (body: readonly Stmt[]) => readonly Stmt[]) => void,
): Kernel {
  const names = new FreshNames(namesOf(kernel));
  const nested = (body: readonly Stmt[]): readonly Stmt[] => {
    const block = new BlockBuilder(names);
    for (const statement of body) rewrite(statement, block, nested);
    return block.statements;
  };
  return { ...kernel, body: nested(kernel.body) };
}

/**
 * Rewrites the expressions that `isWanted` picks, operands before operations. `rewrite` gets an expression whose
 * operands are rewritten already. Expression objects that are shared within a statement are rewritten once, and
 * statements without any that is wanted stay the objects that they were: most of a kernel, in most passes.
 */
export function mapExpressions<Wanted extends Expr>(
  kernel: Kernel,
  isWanted: (expr: Expr) => expr is Wanted,
  rewrite: (expr: Wanted, block: BlockBuilder) => Expr,
): Kernel {
  if (!kernel.body.some((statement) => containsExpression(statement, isWanted))) return kernel;
  return mapStatements(kernel, (statement, block, nested) => {
    if (!containsExpression(statement, isWanted)) return block.emit(statement);
    const done = new Map<Expr, Expr>();
    const visit = (expr: Expr): Expr => {
      const known = done.get(expr);
      if (known !== undefined) return known;
      const mapped = mapOperands(expr, visit);
      const result = isWanted(mapped) ? rewrite(mapped, block) : mapped;
      done.set(expr, result);
      return result;
    };
    block.emit(mapStatement(statement, visit, nested));
  });
}

/** The same operation on mapped operands; the very same object where nothing changed. */
export function mapOperands(expr: Expr, map: (operand: Expr) => Expr): Expr {
  switch (expr.kind) {
    case "const":
    case "ref":
    case "group":
    case "local":
      return expr;
    case "unary":
    case "convert":
    case "bitcast":
    case "splat":
    case "lane": {
      const x = map(expr.x);
      return x === expr.x ? expr : { ...expr, x };
    }
    case "binary":
    case "compare": {
      const a = map(expr.a);
      const b = map(expr.b);
      return a === expr.a && b === expr.b ? expr : { ...expr, a, b };
    }
    case "fma": {
      const a = map(expr.a);
      const b = map(expr.b);
      const c = map(expr.c);
      return a === expr.a && b === expr.b && c === expr.c ? expr : { ...expr, a, b, c };
    }
    case "select": {
      const cond = map(expr.cond);
      const a = map(expr.a);
      const b = map(expr.b);
      return cond === expr.cond && a === expr.a && b === expr.b ? expr : { ...expr, cond, a, b };
    }
    case "pack":
      return { ...expr, lanes: expr.lanes.map(map) };
    default:
      return expr satisfies never;
  }
}

/** The operands of an expression, in order of evaluation. */
export function operandsOf(expr: Expr): readonly Expr[] {
  const operands: Expr[] = [];
  mapOperands(expr, (operand) => {
    operands.push(operand);
    return operand;
  });
  return operands;
}

/** The same statement with its own expressions and its inner bodies mapped. */
export function mapStatement(
  statement: Stmt,
  map: (expr: Expr) => Expr,
  nested: (body: readonly Stmt[]) => readonly Stmt[],
): Stmt {
  switch (statement.kind) {
    case "let":
    case "var":
    case "assign":
      return { ...statement, value: map(statement.value) };
    case "load":
    case "prefetch":
      return { ...statement, index: map(statement.index) };
    case "store":
      return { ...statement, index: map(statement.index), value: map(statement.value) };
    case "for":
      return { ...statement, body: nested(statement.body) };
    case "if":
      return {
        ...statement,
        cond: map(statement.cond),
        then: nested(statement.then),
        else: nested(statement.else),
      };
    case "barrier":
    case "comment":
      return statement;
    default:
      return statement satisfies never;
  }
}
