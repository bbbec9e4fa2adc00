/**
 * What the formulas in this folder share. Each file expands one family of functions into operations that
 * every language has: add, mul, fma, quotient, sqrt, floor, compare, select, convert, bitcast, shifts and bit
 * operations. In: operands of any lanes, f32 unless said otherwise. Out: an expression; intermediate values
 * are bound in front of the statement.
 *
 * Every formula must hold whether `fma` (or a contracted `a * b + c`) rounds once or twice.
 */
import type { BinaryOp, Expr, UnaryOp } from "../../kernel-ir.ts";
import { and, bitcast, binary, or, unary } from "../build-expr.ts";
import type { BlockBuilder } from "../map-kernel.ts";

/** Where an expansion writes its intermediate values, and how it calls other functions. */
export interface Expansion {
  readonly block: BlockBuilder;
  /** Names an intermediate value. */
  bind(name: string, value: Expr): Expr;
  /** Calls another function: expanded too where the target lacks it. */
  unary(op: UnaryOp, x: Expr): Expr;
  binary(op: BinaryOp, a: Expr, b: Expr): Expr;
}

/** `x` is bound already, so using it again is free. */
export type UnaryExpansion = (x: Expr, to: Expansion) => Expr;
export type BinaryExpansion = (a: Expr, b: Expr, to: Expansion) => Expr;

export const signBit = -0x8000_0000;
export const magnitudeBits = 0x7fff_ffff;

/** |x| with the sign of `sign`, from the bits: right for zeros too. */
export function withSignOf(magnitude: Expr, sign: Expr): Expr {
  return bitcast("f32", or(bitcast("i32", magnitude), and(bitcast("i32", sign), signBit)));
}

/** An `Expansion` that expands exactly the functions that `unaryOf` and `binaryOf` know. */
export function expansionInto(
  block: BlockBuilder,
  unaryOf: (op: UnaryOp) => UnaryExpansion | undefined,
  binaryOf: (op: BinaryOp) => BinaryExpansion | undefined,
): Expansion {
  const to: Expansion = {
    block,
    bind: (name, value) => block.bind(name, value),
    unary: (op, x) => {
      const expand = unaryOf(op);
      return expand === undefined ? unary(op, x) : expand(block.bind("x", x), to);
    },
    binary: (op, a, b) => {
      const expand = binaryOf(op);
      return expand === undefined ? binary(op, a, b) : expand(block.bind("a", a), block.bind("b", b), to);
    },
  };
  return to;
}
