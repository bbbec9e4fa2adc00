/** Elementwise arithmetic, unary functions, and sums of several tensors. */
import type { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily, OperatorNode } from "../operator.ts";

const unary =
  (apply: (x: Tensor) => Tensor): Operator =>
  (node) =>
    apply(node.input(0));

const binary =
  (apply: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (node) =>
    apply(node.input(0), node.input(1));

/** Any number of tensors, broadcast and combined one after the other. */
const variadic =
  (combine: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (node) =>
    node.inputs().reduce(combine);

/** Integers divide rounding toward zero, as in C. */
function divide(a: Tensor, b: Tensor): Tensor {
  if (a.dtype === "f32") return a.div(b);
  return new (a.constructor as typeof Tensor)(a.trace, a.trace.add("div", [a.id, b.id], {}));
}

/** The sign of the divisor (Python's %), or with fmod = 1 of the dividend (C's). */
function modulo(node: OperatorNode): Tensor {
  const [a, b] = [node.input(0), node.input(1)];
  if (node.flag("fmod", false)) return a.fmod(b);
  const remainder = a.fmod(b);
  const differs = remainder.ne(0).logicalAnd(remainder.lt(0).logicalXor(b.lt(0)));
  return remainder.add(b).where(differs, remainder);
}

function power(node: OperatorNode): Tensor {
  const [a, b] = [node.input(0), node.input(1)];
  const result = a.pow(b);
  return a.dtype === "f32" ? result : result.round().to(a.dtype);
}

/** Bounds as attributes before opset 11, as optional inputs since. */
function clip(node: OperatorNode): Tensor {
  const x = node.input(0);
  if (node.opset < 11)
    return x.clamp(node.float("min", -3.4028234663852886e38), node.float("max", 3.4028234663852886e38));
  const [low, high] = [1, 2].map((i) => node.optional(i));
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
