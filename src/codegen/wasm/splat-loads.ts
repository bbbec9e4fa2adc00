/**
 * Finds scalar loads that are only ever used in every lane of a vector; those become one
 * `v128.load32_splat`. In: a legalised kernel. Out: the names of such loads.
 *
 *     x = load input[i]   and everywhere `splat4(x)`
 */
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import { containsExpression } from "../legalize/contains-expression.ts";

export function splatOnlyLoads(kernel: Kernel): ReadonlySet<string> {
  const loaded = new Set<string>();
  const uses = new Map<string, { splat: number; all: number }>();
  const usesOf = (name: string) => {
    let counts = uses.get(name);
    if (counts === undefined) uses.set(name, (counts = { splat: 0, all: 0 }));
    return counts;
  };
  // A splat is visited, then what is in it.
  const count = (expr: Expr): boolean => {
    if (expr.kind === "ref") usesOf(expr.name).all++;
    if (expr.kind === "splat" && expr.x.kind === "ref") usesOf(expr.x.name).splat++;
    return false;
  };
  const findLoads = (body: readonly Stmt[]): void => {
    for (const statement of body) {
      if (statement.kind === "load" && statement.type.lanes === 1) loaded.add(statement.name);
      if (statement.kind === "for") findLoads(statement.body);
      if (statement.kind === "if") {
        findLoads(statement.then);
        findLoads(statement.else);
      }
    }
  };
  findLoads(kernel.body);
  for (const statement of kernel.body) containsExpression(statement, count);
  const isSplatOnly = (name: string): boolean => {
    const counts = uses.get(name);
    return counts !== undefined && counts.splat === counts.all;
  };
  return new Set([...loaded].filter(isSplatOnly));
}
