/**
 * Blocks of a kernel while it is written, and what is known of names in them. Each block collects its own
 * code and is appended to the enclosing one when it is complete; so appending to an enclosing block's code
 * meanwhile places instructions right in front of the inner block. That is how addresses leave loops.
 */
import { InternalError } from "../../errors.ts";
import type { KernelType } from "../kernel-ir.ts";
import { CodeBuffer, type ValueType } from "./encoder.ts";
import type { Range } from "../range.ts";
import type { LinearIndex } from "./linear-index.ts";

/** Engines refuse functions with more locals (V8: 50000). */
const maxLocals = 49_000;

/** Values of a block that are computed already, by their text. */
export interface Scope {
  readonly depth: number;
  readonly code: CodeBuffer;
  readonly cache: Map<string, number>;
}

export interface Binding {
  readonly local: number;
  readonly type: KernelType;
  /** The outermost block in which the value is available; Infinity for what is assigned again later. */
  readonly depth: number;
  /** The local is a vector with the scalar in every lane (the name is only used so). */
  readonly splat: boolean;
  readonly range: Range;
  /** What an immutable i32 name stands for. */
  readonly linear: LinearIndex | undefined;
}

/** The locals, names and open blocks of the function being written. */
export class FunctionScopes {
  readonly locals: ValueType[] = [];
  readonly #bindings = new Map<string, Binding>();
  readonly #scopes: Scope[] = [{ depth: 0, code: new CodeBuffer(), cache: new Map() }];

  constructor(
    readonly kernelName: string,
    readonly parameterCount: number,
  ) {}

  get current(): Scope {
    return this.at(this.#scopes.length - 1);
  }

  get code(): CodeBuffer {
    return this.current.code;
  }

  at(depth: number): Scope {
    const scope = this.#scopes[depth];
    if (scope === undefined) throw new InternalError(`write-wasm: ${this.kernelName}: no block ${depth}`);
    return scope;
  }

  newLocal(type: ValueType): number {
    if (this.locals.length >= maxLocals)
      throw new InternalError(
        `write-wasm: ${this.kernelName} needs more than ${maxLocals} values; the schedule unrolls too much`,
      );
    this.locals.push(type);
    return this.parameterCount + this.locals.length - 1;
  }

  /** Writes an inner block with `write` and returns its code; the caller appends it. */
  nested(write: () => void): CodeBuffer {
    const scope: Scope = { depth: this.#scopes.length, code: new CodeBuffer(), cache: new Map() };
    this.#scopes.push(scope);
    write();
    this.#scopes.pop();
    return scope.code;
  }

  bind(name: string, binding: Binding): void {
    this.#bindings.set(name, binding);
  }

  binding(name: string): Binding {
    const binding = this.#bindings.get(name);
    if (binding === undefined)
      throw new InternalError(`write-wasm: ${this.kernelName}: '${name}' is not bound`);
    return binding;
  }
}
