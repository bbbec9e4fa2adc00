/**
 * Writes addresses of loads and stores. In: a buffer's base and an element index. Out: on the stack, a byte
 * address; returned, the constant offset for the instruction itself. All accesses whose indices differ by
 * constants share one address, and its loop-invariant parts are computed in front of the loops.
 *
 *     x[i * 64 + k + 3], x[i * 64 + k + 67]   ⇒   in front of the k loop: row = x + i * 256
 *                                                 in the loop: at = row + k * 4; load at +12, load at +268
 */
import type { Expr } from "../kernel-ir.ts";
import { contains } from "../legalize/contains-expression.ts";
import { guardBytes } from "./abi.ts";
import { scaleRange } from "./index-range.ts";
import { linearIndex, type LinearIndex, type LinearTerm } from "./linear-index.ts";
import type { CodeBuffer } from "./encoder.ts";
import { integerRange, writeExpr, type ExprContext } from "./write-expr.ts";

interface Term extends LinearTerm {
  /** The outermost block that can compute it. */
  readonly depth: number;
}

/** Negative constants are rounded down to a multiple of this, so that neighbours still share an address. */
const biasElements = 1024;

export function indexForm(index: Expr, context: ExprContext): LinearIndex {
  return linearIndex(index, context.linearOfName);
}

/** Pushes the address of element `index` less the returned number of bytes. */
export function writeAddress(base: number, index: Expr, context: ExprContext): number {
  const { constant, terms: unordered } = indexForm(index, context);
  const terms = byDepth(unordered, context);

  const bias = constant < 0 ? Math.floor(constant / biasElements) * biasElements : 0;
  let lowest = bias;
  for (const { atom, coefficient } of terms)
    lowest += scaleRange(integerRange(atom, context), coefficient).min;
  // An address in front of a buffer may wrap around zero, and then the offset of a load does not wrap back.
  const folds = lowest * 4 >= -guardBytes;
  const inAddress = folds ? bias : constant;

  const { scopes } = context;
  let address = base;
  let key = `${base}+${inAddress}`;
  // Level by level, outermost first: what was added up to one is a local there, and known by its text.
  let next = 0;
  let depth = inAddress === 0 ? terms[0]?.depth : 0;
  for (; depth !== undefined && Number.isFinite(depth); depth = terms[next]?.depth) {
    const first = next;
    for (; terms[next]?.depth === depth; next++) key += `+${terms[next]!.coefficient}*${terms[next]!.key}`;
    const scope = scopes.at(depth);
    const known = scope.cache.get(key);
    if (known !== undefined) {
      address = known;
      continue;
    }
    scope.code.get(address);
    if (depth === 0 && inAddress !== 0) scope.code.i32(inAddress * 4).op("i32.add");
    for (let i = first; i < next; i++) writeTerm(terms[i]!, scope.code, context);
    address = scopes.newLocal("i32");
    scope.code.set(address);
    scope.cache.set(key, address);
  }
  scopes.code.get(address);
  for (; next < terms.length; next++) writeTerm(terms[next]!, scopes.code, context);
  return folds ? (constant - bias) * 4 : 0;
}

/** Order decides only which sums are shared: what is available furthest out comes first. */
function byDepth(terms: readonly LinearTerm[], context: ExprContext): readonly Term[] {
  const sorted: Term[] = [];
  for (const { key, atom, coefficient } of terms) {
    const depth = depthOf(atom, context);
    // There are few: those that come after it move up, one by one.
    let at = sorted.length;
    for (; at > 0; at--) {
      const other = sorted[at - 1]!;
      if (other.depth < depth || (other.depth === depth && other.key < key)) break;
      sorted[at] = other;
    }
    sorted[at] = { key, atom, coefficient, depth };
  }
  return sorted;
}

/** Adds `4 · coefficient · atom` to the address on the stack. */
function writeTerm({ atom, coefficient, depth, key }: Term, code: CodeBuffer, context: ExprContext): void {
  if (atom.kind === "ref" || atom.kind === "group" || !Number.isFinite(depth)) writeExpr(atom, code, context);
  else code.get(cachedValue(key, atom, depth, context));
  const scale = coefficient * 4;
  const shift = Math.log2(scale);
  if (Number.isInteger(shift)) code.i32(shift).op("i32.shl");
  else code.i32(scale).op("i32.mul");
  code.op("i32.add");
}

/** The local that holds a value which is not linear, computed once in the block it belongs to. */
function cachedValue(key: string, atom: Expr, depth: number, context: ExprContext): number {
  const scope = context.scopes.at(depth);
  const known = scope.cache.get(key);
  if (known !== undefined) return known;
  const local = context.scopes.newLocal("i32");
  // The address that asks may be half written in the same code: this leaves the stack as it was.
  writeExpr(atom, scope.code, context);
  scope.code.set(local);
  scope.cache.set(key, local);
  return local;
}

/** The outermost block in which an expression can be computed; Infinity if it reads something mutable. */
export function depthOf(expr: Expr, context: ExprContext): number {
  let depth = 0;
  contains(expr, (part) => {
    if (part.kind === "ref") depth = Math.max(depth, context.scopes.binding(part.name).depth);
    if (part.kind === "group") depth = Math.max(depth, 1);
    return depth === Infinity;
  });
  return depth;
}
