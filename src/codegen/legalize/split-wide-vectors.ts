/**
 * Splits vectors that a target has no register for. In: a kernel with any lanes. Out: one whose values have
 * at most `maxLanes` lanes; a wide name becomes several names. Same results, element by element, and memory
 * is read and written in ascending order where one access was.
 *
 *     var acc = splat16(0.0)                  var acc_0 = splat4(0.0) … var acc_3 = splat4(0.0)
 *     w = load16 weight[i]            ⇒       w_0 = load4 weight[i] … w_3 = load4 weight[i + 12]
 *     acc = fma(w, splat16(x), acc)           acc_0 = fma(w_0, splat4(x), acc_0) …
 */
import { InternalError } from "../../errors.ts";
import type { Expr, Kernel, KernelType, Stmt } from "../kernel-ir.ts";
import type { Lanes } from "../target.ts";
import { add, constant, lane, ref, splat } from "./build-expr.ts";
import { containsExpression } from "./contains-expression.ts";
import { splitConstantOffset } from "./constant-offset.ts";
import { mapOperands, mapStatement, mapStatements, operandsOf, type BlockBuilder } from "./map-kernel.ts";

/** Splits values with more than `maxLanes` lanes; 1 leaves scalars only. */
export function splitWideVectors(kernel: Kernel, maxLanes: Lanes): Kernel {
  return splitVectors(kernel, (lanes) => (lanes > maxLanes ? maxLanes : lanes));
}

/** Splits every vector of `lanes` into vectors of `partLanes(lanes)`, which must divide it. */
export function splitVectors(kernel: Kernel, partLanes: (lanes: Lanes) => Lanes): Kernel {
  const isSplit = ({ lanes }: KernelType): boolean => partLanes(lanes) !== lanes;
  if (!hasValue(kernel.body, isSplit)) return kernel;
  const partNames = new Map<string, readonly string[]>();
  return mapStatements(kernel, (statement, block, nested) => {
    new StatementSplitter(block, partNames, partLanes).split(statement, nested);
  });
}

/** Whether a statement, or one inside it, has a value of a type that is wanted. */
function hasValue(body: readonly Stmt[], isWanted: (type: KernelType) => boolean): boolean {
  const hasWantedType = (expr: Expr): boolean => isWanted(expr.type);
  // A load of which no lane is used has its type nowhere else.
  const loads = (statements: readonly Stmt[]): boolean =>
    statements.some((statement) => {
      if (statement.kind === "load") return isWanted(statement.type);
      if (statement.kind === "for") return loads(statement.body);
      return statement.kind === "if" && (loads(statement.then) || loads(statement.else));
    });
  return loads(body) || body.some((statement) => containsExpression(statement, hasWantedType));
}

class StatementSplitter {
  /** Shared expression objects are split once in a statement. */
  readonly #done = new Map<Expr, readonly Expr[]>();

  constructor(
    readonly block: BlockBuilder,
    readonly partNames: Map<string, readonly string[]>,
    readonly partLanes: (lanes: Lanes) => Lanes,
  ) {}

  split(statement: Stmt, nested: (body: readonly Stmt[]) => readonly Stmt[]): void {
    const { block } = this;
    switch (statement.kind) {
      case "let":
      case "var": {
        const parts = this.#parts(statement.value);
        const names = this.#declare(statement.name, parts.length);
        parts.forEach((value, k) => block.emit({ kind: statement.kind, name: at(names, k), value }));
        return;
      }
      case "assign": {
        const names = this.partNames.get(statement.name) ?? [statement.name];
        let parts = this.#parts(statement.value);
        // acc_1 may read lane 0 of the old acc_0: then all new values come before the first assignment.
        if (parts.slice(1).some((part, k) => readsAny(part, names.slice(0, k + 1))))
          parts = parts.map((part) => block.bind(`${statement.name}_new`, bindable(part)));
        parts.forEach((value, k) => block.emit({ kind: "assign", name: at(names, k), value }));
        return;
      }
      case "load": {
        const { count, type } = this.#partType(statement.type);
        const names = this.#declare(statement.name, count);
        const index = this.#indexParts(statement.index, statement.name, count, type.lanes);
        names.forEach((name, k) =>
          block.emit({ kind: "load", name, type, buffer: statement.buffer, index: at(index, k) }),
        );
        return;
      }
      case "store": {
        const parts = this.#parts(statement.value);
        const lanes = at(parts, 0).type.lanes;
        const index = this.#indexParts(statement.index, statement.buffer, parts.length, lanes);
        parts.forEach((value, k) =>
          block.emit({ kind: "store", buffer: statement.buffer, index: at(index, k), value }),
        );
        return;
      }
      case "for":
      case "if":
      case "barrier":
      case "prefetch":
      case "comment":
        block.emit(mapStatement(statement, (expr) => this.#single(expr), nested));
        return;
      default:
        statement satisfies never;
    }
  }

  #declare(name: string, count: number): readonly string[] {
    if (count === 1) return [name];
    const names = Array.from({ length: count }, (_, k) => this.block.names.claim(`${name}_${k}`));
    this.partNames.set(name, names);
    return names;
  }

  #partType(type: KernelType): { readonly count: number; readonly type: KernelType } {
    const lanes = this.partLanes(type.lanes);
    return { count: type.lanes / lanes, type: lanes === type.lanes ? type : { ...type, lanes } };
  }

