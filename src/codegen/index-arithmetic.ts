/**
 * Index arithmetic on non-negative i32 scalars that simplifies as it is built: constants fold and gather on
 * the outside of sums, and division and remainder disappear where ranges prove what they give.
 *
 *     (8·i + j) / 8 = i        and        (8·i + j) % 8 = j        for 0 ≤ j < 8
 */
import { binary, compare, int } from "./expressions.ts";
import { bool, i32, type Expr } from "./kernel-ir.ts";
import { productRange, unknownRange, type Range } from "./range.ts";

export class IndexArithmetic {
  readonly #ranges = new Map<string, Range>();
  /** What names stand for, where that is made of names that never change. */
  readonly #definitions = new Map<string, Expr>();
  #narrowings = 0;
  #groups: Range = { min: 0, max: 0 };
  #locals: Range = { min: 0, max: 0 };

  /** Declares what a name can be. */
  declare(name: string, range: Range): void {
    this.#ranges.set(name, range);
  }

  /** Declares a name for an expression, which arithmetic on the name may look into. */
  define(name: string, value: Expr): void {
    this.declare(name, this.rangeOf(value));
    if (this.#isStable(value)) this.#definitions.set(name, value);
  }

  /** Runs `body` knowing that `x`, if it is a name, lies in `range` there. */
  narrowed(x: Expr, range: Range, body: () => void): void {
    if (x.kind !== "ref") return body();
    const before = this.rangeOf(x);
    this.#ranges.set(x.name, { min: Math.max(before.min, range.min), max: Math.min(before.max, range.max) });
    this.#narrowings++;
    body();
    this.#narrowings--;
    this.#ranges.set(x.name, before);
  }

  declareGrid(groups: number, groupSize: number): void {
    this.#groups = { min: 0, max: Math.max(groups - 1, 0) };
    this.#locals = { min: 0, max: groupSize - 1 };
  }

  rangeOf(x: Expr): Range {
    switch (x.kind) {
      case "const":
        return { min: x.value, max: x.value };
      case "ref":
        return this.#rangeOfName(x.name);
      case "group":
        return this.#groups;
      case "local":
        return this.#locals;
      case "binary": {
        const a = this.rangeOf(x.a);
        const b = this.rangeOf(x.b);
        if (x.op === "add") return { min: a.min + b.min, max: a.max + b.max };
        if (x.op === "sub") return { min: a.min - b.max, max: a.max - b.min };
        if (x.op === "mul") return productRange(a, b);
        if (x.op === "min") return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
        if (x.op === "max") return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
        if (x.b.kind !== "const" || x.b.value <= 0) return unknownRange;
        if (x.op === "div" && a.min >= 0)
          return { min: Math.floor(a.min / x.b.value), max: Math.floor(a.max / x.b.value) };
        if (x.op === "rem" && a.min >= 0) return { min: 0, max: Math.min(a.max, x.b.value - 1) };
        return unknownRange;
      }
      default:
        return unknownRange;
    }
  }

  /** Inside a branch that narrowed a name, what is made of it is narrower than it was where it was declared. */
  #rangeOfName(name: string): Range {
    const declared = this.#ranges.get(name) ?? unknownRange;
    const definition = this.#narrowings > 0 ? this.#definitions.get(name) : undefined;
    if (definition === undefined) return declared;
    const { min, max } = this.rangeOf(definition);
    return { min: Math.max(declared.min, min), max: Math.min(declared.max, max) };
  }

