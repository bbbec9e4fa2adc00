/**
 * Writes expressions: leaves the value of one on the WebAssembly stack. Scalars are i32 (also u32 and bool,
 * 0 or 1) or f32; vectors are v128 with 4 lanes, and a vector of bool is a mask of all ones or zeros a lane.
 */
import { InternalError } from "../../errors.ts";
import type { BinaryOp, CompareOp, Expr, KernelType, Scalar, UnaryOp } from "../kernel-ir.ts";
import { printExpr } from "../print-kernel.ts";
import { f32Bits, type CodeBuffer, type ValueType } from "./encoder.ts";
import type { Range } from "../range.ts";
import { rangeOf } from "./index-range.ts";
import type { LinearIndex } from "./linear-index.ts";
import type { Opcode } from "./opcodes.ts";
import type { FunctionScopes } from "./scope.ts";

export interface ExprContext {
  readonly scopes: FunctionScopes;
  readonly groupLocal: number;
  readonly groups: number;
  /** Bounds of the names that are bound. */
  readonly rangeOfName: (name: string) => Range;
  /** What names stand for, where that is linear. */
  readonly linearOfName: (name: string) => LinearIndex | undefined;
  /** The engine has relaxed SIMD. */
  readonly fusedMultiplyAdd: boolean;
}

export function valueType(type: KernelType): ValueType {
  if (type.lanes === 4) return "v128";
  if (type.lanes !== 1)
    throw new InternalError(`write-wasm: a vector of ${type.lanes} lanes should have been split`);
  return type.scalar === "f32" ? "f32" : "i32";
}

export function integerRange(expr: Expr, context: ExprContext): Range {
  return rangeOf(expr, context.rangeOfName, context.groups);
}

/** Appends code that pushes `expr`. */
export function writeExpr(expr: Expr, code: CodeBuffer, context: ExprContext): void {
  const vector = valueType(expr.type) === "v128";
  switch (expr.kind) {
    case "const":
      if (vector) code.v128(Array<number>(4).fill(bitsOf(expr.value, expr.type.scalar, true)));
      else if (expr.type.scalar === "f32") code.f32(expr.value);
      else code.i32(expr.value);
      return;
    case "ref":
      code.get(context.scopes.binding(expr.name).local);
      return;
    case "group":
      code.get(context.groupLocal);
      return;
    case "local":
      code.i32(0);
      return;
    case "unary":
      return writeUnary(expr.op, expr.x, code, context);
    case "binary":
      return writeBinary(expr, code, context);
    case "compare":
      writeExpr(expr.a, code, context);
      writeExpr(expr.b, code, context);
      code.op(compareOpcode(expr.op, expr.a.type));
      return;
    case "fma":
      writeExpr(expr.a, code, context);
      writeExpr(expr.b, code, context);
      if (vector && context.fusedMultiplyAdd) {
        writeExpr(expr.c, code, context);
        code.op("f32x4.relaxed_madd");
        return;
      }
      code.op(vector ? "f32x4.mul" : "f32.mul");
      writeExpr(expr.c, code, context);
      code.op(vector ? "f32x4.add" : "f32.add");
      return;
    case "select": {
      const pseudo = vector ? minOrMaxOfSelect(expr) : undefined;
      writeExpr(pseudo?.a ?? expr.a, code, context);
      writeExpr(pseudo?.b ?? expr.b, code, context);
      if (pseudo !== undefined) {
        code.op(pseudo.opcode);
        return;
      }
      writeExpr(expr.cond, code, context);
      code.op(vector ? "v128.bitselect" : "select");
      return;
    }
    case "convert":
      writeExpr(expr.x, code, context);
      return writeConvert(expr.x.type, expr.type, code);
    case "bitcast":
      writeExpr(expr.x, code, context);
      if (vector || (expr.x.type.scalar === "f32") === (expr.type.scalar === "f32")) return;
      code.op(expr.type.scalar === "f32" ? "f32.reinterpret_i32" : "i32.reinterpret_f32");
      return;
    case "splat":
      return writeSplat(expr.x, code, context);
    case "lane":
      writeExpr(expr.x, code, context);
      if (expr.x.type.lanes === 1) return;
      code.lane(expr.type.scalar === "f32" ? "f32x4.extract_lane" : "i32x4.extract_lane", expr.lane);
      if (expr.type.scalar === "bool") code.i32(1).op("i32.and");
      return;
    case "pack":
      return writePack(expr, code, context);
    default:
      expr satisfies never;
  }
}

