/**
 * The small functions that some language lacks: sign, round, rsqrt, isnan and the remainder of f32.
 */
import {
  abs,
  add,
  and,
  bitcast,
  constant,
  quotient,
  eq,
  ge,
  gt,
  lt,
  mul,
  ne,
  or,
  select,
  splat,
  ref,
  sqrt,
  sub,
} from "../build-expr.ts";
import { i32, type Expr } from "../../kernel-ir.ts";
import { BlockBuilder } from "../map-kernel.ts";
import { magnitudeBits, withSignOf, type Expansion } from "./expansion.ts";
import { powerOfTwo } from "./exp.ts";

/** 1, -1, or 0: zeros and NaN give 0, as in PyTorch. f32 and i32. */
export function expandSign(x: Expr): Expr {
  return select(gt(x, 0), 1, select(lt(x, 0), -1, constant(x.type, 0)));
}

/** Half to even: adding 2^23 leaves no room for a fraction, and the addition rounds. */
export function expandRound(x: Expr, to: Expansion): Expr {
  const a = to.bind("round_a", abs(x));
  return select(lt(a, 2 ** 23), withSignOf(sub(add(a, 2 ** 23), 2 ** 23), x), x);
}

export function expandRsqrt(x: Expr): Expr {
  return quotient(1, sqrt(x));
}

/** From the bits, so that no compiler may assume that NaN does not occur. */
export function expandIsnan(x: Expr): Expr {
  return gt(and(bitcast("i32", x), magnitudeBits), 0x7f80_0000);
}

/** 2^277 is more than the largest f32 divided by the smallest. */
const largestShift = 277;

/**
 * C's `fmod`, exactly: long division in binary. For k from 277 down to 0, subtract |y| 2^k wherever it still
 * fits; each subtraction is exact (P. Sterbenz, "Floating-Point Computation", 1974). Slow, but right for
 * every quotient.
 */
export function expandRem(x: Expr, y: Expr, to: Expansion): Expr {
  const { block } = to;
  const divisor = to.bind("rem_divisor", abs(y));
  const restName = block.names.claim("rem_rest");
  const rest = ref(restName, x.type);
  const step = block.names.claim("rem_step");
  const body = new BlockBuilder(block.names);
  const k = sub(largestShift, ref(step, i32));
  // 2^k in three factors, each within the exponent range.
  const first = body.bind("rem_k", select(lt(k, 127), k, 127));
  const afterFirst = body.bind("rem_k", sub(k, first));
  const second = body.bind("rem_k", select(lt(afterFirst, 127), afterFirst, 127));
  const shifted = [first, second, sub(afterFirst, second)].reduce(
    (value, n) => mul(value, splat(powerOfTwo(n), x.type.lanes)),
    divisor,
  );
  const subtrahend = body.bind("rem_shifted", shifted);
  const value = select(ge(rest, subtrahend), sub(rest, subtrahend), rest);
  body.emit({ kind: "assign", name: restName, value });

  block.emit({ kind: "var", name: restName, value: abs(x) });
  block.emit({ kind: "for", name: step, start: 0, end: largestShift + 1, step: 1, body: body.statements });
  const result = to.bind("rem", withSignOf(rest, x));
  const isNan = or(or(eq(y, 0), ne(y, y)), or(eq(abs(x), Infinity), ne(x, x)));
  return select(isNan, NaN, result);
}