  #isStable(x: Expr): boolean {
    if (x.kind === "binary") return this.#isStable(x.a) && this.#isStable(x.b);
    return x.kind === "ref" ? this.#ranges.has(x.name) : ["const", "group", "local"].includes(x.kind);
  }

  add(a: Expr, b: Expr): Expr {
    if (a.kind === "const" && b.kind === "const") return int(a.value + b.value);
    if (a.kind === "const") return this.add(b, a);
    if (b.kind === "const") {
      if (b.value === 0) return a;
      // (x + c₁) + c₂ = x + (c₁ + c₂)
      if (isBinary(a, "add") && a.b.kind === "const") return this.add(a.a, int(a.b.value + b.value));
      return binary("add", a, b);
    }
    // x + (y + c) = (x + y) + c, so that constants end up outermost.
    if (isBinary(b, "add") && b.b.kind === "const") return this.add(this.add(a, b.a), b.b);
    if (isBinary(a, "add") && a.b.kind === "const") return this.add(this.add(a.a, b), a.b);
    return binary("add", a, b);
  }

  mul(a: Expr, b: Expr): Expr {
    if (a.kind === "const" && b.kind === "const") return int(a.value * b.value);
    if (a.kind === "const") return this.mul(b, a);
    if (b.kind === "const") {
      if (b.value === 0) return int(0);
      if (b.value === 1) return a;
      if (isBinary(a, "mul") && a.b.kind === "const") return this.mul(a.a, int(a.b.value * b.value));
      // (x + c₁) · c₂ = x·c₂ + c₁·c₂
      if (isBinary(a, "add") && a.b.kind === "const")
        return this.add(this.mul(a.a, b), int(a.b.value * b.value));
    }
    return binary("mul", a, b);
  }

  /** a ÷ divisor for a ≥ 0. */
  div(a: Expr, divisor: number): Expr {
    if (divisor === 1) return a;
    if (a.kind === "const") return int(Math.floor(a.value / divisor));
    const range = this.rangeOf(a);
    if (range.min >= 0 && range.max < divisor) return int(0);
    const { multiple, rest } = this.#split(a, divisor);
    if (multiple !== undefined && this.#fits(rest, divisor)) return multiple;
    if (isBinary(a, "div") && a.b.kind === "const") return this.div(a.a, a.b.value * divisor);
    return binary("div", a, int(divisor));
  }

  /** a mod divisor for a ≥ 0. */
  rem(a: Expr, divisor: number): Expr {
    if (divisor === 1) return int(0);
    if (a.kind === "const") return int(a.value % divisor);
    const range = this.rangeOf(a);
    if (range.min >= 0 && range.max < divisor) return a;
    const { multiple, rest } = this.#split(a, divisor);
    if (multiple !== undefined && this.rangeOf(rest).min >= 0) {
      return this.#fits(rest, divisor) ? rest : binary("rem", rest, int(divisor));
    }
    return binary("rem", a, int(divisor));
  }

  /** a < limit as a bool expression, a constant where ranges decide. */
  less(a: Expr, limit: number): Expr {
    const range = this.rangeOf(a);
    if (range.max < limit) return { kind: "const", type: bool, value: 1 };
    if (range.min >= limit) return { kind: "const", type: bool, value: 0 };
    return compare("lt", a, int(limit));
  }

  /** a ≥ limit, likewise. */
  atLeast(a: Expr, limit: number): Expr {
    const range = this.rangeOf(a);
    if (range.min >= limit) return { kind: "const", type: bool, value: 1 };
    if (range.max < limit) return { kind: "const", type: bool, value: 0 };
    return compare("ge", a, int(limit));
  }

  /** `a` limited to low … high; `a` itself where its range says so. */
  clamp(a: Expr, low: number, high: number): Expr {
    if (a.kind === "const") return int(Math.min(Math.max(a.value, low), high));
    const range = this.rangeOf(a);
    const raised = range.min >= low ? a : binary("max", a, int(low));
    return range.max <= high ? raised : binary("min", raised, int(high));
  }

  /** Σ indices[i] · strides[i]. */
  dot(indices: readonly Expr[], strides: readonly number[]): Expr {
    return indices.reduce((sum, index, i) => this.add(sum, this.mul(index, int(strides[i]!))), int(0));
  }

  /** The indices of a flat row-major position; the inverse of `dot` with row-major strides. */
  unflatten(position: Expr, shape: readonly number[]): Expr[] {
    const indices = new Array<Expr>(shape.length);
    let rest = position;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = Math.max(shape[axis]!, 1);
      indices[axis] = axis === 0 ? rest : this.rem(rest, size);
      rest = this.div(rest, size);
    }
    return indices;
  }

  #fits(rest: Expr, divisor: number): boolean {
    const range = this.rangeOf(rest);
    return range.min >= 0 && range.max < divisor;
  }

  /** a = multiple · divisor + rest, by splitting a sum into the terms that divide and those that do not. */
  #split(a: Expr, divisor: number): { multiple: Expr | undefined; rest: Expr } {
    let multiple: Expr | undefined;
    let rest: Expr = int(0);
    for (const term of terms(a)) {
      const quotient = this.#quotient(term, divisor);
      if (quotient === undefined) rest = this.add(rest, term);
      else multiple = multiple === undefined ? quotient : this.add(multiple, quotient);
    }
    return { multiple, rest };
  }

  #quotient(term: Expr, divisor: number): Expr | undefined {
    if (term.kind === "const")
      return term.value % divisor === 0 && term.value > 0 ? int(term.value / divisor) : undefined;
    if (isBinary(term, "mul") && term.b.kind === "const" && term.b.value % divisor === 0) {
      return this.mul(term.a, int(term.b.value / divisor));
    }
    // With i = 8·j: i / 8 = j.
    const definition = term.kind === "ref" ? this.#definitions.get(term.name) : undefined;
    return definition && this.#quotient(definition, divisor);
  }
}

type Binary = Extract<Expr, { kind: "binary" }>;

function isBinary(x: Expr, op: Binary["op"]): x is Binary {
  return x.kind === "binary" && x.op === op && x.type === i32;
}

function* terms(a: Expr): Generator<Expr> {
  if (isBinary(a, "add")) {
    yield* terms(a.a);
    yield* terms(a.b);
  } else yield a;
}
