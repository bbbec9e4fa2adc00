/**
 * Short constructors of kernel-IR expressions, for passes that write formulas. In: expressions, or plain
 * numbers that take the other operand's type. Out: well-typed expressions. Nothing is simplified except
 * adding zero, so what a pass writes is what a dump shows.
 *
 *     fma(x, 0.5, y)   add(mul(x, x), 1)   select(lt(x, 0), -1, x)
 */
import { InternalError } from "../../errors.ts";
import type { BinaryOp, CompareOp, Expr, KernelType, Scalar, UnaryOp } from "../kernel-ir.ts";

/** An expression, or a number that becomes a constant of the other operand's type. */
export type Operand = Expr | number;

export function constant(type: KernelType, value: number): Expr {
  return { kind: "const", type, value: type.scalar === "f32" ? Math.fround(value) : value };
}

export function ref(name: string, type: KernelType): Expr {
  return { kind: "ref", type, name };
}

export function unary(op: UnaryOp, x: Expr): Expr {
  const type: KernelType = op === "isnan" ? { scalar: "bool", lanes: x.type.lanes } : x.type;
  return { kind: "unary", type, op, x };
}

export function binary(op: BinaryOp, a: Operand, b: Operand): Expr {
  const type = typeOfOperands(a, b);
  return { kind: "binary", type, op, a: toExpr(a, type), b: toExpr(b, type) };
}

export function compare(op: CompareOp, a: Operand, b: Operand): Expr {
  const type = typeOfOperands(a, b);
  return {
    kind: "compare",
    type: { scalar: "bool", lanes: type.lanes },
    op,
    a: toExpr(a, type),
    b: toExpr(b, type),
  };
}

export function fma(a: Operand, b: Operand, c: Operand): Expr {
  const type = typeOfOperands(a, b, c);
  return { kind: "fma", type, a: toExpr(a, type), b: toExpr(b, type), c: toExpr(c, type) };
}

/** `cond ? a : b`; two numbers become f32. */
export function select(cond: Expr, a: Operand, b: Operand): Expr {
  const bothNumbers = typeof a === "number" && typeof b === "number";
  const type: KernelType = bothNumbers ? { scalar: "f32", lanes: cond.type.lanes } : typeOfOperands(a, b);
  return { kind: "select", type, cond, a: toExpr(a, type), b: toExpr(b, type) };
}

export function convert(scalar: Scalar, x: Expr): Expr {
  return { kind: "convert", type: { scalar, lanes: x.type.lanes }, x };
}

export function bitcast(scalar: Scalar, x: Expr): Expr {
  return { kind: "bitcast", type: { scalar, lanes: x.type.lanes }, x };
}

export function splat(x: Expr, lanes: KernelType["lanes"]): Expr {
  return lanes === 1 ? x : { kind: "splat", type: { scalar: x.type.scalar, lanes }, x };
}

export function lane(x: Expr, index: number): Expr {
  return x.type.lanes === 1 ? x : { kind: "lane", type: { scalar: x.type.scalar, lanes: 1 }, x, lane: index };
}

export const add = (a: Operand, b: Operand): Expr => {
  if (b === 0 && typeof a !== "number" && a.type.scalar !== "f32") return a;
  return binary("add", a, b);
};
export const sub = (a: Operand, b: Operand): Expr => binary("sub", a, b);
export const mul = (a: Operand, b: Operand): Expr => binary("mul", a, b);
export const div = (a: Operand, b: Operand): Expr => binary("div", a, b);
export const quotient = (a: Operand, b: Operand): Expr => binary("quotient", a, b);
export const and = (a: Operand, b: Operand): Expr => binary("and", a, b);
export const or = (a: Operand, b: Operand): Expr => binary("or", a, b);
export const xor = (a: Operand, b: Operand): Expr => binary("xor", a, b);
export const shl = (a: Operand, b: Operand): Expr => binary("shl", a, b);
export const shr = (a: Operand, b: Operand): Expr => binary("shr", a, b);
export const neg = (x: Expr): Expr => unary("neg", x);
export const abs = (x: Expr): Expr => unary("abs", x);
export const not = (x: Expr): Expr => unary("not", x);
export const floor = (x: Expr): Expr => unary("floor", x);
export const sqrt = (x: Expr): Expr => unary("sqrt", x);
export const eq = (a: Operand, b: Operand): Expr => compare("eq", a, b);
export const ne = (a: Operand, b: Operand): Expr => compare("ne", a, b);
export const lt = (a: Operand, b: Operand): Expr => compare("lt", a, b);
export const le = (a: Operand, b: Operand): Expr => compare("le", a, b);
export const gt = (a: Operand, b: Operand): Expr => compare("gt", a, b);
export const ge = (a: Operand, b: Operand): Expr => compare("ge", a, b);

/** `c0 + x (c1 + x (c2 + …))`, coefficients from the constant term up (Horner's rule). */
export function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  return coefficients
    .slice(0, -1)
    .reduceRight<Expr>(
      (sum, coefficient) => fma(sum, x, coefficient),
      constant(x.type, coefficients[coefficients.length - 1] ?? 0),
    );
}

function typeOfOperands(...operands: readonly Operand[]): KernelType {
  for (const operand of operands) if (typeof operand !== "number") return operand.type;
  throw new InternalError("build-expr: an operation on numbers alone has no type");
}

function toExpr(operand: Operand, type: KernelType): Expr {
  return typeof operand === "number" ? constant(type, operand) : operand;
}
