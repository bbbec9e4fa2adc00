/**
 * Makes f32 `div` round correctly where a language's own division may be some units off: WGSL allows 2.5, and
 * drivers multiply by the reciprocal of a constant. In: any kernel, or two operands. Out: f32 `div` in terms of
 * `quotient`, the language's own.
 *
 * Both operands are scaled into [1, 2), so that nothing below over- or underflows. A quotient q leaves the residual
 * r = a − q·b; q + r/b is then at most one unit off, and its residual decides exactly which neighbour is nearer
 * (P. Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", 1990, without his fused
 * multiply-add: the factors are cut into halves of 12 bits, whose products are exact, fused or not; T. J. Dekker, 1971).
 *
 *     y = a / b   ⇒   q = quotient(a', b');  q' = q + quotient(r, b');  y = 2^(e_a − e_b) · (q' or its neighbour)
 *     y = a / 4   ⇒   y = a · 0.25
 */
import type { Expr, Kernel } from "../kernel-ir.ts";
import { abs, add, and, bitcast, eq, ge, gt, lt, mul, or, quotient, select, shr, sub } from "./build-expr.ts";
import { mapExpressions, type BlockBuilder } from "./map-kernel.ts";
import { powerOfTwo } from "./math/exp.ts";

type Division = Extract<Expr, { kind: "binary" }>;

/** Expands every division. */
export function divideExactly(kernel: Kernel): Kernel {
  return mapExpressions(kernel, isDivision, ({ a, b }, block) => exactQuotient(a, b, block));
}

/** Divides by powers of two by multiplication, which is exact; for languages that expand the rest in a function. */
export function multiplyByExactReciprocals(kernel: Kernel): Kernel {
  return mapExpressions(kernel, isDivision, (expr) => {
    const reciprocal = exactReciprocal(expr.b);
    return reciprocal === undefined ? expr : mul(expr.a, reciprocal);
  });
}

function isDivision(expr: Expr): expr is Division {
  return expr.kind === "binary" && expr.op === "div" && expr.type.scalar === "f32";
}

/** 1/b for a constant power of two, where that is a normal number as b is. */
function exactReciprocal(b: Expr): number | undefined {
  const value = b.kind === "splat" ? (b.x.kind === "const" ? b.x.value : NaN) : constantOf(b);
  const exponent = Math.log2(Math.abs(value));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126 ? 1 / value : undefined;
}

function constantOf(expr: Expr): number {
  return expr.kind === "const" ? expr.value : NaN;
}

const signAndMantissa = ~0x7f80_0000;
const exponentOfOne = 0x3f80_0000;

/** The correctly rounded quotient, whatever `quotient` gives within some units; intermediate values go to `block`. */
export function exactQuotient(dividend: Expr, divisor: Expr, block: BlockBuilder): Expr {
  const bind = (name: string, value: Expr): Expr => block.bind(`div_${name}`, value);
  const [a, b] = [bind("a", dividend), bind("b", divisor)];
  const [x, y] = [bind("x", scaledToOne(a)), bind("y", scaledToOne(b))];
  const yHead = bind("y_head", head(y));
  const yTail = bind("y_tail", sub(y, yHead));
  /** x − q·y, exactly: each product has at most 24 bits, and each difference is a multiple of the last one's unit. */
  const residual = (q: Expr): Expr => {
    const qHead = bind("q_head", head(q));
    const qTail = bind("q_tail", sub(q, qHead));
    const first = bind("rest", sub(x, mul(qHead, yHead)));
    const second = bind("rest", sub(first, mul(qHead, yTail)));
    return bind("rest", sub(bind("rest", sub(second, mul(qTail, yHead))), mul(qTail, yTail)));
  };

  const coarse = bind("q", quotient(x, y));
  const close = bind("q", add(coarse, quotient(residual(coarse), y)));
  const rest = residual(close);
  // The neighbour on the side of the residual. Bits of floats of one sign are in the order of their magnitudes.
  const bits = bind("bits", bitcast("i32", close));
  const shrinks = lt(mul(mul(rest, y), close), 0);
  const neighbour = bind("neighbour", bitcast("f32", select(shrinks, sub(bits, 1), add(bits, 1))));
  const halfGap = mul(abs(mul(sub(neighbour, close), 0.5)), abs(y));
  const nearest = bind("nearest", select(gt(abs(rest), halfGap), neighbour, close));

  const difference = bind("exponent", sub(exponentField(a), exponentField(b)));
  // Beyond the range of f32 the quotient is zero or infinite anyway; 2^k must not be.
  const exponent = bind("exponent", select(lt(difference, -252), -252, difference));
  const half = bind("exponent_half", shr(exponent, 1));
  const scaled = mul(mul(nearest, powerOfTwo(half)), powerOfTwo(sub(exponent, half)));
  return select(bind("plain", or(isSpecial(a), isSpecial(b))), quotient(a, b), scaled);
}

/** The number with its exponent taken away: ±[1, 2). */
function scaledToOne(x: Expr): Expr {
  return bitcast("f32", or(and(bitcast("i32", x), signAndMantissa), exponentOfOne));
}

function exponentField(x: Expr): Expr {
  return and(shr(bitcast("i32", x), 23), 0xff);
}

/** Zero, subnormal, infinite or not a number. */
function isSpecial(x: Expr): Expr {
  const field = exponentField(x);
  return or(eq(field, 0), ge(field, 0xff));
}

/** The first 12 bits of the mantissa. */
function head(x: Expr): Expr {
  return bitcast("f32", and(bitcast("i32", x), ~0xfff));
}