function writeUnary(op: UnaryOp, x: Expr, code: CodeBuffer, context: ExprContext): void {
  const vector = x.type.lanes === 4;
  const float = x.type.scalar === "f32";
  switch (op) {
    case "neg":
      if (!float && !vector) {
        code.i32(0);
        writeExpr(x, code, context);
        code.op("i32.sub");
        return;
      }
      writeExpr(x, code, context);
      code.op(vector ? (float ? "f32x4.neg" : "i32x4.neg") : "f32.neg");
      return;
    case "abs":
      writeExpr(x, code, context);
      if (float || vector) {
        code.op(vector ? (float ? "f32x4.abs" : "i32x4.abs") : "f32.abs");
        return;
      }
      return writeScalarAbs(code, context);
    case "not":
      writeExpr(x, code, context);
      code.op(vector ? "v128.not" : "i32.eqz");
      return;
    case "bitnot":
      writeExpr(x, code, context);
      if (vector) code.op("v128.not");
      else code.i32(-1).op("i32.xor");
      return;
    case "floor":
    case "ceil":
    case "trunc":
    case "sqrt":
      writeExpr(x, code, context);
      code.op(`${vector ? "f32x4" : "f32"}.${op}`);
      return;
    case "round":
      writeExpr(x, code, context);
      code.op(vector ? "f32x4.nearest" : "f32.nearest");
      return;
    default:
      throw new InternalError(`write-wasm: '${op}' should have been expanded in ${printExpr(x)}`);
  }
}

function writeScalarAbs(code: CodeBuffer, context: ExprContext): void {
  const x = context.scopes.newLocal("i32");
  code.set(x).get(x).i32(0).get(x).op("i32.sub");
  code.get(x).i32(0).op("i32.ge_s").op("select");
}

function writeBinary(expr: Expr & { readonly kind: "binary" }, code: CodeBuffer, context: ExprContext): void {
  const { op, a, b, type } = expr;
  const vector = type.lanes === 4;
  if (op === "and" || op === "or" || op === "xor") {
    writeExpr(a, code, context);
    writeExpr(b, code, context);
    code.op(`${vector ? "v128" : "i32"}.${op}`);
    return;
  }
  if (op === "shl" || op === "shr") {
    writeExpr(a, code, context);
    writeExpr(vector ? shiftCount(b) : b, code, context);
    const shift = op === "shl" ? "shl" : type.scalar === "u32" ? "shr_u" : "shr_s";
    code.op(`${vector ? "i32x4" : "i32"}.${shift}`);
    return;
  }
  if (type.scalar === "f32") return writeFloatBinary(op, a, b, code, context);
  if (!vector && (op === "min" || op === "max")) {
    const x = context.scopes.newLocal("i32");
    const y = context.scopes.newLocal("i32");
    writeExpr(a, code, context);
    code.tee(x);
    writeExpr(b, code, context);
    code.tee(y).get(x).get(y);
    code.op(compareOpcode(op === "min" ? "lt" : "gt", type)).op("select");
    return;
  }
  writeExpr(a, code, context);
  const shift = powerOfTwoExponent(b);
  if ((op === "div" || op === "rem") && shift !== undefined && !vector && isNatural(a, context)) {
    if (op === "div") code.i32(shift).op("i32.shr_u");
    else code.i32(2 ** shift - 1).op("i32.and");
    return;
  }
  writeExpr(b, code, context);
  code.op(integerOpcode(op, type));
}

/** The exponent of a positive power of two, for operands that are such constants. */
function powerOfTwoExponent(expr: Expr): number | undefined {
  if (expr.kind !== "const" || expr.value < 1) return undefined;
  const exponent = Math.log2(expr.value);
  return Number.isInteger(exponent) ? exponent : undefined;
}

function isNatural(expr: Expr, context: ExprContext): boolean {
  return expr.type.scalar === "u32" || integerRange(expr, context).min >= 0;
}

function integerOpcode(op: BinaryOp, type: KernelType): Opcode {
  const prefix = type.lanes === 4 ? "i32x4" : "i32";
  const sign = type.scalar === "u32" ? "u" : "s";
  if (op === "add" || op === "sub" || op === "mul") return `${prefix}.${op}`;
  if (prefix === "i32x4" && (op === "min" || op === "max")) return `i32x4.${op}_${sign}`;
  if (prefix === "i32" && (op === "div" || op === "rem")) return `i32.${op}_${sign}`;
  throw new InternalError(
    `write-wasm: '${op}' of ${type.scalar} with ${type.lanes} lanes should have been rewritten`,
  );
}

function writeFloatBinary(op: BinaryOp, a: Expr, b: Expr, code: CodeBuffer, context: ExprContext): void {
  const vector = a.type.lanes === 4;
  switch (op) {
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "quotient":
      writeExpr(a, code, context);
      writeExpr(b, code, context);
      code.op(`${vector ? "f32x4" : "f32"}.${op === "quotient" ? "div" : op}`);
      return;
    case "min":
    case "max": {
      // Against a constant that is no NaN, one compare-free instruction (x < c ? c : x) keeps a NaN in x.
      const constantFirst = isNumber(a);
      writeExpr(constantFirst ? b : a, code, context);
      writeExpr(constantFirst ? a : b, code, context);
      const pseudo = vector && (constantFirst || isNumber(b));
      if (pseudo) code.op(op === "min" ? "f32x4.pmin" : "f32x4.pmax");
      else code.op(`${vector ? "f32x4" : "f32"}.${op}`);
      return;
    }
    default:
      throw new InternalError(`write-wasm: '${op}' of f32 should have been expanded`);
  }
}

