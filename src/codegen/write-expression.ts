/**
 * In: a kernel-IR expression and how one language spells each kind of node. Out: the language's text.
 * The walk lives here, once; a spelling sees operands already printed. Operands are always wrapped by the
 * spelling (calls, or parentheses), so no printer needs to know precedence.
 */
import { InternalError } from "../errors.ts";
import type { BinaryOp, CompareOp, Expr, KernelType, UnaryOp } from "./kernel-ir.ts";

/** How a language writes each expression node; `from` is the operand's type where the result's is another. */
export interface Spelling {
  constant(type: KernelType, value: number): string;
  group(type: KernelType): string;
  local(type: KernelType): string;
  unary(op: UnaryOp, type: KernelType, x: string, from: KernelType): string;
  binary(op: BinaryOp, type: KernelType, a: string, b: string): string;
  compare(op: CompareOp, a: string, b: string, from: KernelType): string;
  fma(type: KernelType, a: string, b: string, c: string): string;
  select(type: KernelType, cond: string, a: string, b: string): string;
  convert(type: KernelType, x: string, from: KernelType): string;
  bitcast(type: KernelType, x: string): string;
  splat(type: KernelType, x: string): string;
  lane(type: KernelType, x: string, lane: number): string;
  pack(type: KernelType, lanes: readonly string[]): string;
}

export const compareSign: Readonly<Record<CompareOp, string>> = {
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

/** Operators both languages spell alike. */
export const infixSign: Readonly<Partial<Record<BinaryOp, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  quotient: "/",
  and: "&",
  or: "|",
  xor: "^",
};

/** Writes expressions as `spelling` has them. */
export function expressionWriter(spelling: Spelling): (expr: Expr) => string {
  // One function for all operands: one each would be most of the garbage of writing a kernel.
  const write = (expr: Expr): string => {
    switch (expr.kind) {
      case "const":
        return spelling.constant(expr.type, expr.value);
      case "ref":
        return expr.name;
      case "group":
        return spelling.group(expr.type);
      case "local":
        return spelling.local(expr.type);
      case "unary":
        return spelling.unary(expr.op, expr.type, write(expr.x), expr.x.type);
      case "binary":
        return spelling.binary(expr.op, expr.type, write(expr.a), write(expr.b));
      case "compare":
        return spelling.compare(expr.op, write(expr.a), write(expr.b), expr.a.type);
      case "fma":
        return spelling.fma(expr.type, write(expr.a), write(expr.b), write(expr.c));
      case "select":
        return spelling.select(expr.type, write(expr.cond), write(expr.a), write(expr.b));
      case "convert":
        return spelling.convert(expr.type, write(expr.x), expr.x.type);
      case "bitcast":
        return spelling.bitcast(expr.type, write(expr.x));
      case "splat":
        return spelling.splat(expr.type, write(expr.x));
      case "lane":
        return spelling.lane(expr.type, write(expr.x), expr.lane);
      case "pack":
        return spelling.pack(expr.type, expr.lanes.map(write));
      default:
        throw new InternalError(`write-expression: unknown node ${JSON.stringify(expr satisfies never)}`);
    }
  };
  return write;
}

/**
 * The shortest decimal that reads back as exactly this f32 (finite), with a point or exponent and the `f`
 * suffix: `0.1f`. Near the largest f32 every digit is kept, for a shorter decimal may lie above it, and a
 * compiler may reject that before it rounds.
 */
export function floatLiteral(value: number): string {
  const single = Math.fround(value);
  const negative = single < 0 || Object.is(single, -0);
  const magnitude = Math.abs(single);
  let digits = String(magnitude);
  if (magnitude < 1e38) {
    for (let precision = 1; precision <= 9; precision++) {
      const shorter = String(Number(magnitude.toPrecision(precision)));
      if (Math.fround(Number(shorter)) === magnitude) {
        digits = shorter;
        break;
      }
    }
  }
  if (!/[.e]/.test(digits)) digits += ".0";
  return negative ? `(-${digits}f)` : `${digits}f`;
}
