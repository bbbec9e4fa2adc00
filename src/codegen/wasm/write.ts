/**
 * Writes a kernel as a WebAssembly module. In: a legalised kernel (`legalizeForWasm`): one invocation a
 * group, values of 1 or 4 lanes, basic operations only. Out: the module's bytes; see `abi.ts` for its
 * interface.
 *
 * Every name becomes a local of its own; engines allocate registers from there.
 */
import { InternalError } from "../../errors.ts";
import type { Expr, Kernel, Stmt } from "../kernel-ir.ts";
import type { Target } from "../target.ts";
import { encodeModule } from "./encoder.ts";
import { unknownRange } from "../range.ts";
import { constantIndex } from "./linear-index.ts";
import { FunctionScopes } from "./scope.ts";
import { splatOnlyLoads } from "./splat-loads.ts";
import { depthOf, indexForm, writeAddress } from "./write-address.ts";
import { integerRange, valueType, writeExpr, type ExprContext } from "./write-expr.ts";

const groupStart = 0;
const groupEnd = 1;
const firstBuffer = 2;

export function writeWasm(kernel: Kernel, target: Target): Uint8Array {
  if (target.language !== "wasm")
    throw new InternalError(`write-wasm: ${kernel.name} is for ${target.language}, not for WebAssembly`);
  if (kernel.groupSize !== 1 || kernel.shared.length > 0)
    throw new InternalError(
      `write-wasm: ${kernel.name} has ${kernel.groupSize} invocations a group and ${kernel.shared.length} shared arrays; a CPU kernel has 1 and none`,
    );
  const writer = new KernelWriter(kernel, target);
  writer.write();
  const code = {
    parameterCount: firstBuffer + kernel.buffers.length,
    locals: writer.scopes.locals,
    body: writer.scopes.code,
  };
  return encodeModule(code);
}

class KernelWriter {
  readonly scopes: FunctionScopes;
  readonly #context: ExprContext;
  readonly #bases: ReadonlyMap<string, number>;
  readonly #splatLoads: ReadonlySet<string>;