  /** Where each part of an access starts. What is not constant is computed once. */
  #indexParts(index: Expr, name: string, count: number, lanes: number): readonly Expr[] {
    const whole = this.#single(index);
    if (count === 1) return [whole];
    const { rest, offset } = splitConstantOffset(whole);
    const start = this.block.bind(`${name}_at`, rest);
    return Array.from({ length: count }, (_, k) => add(start, offset + k * lanes));
  }

  #single(expr: Expr): Expr {
    return at(this.#parts(expr), 0);
  }

  #parts(expr: Expr): readonly Expr[] {
    const known = this.#done.get(expr);
    if (known !== undefined) return known;
    const parts = this.#splitExpr(expr);
    this.#done.set(expr, parts);
    return parts;
  }

  #splitExpr(expr: Expr): readonly Expr[] {
    if (expr.kind === "lane") {
      const { type } = this.#partType(expr.x.type);
      const part = at(this.#parts(expr.x), Math.floor(expr.lane / type.lanes));
      return [lane(part, expr.lane % type.lanes)];
    }
    const { count, type } = this.#partType(expr.type);
    if (count === 1) return [mapOperands(expr, (operand) => this.#single(operand))];
    switch (expr.kind) {
      case "const":
        return repeat(constant(type, expr.value), count);
      case "ref": {
        const names = this.partNames.get(expr.name);
        if (names === undefined) throw new InternalError(`split-wide-vectors: '${expr.name}' is not bound`);
        return names.map((name) => ref(name, type));
      }
      case "splat":
        return repeat(splat(this.block.bind("scalar", this.#single(expr.x)), type.lanes), count);
      case "pack": {
        const scalars = expr.lanes.map((x) => this.#single(x));
        if (type.lanes === 1) return scalars;
        return Array.from({ length: count }, (_, k) => ({
          kind: "pack" as const,
          type,
          lanes: scalars.slice(k * type.lanes, (k + 1) * type.lanes),
        }));
      }
      case "unary":
      case "binary":
      case "compare":
      case "fma":
      case "select":
      case "convert":
      case "bitcast": {
        const operands = new Map(operandsOf(expr).map((operand) => [operand, this.#parts(operand)]));
        return Array.from({ length: count }, (_, k) => ({
          ...mapOperands(expr, (operand) => at(operands.get(operand) ?? [], k)),
          type,
        })) as readonly Expr[];
      }
      case "group":
      case "local":
        throw new InternalError(`split-wide-vectors: '${expr.kind}' has ${expr.type.lanes} lanes`);
      default:
        return expr satisfies never;
    }
  }
}

/** An equal expression that `bind` gives a name of its own even where it is one already. */
function bindable(expr: Expr): Expr {
  return expr.kind === "ref" ? { kind: "bitcast", type: expr.type, x: expr } : expr;
}

function readsAny(expr: Expr, names: readonly string[]): boolean {
  if (expr.kind === "ref") return names.includes(expr.name);
  return operandsOf(expr).some((operand) => readsAny(operand, names));
}

function repeat(expr: Expr, count: number): readonly Expr[] {
  return Array.from({ length: count }, () => expr);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new InternalError(`split-wide-vectors: no part ${index} of ${items.length}`);
  return item;
}
