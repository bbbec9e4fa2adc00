/**
 * Elementwise ops as kernel-IR expressions: one line an op, for any number of lanes. The counterpart of
 * `ir/ops/elementwise.ts`; a missing line does not compile.
 */
import type { DType } from "../../ir/dtype.ts";
import type { ElementwiseOps } from "../../ir/ops/elementwise.ts";
import { binary, compare, constant, convert, select, unary } from "../expressions.ts";
import type { BinaryOp, CompareOp, Expr, Scalar, UnaryOp } from "../kernel-ir.ts";

type Rule<A> = (operands: readonly Expr[], attributes: A) => Expr;

/** A constant of `x`'s type. */
const like = (x: Expr, value: number): Expr => constant(value, x.type);
const add = (a: Expr, b: Expr): Expr => binary("add", a, b);
const sub = (a: Expr, b: Expr): Expr => binary("sub", a, b);
const mul = (a: Expr, b: Expr): Expr => binary("mul", a, b);
const div = (a: Expr, b: Expr): Expr => binary("div", a, b);
const sigmoid = (x: Expr): Expr =>
  binary("quotient", like(x, 1), add(like(x, 1), unary("exp", unary("neg", x))));
const relu6 = (x: Expr): Expr => binary("min", binary("max", x, like(x, 0)), like(x, 6));

const isTooFar = (count: Expr): Expr => {
  const unsigned = convert(count, "u32");
  return compare("gt", unsigned, like(unsigned, 31));
};
const lowBits = (count: Expr): Expr => binary("and", count, like(count, 31));

const u =
  (op: UnaryOp): Rule<unknown> =>
  ([x]) =>
    unary(op, x!);
const b =
  (op: BinaryOp): Rule<unknown> =>
  ([x, y]) =>
    binary(op, x!, y!);
/** Comparing bools compares them as numbers. */
const c =
  (op: CompareOp): Rule<unknown> =>
  ([x, y]) =>
    compare(op, numeric(x!), numeric(y!));
const numeric = (x: Expr): Expr => (x.type.scalar === "bool" ? convert(x, "i32") : x);

const rules: { readonly [K in keyof ElementwiseOps]: Rule<ElementwiseOps[K]> } = {
  neg: ([x]) => (x!.type.scalar === "u32" ? binary("sub", like(x!, 0), x!) : unary("neg", x!)),
  abs: ([x]) => (x!.type.scalar === "u32" ? x! : unary("abs", x!)),
  sign: ([x]) => (x!.type.scalar === "u32" ? binary("min", x!, like(x!, 1)) : unary("sign", x!)),
  floor: u("floor"),
  ceil: u("ceil"),
  round: u("round"),
  trunc: u("trunc"),
  exp: u("exp"),
  expm1: u("expm1"),
  log: u("log"),
  log1p: u("log1p"),
  sqrt: u("sqrt"),
  rsqrt: u("rsqrt"),
  reciprocal: ([x]) => div(like(x!, 1), x!),
  sin: u("sin"),
  cos: u("cos"),
  tan: u("tan"),
  asin: u("asin"),
  acos: u("acos"),
  atan: u("atan"),
  sinh: u("sinh"),
  cosh: u("cosh"),
  asinh: u("asinh"),
  acosh: u("acosh"),
  atanh: u("atanh"),
  tanh: u("tanh"),
  erf: u("erf"),
  sigmoid: ([x]) => sigmoid(x!),
  relu: ([x]) => binary("max", x!, like(x!, 0)),
  silu: ([x]) => mul(x!, sigmoid(x!)),
  // Divided first: x · 6 may overflow where the result does not.
  hardswish: ([x]) => mul(x!, div(relu6(add(x!, like(x!, 3))), like(x!, 6))),
  hardsigmoid: ([x]) => div(relu6(add(x!, like(x!, 3))), like(x!, 6)),
  isnan: u("isnan"),
  not: u("not"),

  add: b("add"),
  sub: b("sub"),
  mul: b("mul"),
  div: b("div"),
  rem: b("rem"),
  pow: b("pow"),
  max: b("max"),
  min: b("min"),

  eq: c("eq"),
  ne: c("ne"),
  lt: c("lt"),
  le: c("le"),
  gt: c("gt"),
  ge: c("ge"),
  and: b("and"),
  or: b("or"),
  xor: b("xor"),

  bit_and: b("and"),
  bit_or: b("or"),
  bit_xor: b("xor"),
  bit_not: u("bitnot"),
  // What a shift by 32 or more gives differs between languages.
  shift_left: ([x, count]) => select(isTooFar(count!), like(x!, 0), binary("shl", x!, lowBits(count!))),
  shift_right: ([x, count]) => {
    const rest = x!.type.scalar === "u32" ? like(x!, 0) : binary("shr", x!, like(x!, 31));
    return select(isTooFar(count!), rest, binary("shr", x!, lowBits(count!)));
  },

  leaky_relu: ([x], { slope }) => {
    // Some compilers fold x · 0 to 0 for infinite x, too; −(x − x) is NaN there, and else −0 as for every x < 0.
    const negative = slope === 0 ? unary("neg", sub(x!, x!)) : mul(x!, like(x!, slope));
    return select(compare("ge", x!, like(x!, 0)), x!, negative);
  },
  clamp: ([x], { min, max }) => {
    const raised = min === null ? x! : binary("max", x!, like(x!, min));
    return max === null ? raised : binary("min", raised, like(x!, max));
  },
  gelu: ([x], { approximate }) => {
    const half = mul(like(x!, 0.5), x!);
    const inner =
      approximate === "none"
        ? unary("erf", mul(x!, like(x!, Math.SQRT1_2)))
        : unary(
            "tanh",
            mul(like(x!, Math.sqrt(2 / Math.PI)), add(x!, mul(like(x!, 0.044715), mul(x!, mul(x!, x!))))),
          );
    return mul(half, add(like(x!, 1), inner));
  },
  cast: ([x], { dtype }) => convert(x!, scalarOf(dtype)),
  where: ([condition, x, y]) => select(condition!, x!, y!),
};

export type ElementwiseOpName = keyof ElementwiseOps;

export function isElementwise(op: string): op is ElementwiseOpName {
  return Object.hasOwn(rules, op);
}

/** @param operands expressions of equal lanes */
export function lowerElementwise(
  op: ElementwiseOpName,
  operands: readonly Expr[],
  attributes: unknown,
): Expr {
  return (rules[op] as Rule<unknown>)(operands, attributes);
}

/** The kernel-IR type that a graph dtype is computed in. */
export function scalarOf(dtype: DType): Scalar {
  return dtype;
}
