/**
 * Index expressions in one normal form. In: a scalar i32 expression. Out: `constant + Σ coefficient · atom`,
 * where an atom is a name, the group number, or an operation that is not linear. Two indices that differ by
 * a constant have the same atoms, so they share one address.
 *
 *     (i * 8 + 3) * 16 + j   ⇒   48 + 128·i + 1·j
 */
import type { Expr } from "../kernel-ir.ts";
import { printExpr } from "../print-kernel.ts";

export interface LinearIndex {
  readonly constant: number;
  /** Keyed by the text of the atom. */
  readonly terms: ReadonlyMap<string, { readonly atom: Expr; readonly coefficient: number }>;
}

const noTerms: LinearIndex["terms"] = new Map();

export function constantIndex(value: number): LinearIndex {
  return { constant: value, terms: noTerms };
}

/** `ofName` gives the form of a name that stands for a linear expression itself. */
export function linearIndex(expr: Expr, ofName: (name: string) => LinearIndex | undefined): LinearIndex {
  const visit = (inner: Expr): LinearIndex => linearIndex(inner, ofName);
  switch (expr.kind) {
    case "const":
      return constantIndex(expr.value);
    case "local":
      return constantIndex(0);
    case "ref":
      return ofName(expr.name) ?? atomIndex(expr);
    case "binary": {
      if (expr.op === "add") return combine(visit(expr.a), visit(expr.b), 1);
      if (expr.op === "sub") return combine(visit(expr.a), visit(expr.b), -1);
      if (expr.op === "mul") {
        const a = visit(expr.a);
        const b = visit(expr.b);
        if (b.terms.size === 0) return combine(constantIndex(0), a, b.constant);
        if (a.terms.size === 0) return combine(constantIndex(0), b, a.constant);
        return atomIndex(expr);
      }
      if (expr.op === "shl" && expr.b.kind === "const" && expr.b.value >= 0 && expr.b.value < 31)
        return combine(constantIndex(0), visit(expr.a), 2 ** expr.b.value);
      return atomIndex(expr);
    }
    default:
      return atomIndex(expr);
  }
}

function atomIndex(atom: Expr): LinearIndex {
  return { constant: 0, terms: new Map([[printExpr(atom), { atom, coefficient: 1 }]]) };
}

/** `a + factor · b`. */
function combine(a: LinearIndex, b: LinearIndex, factor: number): LinearIndex {
  const terms = new Map(a.terms);
  for (const [key, { atom, coefficient }] of b.terms) {
    const sum = (terms.get(key)?.coefficient ?? 0) + coefficient * factor;
    if (sum === 0) terms.delete(key);
    else terms.set(key, { atom, coefficient: sum });
  }
  return { constant: a.constant + b.constant * factor, terms };
}
