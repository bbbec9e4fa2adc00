/**
 * Builds one kernel statement by statement. Schedules call it; the result is a plain `Kernel`.
 * Names get a number each, so they are unique by construction.
 */
import { InternalError } from "../errors.ts";
import { int, ref } from "./expressions.ts";
import { IndexArithmetic } from "./index-arithmetic.ts";
import {
  i32,
  type BufferScalar,
  type Expr,
  type Kernel,
  type KernelBuffer,
  type KernelType,
  type SharedArray,
  type Stmt,
} from "./kernel-ir.ts";
import type { Lanes } from "./target.ts";

export class KernelBuilder {
  readonly index = new IndexArithmetic();
  readonly #buffers: KernelBuffer[] = [];
  readonly #shared: SharedArray[] = [];
  #body: Stmt[] = [];
  #counter = 0;
  #groups = 1;
  #groupSize = 1;
  #scratch = false as boolean;
  /** Loads of read-only buffers that are in scope, innermost scope last, by what they load. */
  readonly #loads: Map<string, Expr>[] = [new Map()];
  /** Names that are assigned to. */
  readonly #variables = new Set<string>();

  /** Sets how many groups of how many invocations run; call before using `group` and `local`. */
  grid(groups: number, groupSize: number): void {
    this.#groups = groups;
    this.#groupSize = groupSize;
    this.index.declareGrid(groups, groupSize);
  }

  get group(): Expr {
    return this.#groups === 1 ? int(0) : { kind: "group", type: i32 };
  }

  get local(): Expr {
    return this.#groupSize === 1 ? int(0) : { kind: "local", type: i32 };
  }

  /** Declares the next buffer in binding order. */
  buffer(name: string, scalar: BufferScalar, access: KernelBuffer["access"], elementCount: number): string {
    const unique = this.#buffers.some((buffer) => buffer.name === name) ? `${name}_${this.#counter++}` : name;
    this.#buffers.push({ name: unique, scalar, access, elementCount });
    return unique;
  }

  /** Declares memory of its own for each group, which is left as it is found: the kernel's last buffer. Call `grid` before. */
  scratch(name: string, elementsPerGroup: number): string {
    this.#scratch = true;
    return this.buffer(name, "f32", "read_write", elementsPerGroup * this.#groups);
  }

  shared(name: string, scalar: BufferScalar, elementCount: number): string {
    this.#shared.push({ name, scalar, elementCount });
    return name;
  }

  /** Binds an expression to a name, unless it is one already or a constant. */
  let(value: Expr, hint = "t"): Expr {
    if (value.kind === "ref" || value.kind === "const") return value;
    const name = this.#name(hint);
    this.#body.push({ kind: "let", name, value });
    if (value.type === i32) this.index.define(name, value);
    return ref(name, value.type);
  }

  /** Binds `lanes` neighbouring elements to a name; what a read-only buffer was asked for before is there already. */
  load(buffer: string, index: Expr, lanes: Lanes = 1, hint = "x"): Expr {
    const isFixed = this.#buffers.some((item) => item.name === buffer && item.access === "read");
    const at = isFixed ? textOf(index, this.#variables) : undefined;
    const key = `${buffer} ${lanes} ${at}`;
    const known = at !== undefined ? this.#loads.findLast((scope) => scope.has(key))?.get(key) : undefined;
    if (known !== undefined) return known;
    const name = this.#name(hint);
    const type: KernelType = { scalar: this.#scalarOf(buffer), lanes };
    this.#body.push({ kind: "load", name, type, buffer, index });
    const loaded = ref(name, type);
    if (at !== undefined) this.#loads.at(-1)!.set(key, loaded);
    return loaded;
  }

  var(value: Expr, hint = "acc"): Expr {
    const name = this.#name(hint);
    this.#variables.add(name);
    this.#body.push({ kind: "var", name, value });
    return ref(name, value.type);
  }

  assign(variable: Expr, value: Expr): void {
    if (variable.kind !== "ref")
      throw new InternalError("kernel builder: assignment to what is not a variable");
    this.#body.push({ kind: "assign", name: variable.name, value });
  }

  store(buffer: string, index: Expr, value: Expr): void {
    this.#body.push({ kind: "store", buffer, index, value });
  }

  /** `toWrite`: a line that will be written, so that the store need not wait for it. */
  prefetch(buffer: string, index: Expr, toWrite = false): void {
    this.#body.push({ kind: "prefetch", buffer, index, ...(toWrite && { toWrite }) });
  }

  barrier(): void {
    this.#body.push({ kind: "barrier" });
  }

  comment(text: string): void {
    this.#body.push({ kind: "comment", text });
  }

  /** A loop over 0 … count − 1 (times `step`); one iteration needs no loop, none no code. */
  for(count: number, hint: string, body: (index: Expr) => void, start = 0, step = 1): void {
    if (count <= 0) return;
    if (count === 1) return body(int(start));
    const name = this.#name(hint);
    const end = start + count * step;
    this.index.declare(name, { min: start, max: end - step });
    const inner = this.#within(() => body(ref(name, i32)));
    this.#body.push({ kind: "for", name, start, end, step, body: inner });
  }

  if(cond: Expr, then: () => void, otherwise: () => void = () => {}): void {
    if (cond.kind === "const") return cond.value !== 0 ? then() : otherwise();
    const thenBody = this.#within(then);
    const elseBody = this.#within(otherwise);
    this.#body.push({ kind: "if", cond, then: thenBody, else: elseBody });
  }

  /** `if (x < limit)`, with what that says about `x` known in each branch, and no test where it is known before. */
  ifLess(x: Expr, limit: number, then: () => void, otherwise: () => void = () => {}): void {
    const below = { min: -Infinity, max: limit - 1 };
    const above = { min: limit, max: Infinity };
    this.if(
      this.index.less(x, limit),
      () => this.index.narrowed(x, below, then),
      () => this.index.narrowed(x, above, otherwise),
    );
  }

  build(name: string, comment: string): Kernel {
    return {
      name,
      comment,
      buffers: this.#buffers,
      ...(this.#scratch && { hasScratch: true }),
      shared: this.#shared,
      groups: this.#groups,
      groupSize: this.#groupSize,
      body: this.#body,
    };
  }

  #within(emit: () => void): Stmt[] {
    const outer = this.#body;
    this.#body = [];
    this.#loads.push(new Map());
    emit();
    this.#loads.pop();
    const inner = this.#body;
    this.#body = outer;
    return inner;
  }

  #name(hint: string): string {
    return `${hint}_${this.#counter++}`;
  }

  #scalarOf(buffer: string): BufferScalar {
    const found =
      this.#buffers.find((item) => item.name === buffer) ?? this.#shared.find((item) => item.name === buffer);
    if (found === undefined) throw new InternalError(`kernel builder: no buffer ${buffer}`);
    return found.scalar;
  }
}

/** An index as text, equal exactly where the expressions are; undefined where it may change its value. */
function textOf(x: Expr, variables: ReadonlySet<string>): string | undefined {
  switch (x.kind) {
    case "ref":
      return variables.has(x.name) ? undefined : x.name;
    case "const":
      return String(x.value);
    case "group":
    case "local":
      return x.kind;
    case "binary": {
      const [a, b] = [textOf(x.a, variables), textOf(x.b, variables)];
      return a === undefined || b === undefined ? undefined : `(${a} ${x.op} ${b})`;
    }
    default:
      return undefined;
  }
}