function isNumber(expr: Expr): boolean {
  return expr.kind === "const" && !Number.isNaN(expr.value);
}

/** `x < c ? c : x` is one instruction, and so is `x > c ? c : x`; both give x where it is NaN. */
function minOrMaxOfSelect(
  expr: Expr & { readonly kind: "select" },
): { readonly a: Expr; readonly b: Expr; readonly opcode: Opcode } | undefined {
  const { cond } = expr;
  if (expr.type.scalar !== "f32" || cond.kind !== "compare") return undefined;
  if (!sameAtom(cond.a, expr.b) || !sameAtom(cond.b, expr.a)) return undefined;
  if (cond.op === "lt") return { a: expr.b, b: expr.a, opcode: "f32x4.pmax" };
  if (cond.op === "gt") return { a: expr.b, b: expr.a, opcode: "f32x4.pmin" };
  return undefined;
}

function sameAtom(a: Expr, b: Expr): boolean {
  if (a.kind === "ref" && b.kind === "ref") return a.name === b.name;
  return (
    a.kind === "const" && b.kind === "const" && Object.is(a.value, b.value) && a.type.scalar === b.type.scalar
  );
}

/** Vector shifts take one scalar count. */
export function shiftCount(count: Expr): Expr {
  if (count.kind === "splat") return count.x;
  if (count.kind === "const") return { ...count, type: { ...count.type, lanes: 1 } };
  throw new InternalError(
    `write-wasm: a shift by ${printExpr(count)} lane by lane should have been rewritten`,
  );
}

function compareOpcode(op: CompareOp, type: KernelType): Opcode {
  if (type.scalar === "f32") return `${type.lanes === 4 ? "f32x4" : "f32"}.${op}`;
  const prefix = type.lanes === 4 ? "i32x4" : "i32";
  if (op === "eq" || op === "ne") return `${prefix}.${op}`;
  return `${prefix}.${op}_${type.scalar === "i32" ? "s" : "u"}`;
}

function writeConvert(from: KernelType, to: KernelType, code: CodeBuffer): void {
  const vector = to.lanes === 4;
  if (from.scalar === to.scalar) return;
  if (to.scalar === "bool") {
    if (vector) code.v128([0, 0, 0, 0]);
    else if (from.scalar === "f32") code.f32(0);
    else code.i32(0);
    code.op(compareOpcode("ne", from));
    return;
  }
  if (from.scalar === "bool" && vector) {
    code.v128(Array<number>(4).fill(bitsOf(1, to.scalar, false))).op("v128.and");
    return;
  }
  if (to.scalar === "f32") {
    const sign = from.scalar === "u32" ? "u" : "s";
    code.op(vector ? `f32x4.convert_i32x4_${sign}` : `f32.convert_i32_${sign}`);
    return;
  }
  if (from.scalar !== "f32") return;
  const sign = to.scalar === "u32" ? "u" : "s";
  code.op(vector ? `i32x4.trunc_sat_f32x4_${sign}` : `i32.trunc_sat_f32_${sign}`);
}

function writeSplat(x: Expr, code: CodeBuffer, context: ExprContext): void {
  if (x.kind === "const") return writeExpr({ ...x, type: { ...x.type, lanes: 4 } }, code, context);
  if (x.kind === "ref" && context.scopes.binding(x.name).splat) {
    code.get(context.scopes.binding(x.name).local);
    return;
  }
  if (x.kind === "lane" && x.x.kind === "ref" && x.x.type.lanes === 4) {
    code.broadcastLane(context.scopes.binding(x.x.name).local, x.lane);
    return;
  }
  writeLane(x, code, context);
  code.op(x.type.scalar === "f32" ? "f32x4.splat" : "i32x4.splat");
}

function writePack(expr: Expr & { readonly kind: "pack" }, code: CodeBuffer, context: ExprContext): void {
  const [first, ...others] = expr.lanes;
  if (first === undefined) throw new InternalError("write-wasm: a pack of no lanes");
  const words = expr.lanes.map((x) =>
    x.kind === "const" ? bitsOf(x.value, x.type.scalar, true) : undefined,
  );
  if (words.every((word) => word !== undefined)) {
    code.v128(words);
    return;
  }
  writeSplat(first, code, context);
  others.forEach((x, k) => {
    writeLane(x, code, context);
    code.lane(expr.type.scalar === "f32" ? "f32x4.replace_lane" : "i32x4.replace_lane", k + 1);
  });
}

/** A scalar as a lane holds it: a bool is 0 or -1 there. */
function writeLane(x: Expr, code: CodeBuffer, context: ExprContext): void {
  if (x.type.scalar === "bool") code.i32(0);
  writeExpr(x, code, context);
  if (x.type.scalar === "bool") code.op("i32.sub");
}

function bitsOf(value: number, scalar: Scalar, asMask: boolean): number {
  if (scalar === "f32") return f32Bits(value);
  return scalar === "bool" && asMask ? -value : value | 0;
}
