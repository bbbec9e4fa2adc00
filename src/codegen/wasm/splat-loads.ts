/**
 * Finds scalar loads that are only ever used in every lane of a vector; those become one
 * `v128.load32_splat`. In: a legalised kernel. Out: the names of such loads.
 *
 *     x = load input[i]   and everywhere `splat4(x)`
 */
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import { mapStatement, operandsOf } from "../legalize/map-kernel.ts";

export function splatOnlyLoads(kernel: Kernel): ReadonlySet<string> {
  const loaded = new Set<string>();
  const splat = new Set<string>();
  const otherwise = new Set<string>();
  const visitExpr = (expr: Expr): Expr => {
    if (expr.kind === "ref") otherwise.add(expr.name);
    if (expr.kind === "splat" && expr.x.kind === "ref") splat.add(expr.x.name);
    else operandsOf(expr).forEach(visitExpr);
    return expr;
  };
  const visitBody = (body: readonly Stmt[]): readonly Stmt[] => {
    for (const statement of body) {
      if (statement.kind === "load" && statement.type.lanes === 1) loaded.add(statement.name);
      mapStatement(statement, visitExpr, visitBody);
    }
    return body;
  };
  visitBody(kernel.body);
  return new Set([...loaded].filter((name) => splat.has(name) && !otherwise.has(name)));
}
