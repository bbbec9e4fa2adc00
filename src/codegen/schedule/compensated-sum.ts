/**
 * A running sum of f32 that loses nothing to its length: what each addition rounds away is computed exactly and summed
 * beside it (T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", 2005; the exact error is D. E. Knuth's).
 *
 *     t = s + x;  b = t − s;  e = e + ((s − (t − b)) + (x − b));  s = t      →      s + e
 *
 * Seven operations a term, of which two wait for the last ones: about as fast as a plain sum that waits for memory. The
 * sum e is a plain one, and rounds as its length says, so terms are added in runs, and the pairs of runs to one whose e
 * stays below a unit of its s. An infinite or undefined sum makes e undefined, and is s itself.
 */
import { binary, compare, float, lane, select, unary } from "../expressions.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Expr } from "../kernel-ir.ts";
import type { Lanes } from "../target.ts";

const add = (a: Expr, b: Expr): Expr => binary("add", a, b);
const sub = (a: Expr, b: Expr): Expr => binary("sub", a, b);

export class CompensatedSum {
  readonly #kb: KernelBuilder;
  readonly #lanes: Lanes;
  readonly #sum: Expr;
  readonly #error: Expr;

  constructor(kb: KernelBuilder, lanes: Lanes) {
    this.#kb = kb;
    this.#lanes = lanes;
    this.#sum = kb.var(float(0, lanes), "total");
    this.#error = kb.var(float(0, lanes), "error");
  }

  add(term: Expr): void {
    const kb = this.#kb;
    const x = kb.let(term, "term");
    const t = kb.let(add(this.#sum, x), "sum");
    const b = kb.let(sub(t, this.#sum), "step");
    const lost = add(sub(this.#sum, sub(t, b)), sub(x, b));
    kb.assign(this.#error, add(this.#error, lost));
    kb.assign(this.#sum, t);
  }

  /** Adds another sum of as many lanes, and brings what was lost so far back into the sum. */
  addSum(other: CompensatedSum): void {
    this.#addPair(other.#sum, other.#error);
  }

  /** Adds every lane of another sum to this one, which has one. */
  addLanes(other: CompensatedSum): void {
    for (let i = 0; i < other.#lanes; i++) this.#addPair(lane(other.#sum, i), lane(other.#error, i));
  }

  value(): Expr {
    return this.#kb.let(add(this.#sum, this.#known(this.#error)), "total");
  }

  #addPair(sum: Expr, error: Expr): void {
    const kb = this.#kb;
    this.add(sum);
    const lost = kb.let(this.#known(add(this.#error, error)), "lost");
    const whole = kb.let(add(this.#sum, lost), "whole");
    kb.assign(this.#error, sub(lost, sub(whole, this.#sum)));
    kb.assign(this.#sum, whole);
  }

  /** What was lost; 0 where that is undefined. */
  #known(error: Expr): Expr {
    const value = this.#kb.let(error, "lost");
    const isKnown = compare("lt", unary("abs", value), float(Infinity, this.#lanes));
    return select(isKnown, value, float(0, this.#lanes));
  }
}
