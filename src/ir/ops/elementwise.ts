/**
 * Elementwise ops: one result element from the operands' elements at the same index, after broadcasting.
 * Each is one line of a table here and one line in `codegen/lower/elementwise.ts`.
 */
import { UserError } from "../../errors.ts";
import { allocateArray, type DType } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import { broadcastShapes, elementCount, formatShape, sameShape } from "../shape.ts";
import { sameLayout, tensorType, type TensorType } from "../tensor-type.ts";
import { expectDType, expectOperands, expectSameDType } from "./check.ts";
import { erf, roundHalfEven, sigmoid } from "./math.ts";
import type { NoAttributes, Op, OpFamily } from "./op.ts";
import { broadcastStrides, forEachIndex, offsetOf } from "./walk.ts";

const number: readonly DType[] = ["f32", "i32", "u32"];
const integer: readonly DType[] = ["i32", "u32"];
const float: readonly DType[] = ["f32"];
const any: readonly DType[] = ["f32", "i32", "u32", "bool"];
const logical: readonly DType[] = ["bool"];

interface ScalarRule<A> {
  readonly operands: number;
  readonly accepts: readonly DType[];
  /** Result dtype; by default that of the operands. */
  readonly result?: (operand: DType, attributes: A) => DType;
  readonly compute: (values: readonly number[], attributes: A, dtype: DType) => number;
}

function elementwise<A>(name: string, rule: ScalarRule<A>): Op<A> {
  return {
    kind: "elementwise",
    vjp: "none",
    infer(operands, attributes) {
      expectOperands(name, operands, rule.operands);
      for (const operand of operands) expectDType(name, operand, rule.accepts);
      const dtype = expectSameDType(name, operands);
      return [resultType(name, operands, rule.result?.(dtype, attributes) ?? dtype)];
    },
    evaluate: (operands, attributes, [type]) => [
      computeElements(operands, type!, (values) =>
        rule.compute(values, attributes, operands[0]!.dtype as DType),
      ),
    ],
  };
}

/** The broadcast shape, in the layout of the first operand that has that shape. */
function resultType(name: string, operands: readonly TensorType[], dtype: DType): TensorType {
  let shape: readonly number[] = operands[0]!.shape;
  for (const operand of operands.slice(1)) {
    const joined = broadcastShapes(shape, operand.shape);
    if (joined === undefined) {
      throw new UserError(
        "shape",
        `${name}: shapes ${operands.map((type) => formatShape(type.shape)).join(" and ")} do not broadcast: aligned at the right, sizes must be equal or 1.`,
      );
    }
    shape = joined;
  }
  const whole = operands.filter((operand) => sameShape(operand.shape, shape));
  const model = whole.find((operand) => operand.layout !== undefined) ?? whole[0];
  return model === undefined || sameLayout(model, tensorType(dtype, shape))
    ? tensorType(dtype, shape)
    : tensorType(dtype, shape, model.layout);
}

function computeElements(
  operands: readonly HostTensor[],
  type: TensorType,
  compute: (values: number[]) => number,
): HostTensor {
  const data = allocateArray(type.dtype, elementCount(type.shape));
  const strides = operands.map((operand) => broadcastStrides(operand.shape, type.shape));
  const values = operands.map(() => 0);
  forEachIndex(type.shape, (index, position) => {
    for (let i = 0; i < operands.length; i++) {
      values[i] = Number(operands[i]!.data[offsetOf(index, strides[i]!)]);
    }
    data[position] = compute(values);
  });
  return { dtype: type.dtype, shape: type.shape, data };
}

const unaryNumber = (compute: (x: number) => number): ScalarRule<NoAttributes> => ({
  operands: 1,
  accepts: number,
  compute: ([x]) => compute(x!),
});
const unaryFloat = (compute: (x: number) => number): ScalarRule<NoAttributes> => ({
  operands: 1,
  accepts: float,
  compute: ([x]) => compute(x!),
});
const binaryNumber = (compute: (a: number, b: number, dtype: DType) => number): ScalarRule<NoAttributes> => ({
  operands: 2,
  accepts: number,
  compute: ([a, b], _, dtype) => compute(a!, b!, dtype),
});
const comparison = (compute: (a: number, b: number) => boolean): ScalarRule<NoAttributes> => ({
  operands: 2,
  accepts: any,
  result: () => "bool",
  compute: ([a, b]) => (compute(a!, b!) ? 1 : 0),
});
const logic = (compute: (a: number, b: number) => number): ScalarRule<NoAttributes> => ({
  operands: 2,
  accepts: logical,
  compute: ([a, b]) => compute(a!, b!),
});

const bits = (compute: (a: number, b: number, dtype: DType) => number): ScalarRule<NoAttributes> => ({
  ...binaryNumber(compute),
  accepts: integer,
});

