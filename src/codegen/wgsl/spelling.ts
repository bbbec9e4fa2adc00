/**
 * How WGSL spells kernel-IR types and expressions. The kernel is legalised: no vector is wider than four
 * lanes and every function listed in `legal.ts` has been expanded away.
 */
import { InternalError } from "../../errors.ts";
import type { KernelType, UnaryOp } from "../kernel-ir.ts";
import { compareSign, floatLiteral, infixSign } from "../write-expression.ts";
import type { Spelling } from "../write-expression.ts";

export const groupName = "heddle_group";
export const localName = "heddle_local";
export const nanBitsName = "heddle_nan_bits";
export const infinityBitsName = "heddle_infinity_bits";

/** The function that divides vectors of so many lanes exactly. */
export const divideName = (lanes: number): string =>
  lanes === 1 ? "heddle_divide" : `heddle_divide${lanes}`;

/** Functions whose WGSL name takes one argument and gives the same type. */
const functionName: Readonly<Partial<Record<UnaryOp, string>>> = {
  abs: "abs",
  sign: "sign",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  round: "round",
  sqrt: "sqrt",
  rsqrt: "inverseSqrt",
  exp: "exp",
  log: "log",
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
};

export function wgslType(type: KernelType): string {
  if (type.lanes > 4) throw new InternalError(`wgsl: ${type.lanes} lanes; split-wide-vectors must run first`);
  return type.lanes === 1 ? type.scalar : `vec${type.lanes}<${type.scalar}>`;
}

export const wgslSpelling: Spelling = {
  constant(type, value) {
    const scalar = scalarConstant(type, value);
    return type.lanes === 1 ? scalar : `${wgslType(type)}(${scalar})`;
  },
  group: (type) => (type.scalar === "u32" ? `u32(${groupName})` : groupName),
  local: (type) => (type.scalar === "u32" ? `u32(${localName})` : localName),
  unary(op, type, x, from) {
    switch (op) {
      case "neg":
        return `(-${x})`;
      case "not":
        return `(!${x})`;
      case "bitnot":
        return `(~${x})`;
      case "isnan": {
        // WGSL lets a compiler assume that floats are never NaN; the bits cannot be assumed away.
        const bits: KernelType = { scalar: "u32", lanes: from.lanes };
        const t = wgslType(bits);
        return from.lanes === 1
          ? `((bitcast<u32>(${x}) & 0x7fffffffu) > 0x7f800000u)`
          : `((bitcast<${t}>(${x}) & ${t}(0x7fffffffu)) > ${t}(0x7f800000u))`;
      }
      default: {
        const name = functionName[op];
        if (name === undefined) throw new InternalError(`wgsl: '${op}' must be expanded before writing`);
        return `${name}(${x})`;
      }
    }
  },
  binary(op, type, a, b) {
    switch (op) {
      case "min":
      case "max":
      case "pow":
        return `${op}(${a}, ${b})`;
      case "rem":
        return `(${a} % ${b})`;
      case "div":
        return type.scalar === "f32" ? `${divideName(type.lanes)}(${a}, ${b})` : `(${a} / ${b})`;
      case "shl":
      case "shr":
        return `(${a} ${op === "shl" ? "<<" : ">>"} ${wgslType({ scalar: "u32", lanes: type.lanes })}(${b}))`;
      case "xor":
        return type.scalar === "bool" ? `(${a} != ${b})` : `(${a} ^ ${b})`;
      default:
        return `(${a} ${infixSign[op]} ${b})`;
    }
  },
  compare(op, a, b, from) {
    // Tint writes `!=` as SPIR-V's ordered comparison, which is false for NaN; kernel IR says true.
    if (op === "ne" && from.scalar === "f32") return `(!(${a} == ${b}))`;
    return `(${a} ${compareSign[op]} ${b})`;
  },
  fma: (_type, a, b, c) => `fma(${a}, ${b}, ${c})`,
  select: (_type, cond, a, b) => `select(${b}, ${a}, ${cond})`,
  convert: (type, x) => `${wgslType(type)}(${x})`,
  bitcast: (type, x) => `bitcast<${wgslType(type)}>(${x})`,
  splat: (type, x) => `${wgslType(type)}(${x})`,
  lane: (_type, x, lane) => `${x}.${"xyzw"[lane] ?? "?"}`,
  pack: (type, lanes) => `${wgslType(type)}(${lanes.join(", ")})`,
};

function scalarConstant(type: KernelType, value: number): string {
  switch (type.scalar) {
    case "bool":
      return value === 0 ? "false" : "true";
    case "i32":
      return value < 0 ? `i32(${value})` : `${value}i`;
    case "u32":
      return `${value >>> 0}u`;
    case "f32": {
      // NaN and infinities are errors in constant expressions, so their bits are read from a variable.
      const single = Math.fround(value);
      if (Number.isNaN(single)) return `bitcast<f32>(${nanBitsName})`;
      if (single === Infinity) return `bitcast<f32>(${infinityBitsName})`;
      if (single === -Infinity) return `(-bitcast<f32>(${infinityBitsName}))`;
      return floatLiteral(single);
    }
    default:
      throw new InternalError(`wgsl: unknown scalar ${String(type.scalar satisfies never)}`);
  }
}