  constructor(
    readonly kernel: Kernel,
    target: Target,
  ) {
    this.scopes = new FunctionScopes(kernel.name, firstBuffer + kernel.buffers.length);
    const { scopes } = this;
    this.#context = {
      scopes,
      rangeOfName: (name) => scopes.binding(name).range,
      linearOfName: (name) => scopes.binding(name).linear,
      groupLocal: scopes.newLocal("i32"),
      groups: kernel.groups,
      fusedMultiplyAdd: target.fusedMultiplyAdd === true,
    };
    this.#bases = new Map(kernel.buffers.map((buffer, k) => [buffer.name, firstBuffer + k]));
    this.#splatLoads = splatOnlyLoads(kernel);
  }

  /** The loop over groups; nothing happens for an empty range. */
  write(): void {
    const { groupLocal } = this.#context;
    const body = this.scopes.nested(() => this.#body(this.kernel.body));
    const { code } = this.scopes;
    code.get(groupStart).set(groupLocal);
    code.open("block").get(groupStart).get(groupEnd).op("i32.ge_s").branchIf(0);
    code.open("loop").append(body);
    code.get(groupLocal).i32(1).op("i32.add").tee(groupLocal);
    code.get(groupEnd).op("i32.lt_s").branchIf(0);
    code.op("end").op("end");
  }

  #body(body: readonly Stmt[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(statement: Stmt): void {
    const { scopes } = this;
    switch (statement.kind) {
      case "let":
        return this.#let(statement.name, statement.value);
      case "var": {
        const local = scopes.newLocal(valueType(statement.value.type));
        this.#push(statement.value);
        scopes.code.set(local);
        const { type } = statement.value;
        scopes.bind(statement.name, { ...plain, local, type, depth: Infinity });
        return;
      }
      case "assign":
        this.#push(statement.value);
        scopes.code.set(scopes.binding(statement.name).local);
        return;
      case "load":
        return this.#load(statement);
      case "store": {
        const offset = writeAddress(this.#base(statement.buffer), statement.index, this.#context);
        this.#push(statement.value);
        scopes.code.memory(`${valueType(statement.value.type)}.store`, offset);
        return;
      }
      case "for":
        return this.#for(statement);
      case "if": {
        this.#push(statement.cond);
        // The condition waits in a local: addresses that leave the branches are computed in front of it.
        const cond = scopes.newLocal("i32");
        scopes.code.set(cond);
        const then = scopes.nested(() => this.#body(statement.then));
        const otherwise = scopes.nested(() => this.#body(statement.else));
        scopes.code.get(cond).open("if").append(then);
        if (!otherwise.isEmpty) scopes.code.op("else").append(otherwise);
        scopes.code.op("end");
        return;
      }
      case "prefetch":
      case "comment":
        return;
      case "barrier":
        throw new InternalError(`write-wasm: ${this.kernel.name} has a barrier; a CPU kernel has none`);
      default:
        statement satisfies never;
    }
  }

  #let(name: string, value: Expr): void {
    const { scopes } = this;
    const { type } = value;
    const local = scopes.newLocal(valueType(type));
    const depth = scopes.current.depth;
    if (type.scalar !== "i32" || type.lanes !== 1) {
      this.#push(value);
      scopes.code.set(local);
      scopes.bind(name, { ...plain, local, type, depth });
      return;
    }
    // Index arithmetic moves out of the loops it does not depend on, and addresses see through it.
    const available = depthOf(value, this.#context);
    const outermost = Math.min(depth, available);
    const immutable = Number.isFinite(available);
    const { code } = scopes.at(outermost);
    writeExpr(value, code, this.#context);
    code.set(local);
    const linear = immutable ? indexForm(value, this.#context) : undefined;
    const range = integerRange(value, this.#context);
    scopes.bind(name, { local, type, depth: outermost, splat: false, range, linear });
  }

  #load(statement: Stmt & { readonly kind: "load" }): void {
    const { name, type } = statement;
    const { scopes } = this;
    const splat = this.#splatLoads.has(name);
    const local = scopes.newLocal(splat ? "v128" : valueType(type));
    const offset = writeAddress(this.#base(statement.buffer), statement.index, this.#context);
    scopes.code.memory(splat ? "v128.load32_splat" : `${valueType(type)}.load`, offset).set(local);
    scopes.bind(name, { ...plain, local, type, depth: scopes.current.depth, splat });
  }

  #for(statement: Stmt & { readonly kind: "for" }): void {
    const { name, start, end, step } = statement;
    const { scopes } = this;
    if (step < 1) throw new InternalError(`write-wasm: ${this.kernel.name}: loop '${name}' has step ${step}`);
    if (start >= end) return;
    const once = start + step >= end;
    const local = scopes.newLocal("i32");
    const last = start + Math.floor((end - 1 - start) / step) * step;
    const body = scopes.nested(() => {
      scopes.bind(name, {
        local,
        type: { scalar: "i32", lanes: 1 },
        depth: scopes.current.depth,
        splat: false,
        range: { min: start, max: last },
        linear: once ? constantIndex(start) : undefined,
      });
      this.#body(statement.body);
    });
    const { code } = scopes;
    code.i32(start).set(local);
    if (once) {
      code.append(body);
      return;
    }
    code.open("loop").append(body);
    code.get(local).i32(step).op("i32.add").tee(local).i32(end).op("i32.lt_s").branchIf(0);
    code.op("end");
  }

  #push(expr: Expr): void {
    writeExpr(expr, this.scopes.code, this.#context);
  }

  #base(buffer: string): number {
    const base = this.#bases.get(buffer);
    if (base === undefined)
      throw new InternalError(`write-wasm: ${this.kernel.name} binds no buffer '${buffer}'`);
    return base;
  }
}

const plain = { splat: false, range: unknownRange, linear: undefined };