/** Ops that need nothing but their operands. NaN passes through all of them but sign, as in PyTorch. */
const plainRules = {
  neg: unaryNumber((x) => -x),
  abs: unaryNumber(Math.abs),
  sign: unaryNumber((x) => (x > 0 ? 1 : x < 0 ? -1 : 0)),
  floor: unaryFloat(Math.floor),
  ceil: unaryFloat(Math.ceil),
  round: unaryFloat(roundHalfEven),
  trunc: unaryFloat(Math.trunc),
  exp: unaryFloat(Math.exp),
  expm1: unaryFloat(Math.expm1),
  log: unaryFloat(Math.log),
  log1p: unaryFloat(Math.log1p),
  sqrt: unaryFloat(Math.sqrt),
  rsqrt: unaryFloat((x) => 1 / Math.sqrt(x)),
  reciprocal: unaryFloat((x) => 1 / x),
  sin: unaryFloat(Math.sin),
  cos: unaryFloat(Math.cos),
  tan: unaryFloat(Math.tan),
  asin: unaryFloat(Math.asin),
  acos: unaryFloat(Math.acos),
  atan: unaryFloat(Math.atan),
  sinh: unaryFloat(Math.sinh),
  cosh: unaryFloat(Math.cosh),
  asinh: unaryFloat(Math.asinh),
  acosh: unaryFloat(Math.acosh),
  atanh: unaryFloat(Math.atanh),
  tanh: unaryFloat(Math.tanh),
  erf: unaryFloat(erf),
  sigmoid: unaryFloat(sigmoid),
  relu: unaryNumber((x) => (x < 0 ? 0 : x)),
  silu: unaryFloat((x) => x * sigmoid(x)),
  hardswish: unaryFloat((x) => x * (Math.min(Math.max(x + 3, 0), 6) / 6)),
  hardsigmoid: unaryFloat((x) => Math.min(Math.max(x + 3, 0), 6) / 6),
  isnan: { operands: 1, accepts: float, result: () => "bool", compute: ([x]) => (Number.isNaN(x) ? 1 : 0) },
  not: { operands: 1, accepts: logical, compute: ([x]) => (x === 0 ? 1 : 0) },

  add: binaryNumber((a, b) => a + b),
  sub: binaryNumber((a, b) => a - b),
  mul: binaryNumber((a, b, dtype) => (dtype === "f32" ? a * b : Math.imul(a, b))),
  div: binaryNumber((a, b, dtype) => (dtype === "f32" ? a / b : Math.trunc(a / b))),
  rem: binaryNumber((a, b) => a % b),
  pow: { operands: 2, accepts: float, compute: ([a, b]) => power(a!, b!) },
  max: binaryNumber((a, b) => Math.max(a, b)),
  min: binaryNumber((a, b) => Math.min(a, b)),

  eq: comparison((a, b) => a === b),
  ne: comparison((a, b) => a !== b),
  lt: comparison((a, b) => a < b),
  le: comparison((a, b) => a <= b),
  gt: comparison((a, b) => a > b),
  ge: comparison((a, b) => a >= b),
  and: logic((a, b) => a & b),
  or: logic((a, b) => a | b),
  xor: logic((a, b) => a ^ b),

  bit_and: bits((a, b) => a & b),
  bit_or: bits((a, b) => a | b),
  bit_xor: bits((a, b) => a ^ b),
  bit_not: { operands: 1, accepts: integer, compute: ([x]) => ~x! },
  // Shifting out every bit leaves zeros, or for negative numbers shifted right, ones.
  shift_left: bits((a, b) => (b > 31 || b < 0 ? 0 : a << b)),
  shift_right: bits((a, b, dtype) => (dtype === "u32" ? (b > 31 ? 0 : a >>> b) : a >> Math.min(b >>> 0, 31))),
} satisfies Record<string, ScalarRule<NoAttributes>>;

/** C's pow, where JavaScript differs: 1 to any power is 1. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return Math.pow(base, exponent);
}

export type PlainElementwiseOp = keyof typeof plainRules;

export interface AttributedElementwiseOps {
  /** `slope · x` where `x` is negative, else `x`, so that an infinite slope leaves 0 as it is. */
  leaky_relu: { readonly slope: number };
  /** Bounds are left out with null. NaN stays NaN. */
  clamp: { readonly min: number | null; readonly max: number | null };
  /** `"none"`: x·Φ(x) by erf. `"tanh"`: the approximation of Hendrycks & Gimpel (2016). */
  gelu: { readonly approximate: "none" | "tanh" };
  /** f32 to integer truncates; anything to bool is `≠ 0`. */
  cast: { readonly dtype: DType };
  /** `condition ? a : b`. */
  where: NoAttributes;
}

const attributedOps: OpFamily<AttributedElementwiseOps> = {
  leaky_relu: elementwise("leaky_relu", {
    operands: 1,
    accepts: float,
    compute: ([x], { slope }) => (x! >= 0 ? x! : x! * slope),
  }),
  clamp: elementwise("clamp", {
    operands: 1,
    accepts: number,
    compute: ([x], { min, max }) => Math.min(Math.max(x!, min ?? -Infinity), max ?? Infinity),
  }),
  gelu: elementwise("gelu", {
    operands: 1,
    accepts: float,
    compute: ([x], { approximate }) =>
      approximate === "none"
        ? 0.5 * x! * (1 + erf(x! / Math.SQRT2))
        : 0.5 * x! * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x! + 0.044715 * x! ** 3))),
  }),
  cast: elementwise("cast", {
    operands: 1,
    accepts: any,
    result: (_, { dtype }) => dtype,
    compute: ([x], { dtype }) =>
      dtype === "bool" ? (x === 0 ? 0 : 1) : dtype === "f32" ? x! : Math.trunc(x!),
  }),
  where: {
    kind: "elementwise",
    vjp: "none",
    infer(operands) {
      expectOperands("where", operands, 3);
      expectDType("where", operands[0]!, logical, "condition");
      const dtype = expectSameDType("where", operands.slice(1));
      return [resultType("where", operands, dtype)];
    },
    evaluate: (operands, _, [type]) => [
      computeElements(operands, type!, ([condition, a, b]) => (condition !== 0 ? a! : b!)),
    ],
  },
};

export type ElementwiseOps = AttributedElementwiseOps & { [K in PlainElementwiseOp]: NoAttributes };

const plainOps = Object.fromEntries(
  Object.entries(plainRules).map(([name, rule]) => [name, elementwise<NoAttributes>(name, rule)]),
) as OpFamily<{ [K in PlainElementwiseOp]: NoAttributes }>;

export const elementwiseOps: OpFamily<ElementwiseOps> = { ...plainOps, ...attributedOps };
