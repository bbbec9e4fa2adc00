/** Comparisons, logic and selection. */
import type { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily } from "../operator.ts";
import { operands } from "./operands.ts";

const binary =
  (apply: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (node) =>
    apply(...operands(node));

export const comparisons: OperatorFamily = {
  Equal: binary((a, b) => a.eq(b)),
  Greater: binary((a, b) => a.gt(b)),
  GreaterOrEqual: binary((a, b) => a.ge(b)),
  Less: binary((a, b) => a.lt(b)),
  LessOrEqual: binary((a, b) => a.le(b)),
  And: binary((a, b) => a.logicalAnd(b)),
  Or: binary((a, b) => a.logicalOr(b)),
  Xor: binary((a, b) => a.logicalXor(b)),
  Not: (node) => node.input(0).logicalNot(),
  IsNaN: (node) => node.input(0).isnan(),
  IsInf: (node) => {
    const x = node.input(0);
    const [negative, positive] = [node.flag("detect_negative", true), node.flag("detect_positive", true)];
    const high = positive ? x.eq(Infinity) : x.ne(x).logicalAnd(x.eq(x));
    return negative ? high.logicalOr(x.eq(-Infinity)) : high;
  },
  Where: (node) => node.input(1).where(node.input(0), node.input(2)),
};
