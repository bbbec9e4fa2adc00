/** Elementwise arithmetic, unary functions, and sums of several tensors. Narrow integers wrap, as NumPy's do. */
import { onlyElement } from "./constraints.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily, OperatorNode } from "../operator.ts";
import { narrowed } from "./narrow.ts";
import { operands } from "./operands.ts";

const unary =
  (apply: (x: Tensor) => Tensor): Operator =>
  (node) =>
    narrowed(node, apply(node.input(0)));

const binary =
  (apply: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (node) =>
    narrowed(node, apply(...operands(node)));

/** Any number of tensors, broadcast and combined one after the other. */
const variadic =
  (combine: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (node) =>
    narrowed(node, node.inputs().reduce(combine));

/** Integers divide rounding toward zero, as in C. */
function divide(a: Tensor, b: Tensor): Tensor {
  if (a.dtype === "f32") return a.div(b);
  return new Tensor(a.trace, a.trace.add("div", [a.id, b.id], {}));
}

/** The sign of the divisor (Python's %), or with fmod = 1 of the dividend (C's). */
function modulo(node: OperatorNode): Tensor {
  const [a, b] = [node.input(0), node.input(1)];
  const isC = node.int("fmod", 0, [0, 1]) === 1;
  if (a.dtype === "f32" && !isC)
    return node.fail("argument", "fmod is 0, expected 1, which it has to be for floating-point numbers.");
  return isC ? a.fmod(b) : a.remainder(b);
}

/** The type is that of the base. An integer to a fractional power is truncated, unless that is rounding alone. */
function power(node: OperatorNode): Tensor {
  const [a, b] = operands(node);
  if (a.dtype === "f32") return a.pow(b);
  if (b.dtype !== "f32") return narrowed(node, integerPower(a, b, exponentBits(node)));
  const result = a.pow(b);
  const nearest = result.round();
  const isRounding = result.sub(nearest).abs().le(nearest.abs().mul(1e-5));
  return narrowed(node, nearest.where(isRounding, result.trunc()).to(a.dtype));
}

/** How many bits the exponents have, where they are known. */
function exponentBits(node: OperatorNode): number {
  const known = node.known(1);
  if (known === undefined) return 31;
  const largest = Array.from(known.data as ArrayLike<number | bigint>).reduce<number>(
    (most, value) => Math.max(most, Math.abs(Number(value))),
    0,
  );
  return Math.min(31, Math.ceil(Math.log2(largest + 1)));
}

/** Exact modulo 2^32, by squaring. A negative exponent gives 0 but for ±1, as a truncated fraction. */
function integerPower(base: Tensor, exponent: Tensor, bits: number): Tensor {
  const { trace } = base;
  const count = exponent.abs();
  let result = new Tensor(trace, trace.scalar(1, base.dtype));
  let square = base;
  for (let bit = 0; bit < bits; bit++) {
    const mask = trace.scalar(2 ** bit, exponent.dtype);
    const isSet = new Tensor(trace, trace.add("bit_and", [count.id, mask], {})).ne(0);
    result = result.mul(square).where(isSet, result);
    square = square.mul(square);
  }
  const vanishes = exponent.lt(0).logicalAnd(base.abs().ne(1));
  return result.mul(0).where(vanishes, result);
}

/** Bounds as attributes before opset 11, as optional inputs since. */
function clip(node: OperatorNode): Tensor {
  const x = node.input(0);
  if (node.opset < 11)
    return x.clamp(node.float("min", -3.4028234663852886e38), node.float("max", 3.4028234663852886e38));
  const [low, high] = [1, 2].map((i) => {
    const bound = node.optional(i);
    return bound && onlyElement(node, i === 1 ? "min" : "max", bound);
  });
  const raised = low === undefined ? x : x.maximum(low);
  return high === undefined ? raised : raised.minimum(high);
}

export const arithmetic: OperatorFamily = {
  Abs: unary((x) => x.abs()),
  Acos: unary((x) => x.acos()),
  Acosh: unary((x) => x.acosh()),
  Asin: unary((x) => x.asin()),
  Asinh: unary((x) => x.asinh()),
  Atan: unary((x) => x.atan()),
  Atanh: unary((x) => x.atanh()),
  Ceil: unary((x) => x.ceil()),
  Cos: unary((x) => x.cos()),
  Cosh: unary((x) => x.cosh()),
  Erf: unary((x) => x.erf()),
  Exp: unary((x) => x.exp()),
  Floor: unary((x) => x.floor()),
  Log: unary((x) => x.log()),
  Neg: unary((x) => x.neg()),
  Reciprocal: unary((x) => x.reciprocal()),
  Round: unary((x) => x.round()),
  Sign: unary((x) => x.sign()),
  Sin: unary((x) => x.sin()),
  Sinh: unary((x) => x.sinh()),
  Sqrt: unary((x) => x.sqrt()),
  Tan: unary((x) => x.tan()),

  Add: binary((a, b) => a.add(b)),
  Sub: binary((a, b) => a.sub(b)),
  Mul: binary((a, b) => a.mul(b)),
  Div: binary(divide),
  Mod: modulo,
  Pow: power,
  Clip: clip,

  Sum: variadic((a, b) => a.add(b)),
  Mean: meanOf,
  Max: variadic((a, b) => a.maximum(b)),
  Min: variadic((a, b) => a.minimum(b)),
};

function meanOf(node: OperatorNode): Tensor {
  const inputs = node.inputs();
  return inputs.reduce((a, b) => a.add(b)).div(inputs.length);
}
