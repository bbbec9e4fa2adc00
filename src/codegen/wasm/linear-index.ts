/**
 * Index expressions in one normal form. In: a scalar i32 expression. Out: `constant + Σ coefficient · atom`,
 * where an atom is a name, the group number, or an operation that is not linear. Two indices that differ by
 * a constant have the same atoms, so they share one address.
 *
 *     (i * 8 + 3) * 16 + j   ⇒   48 + 128·i + 1·j
 */
import type { Expr } from "../kernel-ir.ts";
import { printExpr } from "../print-kernel.ts";

export interface LinearTerm {
  /** The text of the atom; each occurs once. */
  readonly key: string;
  readonly atom: Expr;
  readonly coefficient: number;
}

export interface LinearIndex {
  readonly constant: number;
  /** A list and no map: there are few, and there are many indices. */
  readonly terms: readonly LinearTerm[];
}

const noTerms: LinearIndex["terms"] = [];

export function constantIndex(value: number): LinearIndex {
  return { constant: value, terms: noTerms };
}

/** `ofName` gives the form of a name that stands for a linear expression itself. */
export function linearIndex(expr: Expr, ofName: (name: string) => LinearIndex | undefined): LinearIndex {
  switch (expr.kind) {
    case "const":
      return constantIndex(expr.value);
    case "local":
      return constantIndex(0);
    case "ref":
      return ofName(expr.name) ?? atomIndex(expr);
    case "binary": {
      if (expr.op === "add") return combine(linearIndex(expr.a, ofName), linearIndex(expr.b, ofName), 1);
      if (expr.op === "sub") return combine(linearIndex(expr.a, ofName), linearIndex(expr.b, ofName), -1);
      if (expr.op === "mul") {
        const a = linearIndex(expr.a, ofName);
        const b = linearIndex(expr.b, ofName);
        if (b.terms.length === 0) return scale(a, b.constant);
        if (a.terms.length === 0) return scale(b, a.constant);
        return atomIndex(expr);
      }
      if (expr.op === "shl" && expr.b.kind === "const" && expr.b.value >= 0 && expr.b.value < 31)
        return scale(linearIndex(expr.a, ofName), 2 ** expr.b.value);
      return atomIndex(expr);
    }
    default:
      return atomIndex(expr);
  }
}

function atomIndex(atom: Expr): LinearIndex {
  return { constant: 0, terms: [{ key: printExpr(atom), atom, coefficient: 1 }] };
}

function scale(index: LinearIndex, factor: number): LinearIndex {
  if (factor === 1) return index;
  if (factor === 0) return constantIndex(0);
  const terms = index.terms.map(({ key, atom, coefficient }) => {
    return { key, atom, coefficient: coefficient * factor };
  });
  return { constant: index.constant * factor, terms };
}

/** `a + factor · b`. */
function combine(a: LinearIndex, b: LinearIndex, factor: 1 | -1): LinearIndex {
  const constant = a.constant + b.constant * factor;
  if (b.terms.length === 0) return { constant, terms: a.terms };
  const terms = a.terms.slice();
  for (const { key, atom, coefficient } of b.terms) {
    const at = terms.findIndex((term) => term.key === key);
    const sum = (terms[at]?.coefficient ?? 0) + coefficient * factor;
    if (at < 0) terms.push({ key, atom, coefficient: sum });
    else if (sum === 0) terms.splice(at, 1);
    else terms[at] = { key, atom, coefficient: sum };
  }
  return { constant, terms };
}
