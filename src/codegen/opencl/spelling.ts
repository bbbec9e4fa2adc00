/**
 * How OpenCL C spells kernel-IR types and expressions.
 *
 * A bool has no storage of its own: a scalar one is an `int` of 0 or 1, a vector one an `intN` of 0 or −1 in
 * each lane, because that is what scalar and vector comparisons give. Everything that crosses between the
 * two (splat, pack, lane, convert) flips the sign.
 */
import { InternalError } from "../../errors.ts";
import type { KernelType, Scalar, UnaryOp } from "../kernel-ir.ts";
import { compareSign, floatLiteral, infixSign } from "../write-expression.ts";
import type { Spelling } from "../write-expression.ts";

const scalarName: Readonly<Record<Scalar, string>> = { f32: "float", i32: "int", u32: "uint", bool: "int" };

/** Functions that take one argument of the result's type. */
const functionName: Readonly<Partial<Record<UnaryOp, string>>> = {
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  round: "rint",
  sqrt: "sqrt",
  rsqrt: "rsqrt",
  exp: "exp",
  expm1: "expm1",
  log: "log",
  log1p: "log1p",
  sin: "sin",
  cos: "cos",
  tan: "tan",
  asin: "asin",
  acos: "acos",
  atan: "atan",
  sinh: "sinh",
  cosh: "cosh",
  tanh: "tanh",
  asinh: "asinh",
  acosh: "acosh",
  atanh: "atanh",
  erf: "erf",
  isnan: "isnan",
};

export function openclType(type: KernelType): string {
  return type.lanes === 1 ? scalarName[type.scalar] : `${scalarName[type.scalar]}${type.lanes}`;
}

export const openclSpelling: Spelling = {
  constant(type, value) {
    if (type.lanes === 1) return scalarConstant(type.scalar, value);
    if (type.scalar === "bool") return `((${openclType(type)})(${value === 0 ? "0" : "-1"}))`;
    return `((${openclType(type)})(${scalarConstant(type.scalar, value)}))`;
  },
  group: (type) => `((${openclType(type)})get_group_id(0))`,
  local: (type) => `((${openclType(type)})get_local_id(0))`,
  unary(op, type, x) {
    const t = openclType(type);
    switch (op) {
      case "neg":
        return `(-${x})`;
      case "not":
        return `(!${x})`;
      case "bitnot":
        return `(~${x})`;
      case "abs":
        return type.scalar === "f32"
          ? `fabs(${x})`
          : type.lanes === 1
            ? `((int)abs(${x}))`
            : `as_${t}(abs(${x}))`;
      case "sign": {
        if (type.scalar === "f32") return `sign(${x})`;
        // A vector comparison gives −1 for true, a scalar one 1.
        return type.lanes === 1 ? `((${x} > 0) - (${x} < 0))` : `((${x} < 0) - (${x} > 0))`;
      }
      default: {
        const name = functionName[op];
        if (name === undefined) throw new InternalError(`opencl: '${op}' has no spelling`);
        return `${name}(${x})`;
      }
    }
  },
  binary(op, type, a, b) {
    switch (op) {
      case "min":
      case "max":
        return `${type.scalar === "f32" ? "f" : ""}${op}(${a}, ${b})`;
      case "pow":
        return `pow(${a}, ${b})`;
      case "rem":
        return type.scalar === "f32" ? `fmod(${a}, ${b})` : `(${a} % ${b})`;
      case "shl":
        return `(${a} << ${b})`;
      case "shr":
        return `(${a} >> ${b})`;
      default:
        return `(${a} ${infixSign[op]} ${b})`;
    }
  },
  compare: (op, a, b) => `(${a} ${compareSign[op]} ${b})`,
  fma: (_type, a, b, c) => `fma(${a}, ${b}, ${c})`,
  select: (type, cond, a, b) =>
    type.lanes === 1 ? `(${cond} ? ${a} : ${b})` : `select(${b}, ${a}, ${cond})`,
  convert(type, x, from) {
    const t = openclType(type);
    if (type.scalar === from.scalar) return x;
    if (type.scalar === "bool") {
      const zero = openclSpelling.constant(from, 0);
      return `(${x} != ${zero})`;
    }
    if (type.lanes === 1) return from.scalar === "f32" ? `convert_${t}_rtz(${x})` : `((${t})${x})`;
    if (from.scalar === "bool")
      return type.scalar === "i32"
        ? `(-${x})`
        : type.scalar === "u32"
          ? `as_${t}(-${x})`
          : `convert_${t}(-${x})`;
    if (type.scalar === "f32") return `convert_${t}(${x})`;
    return from.scalar === "f32" ? `convert_${t}_rtz(${x})` : `as_${t}(${x})`;
  },
  bitcast: (type, x) => `as_${openclType(type)}(${x})`,
  splat: (type, x) => `((${openclType(type)})(${type.scalar === "bool" ? `-${x}` : x}))`,
  lane(type, x, lane) {
    const component = `${x}.s${lane.toString(16)}`;
    return type.scalar === "bool" ? `(-${component})` : component;
  },
  pack(type, lanes) {
    const parts = type.scalar === "bool" ? lanes.map((lane) => `-${lane}`) : lanes;
    return `((${openclType(type)})(${parts.join(", ")}))`;
  },
};

function scalarConstant(scalar: Scalar, value: number): string {
  switch (scalar) {
    case "bool":
      return value === 0 ? "0" : "1";
    case "i32":
      if (value === -(2 ** 31)) return "(-2147483647 - 1)";
      return value < 0 ? `(${value})` : `${value}`;
    case "u32":
      return `${value >>> 0}u`;
    case "f32": {
      const single = Math.fround(value);
      if (Number.isNaN(single)) return "NAN";
      if (!Number.isFinite(single)) return single > 0 ? "INFINITY" : "(-INFINITY)";
      return floatLiteral(single);
    }
    default:
      throw new InternalError(`opencl: unknown scalar ${String(scalar satisfies never)}`);
  }
}
