/**
 * Quarter turns of a large angle, exactly: Payne & Hanek (1983). The f32 is an integer m times a power of two;
 * of the bits of 2/pi only those matter whose product with it is below four quarter turns and not too small.
 * 96 of them, from where the exponent says, times m, leave the quarter turn in the top two bits and the rest
 * of the angle below.
 */
import { add, and, bitcast, constant, convert, lt, mul, or, select, shl, shr, sub } from "../build-expr.ts";
import type { Expr } from "../../kernel-ir.ts";
import type { Expansion } from "./expansion.ts";

/** 32 zero bits, then the bits of 2/pi after the point. */
const twoOverPi = [
  0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
] as const;

/** Exponent field of 2^13, the smallest angle this is used for. */
const smallestExponent = 140;

export interface ReducedAngle {
  /** In −pi/4 … pi/4. */
  readonly rest: Expr;
  /** Quarter turns, i32, modulo 4. */
  readonly turns: Expr;
}

/** For 2^13 ≤ |x| < ∞; anything (but nothing undefined) elsewhere. */
export function reduceLargeAngle(x: Expr, to: Expansion): ReducedAngle {
  const u32 = { scalar: "u32", lanes: x.type.lanes } as const;
  const bind = (value: Expr) => to.bind("angle", value);
  const word = (value: number) => constant(u32, value);
  const bits = bind(bitcast("u32", x));
  const field = bind(and(shr(bits, 23), 0xff));
  const exponent = bind(select(lt(field, smallestExponent), word(smallestExponent), field));
  const m = bind(or(and(bits, 0x7fffff), 0x800000));

  // x = m · 2^(exponent − 150); its window starts at bit exponent − 120 of the table.
  const start = bind(sub(exponent, 120));
  const first = bind(shr(start, 5));
  const shift = bind(and(start, 31));
  const table = [0, 1, 2, 3].map((offset) => {
    const entries = [0, 1, 2, 3, 4].map((index) => word(twoOverPi[index + offset]!));
    return bind(
      entries.slice(1).reduce((chosen, entry, i) => select(lt(first, i + 1), chosen, entry), entries[0]!),
    );
  });
  const window = [0, 1, 2].map((i) => {
    // A shift by 32 − shift in two steps, because shift may be 0.
    const low = shr(shr(table[i + 1]!, 1), sub(word(31), shift));
    return bind(or(shl(table[i]!, shift), low));
  }) as [Expr, Expr, Expr];

  const middleLow = bind(mul(m, window[1]));
  const middle = bind(add(middleLow, highProduct(m, window[2], to)));
  const carry = select(lt(middle, middleLow), word(1), word(0));
  const high = bind(add(add(mul(m, window[0]), highProduct(m, window[1], to)), carry));

  const turns = bind(shr(add(high, 0x20000000), 30));
  const fraction = bitcast("i32", or(shl(high, 2), shr(middle, 30)));
  const tail = mul(convert("f32", shl(middle, 2)), 2 ** -32);
  const rest = bind(mul(add(convert("f32", fraction), tail), (Math.PI / 2) * 2 ** -32));
  const negative = bind(lt(x, 0));
  const signedTurns = bitcast("i32", turns);
  return {
    rest: select(negative, sub(0, rest), rest),
    turns: and(select(negative, sub(0, signedTurns), signedTurns), 3),
  };
}

/** Bits 32 … 63 of a product of two u32, a < 2^24, in halves of 16 bits. */
function highProduct(a: Expr, b: Expr, to: Expansion): Expr {
  const bind = (value: Expr) => to.bind("angle", value);
  const [aLow, aHigh] = [bind(and(a, 0xffff)), bind(shr(a, 16))];
  const [bLow, bHigh] = [bind(and(b, 0xffff)), bind(shr(b, 16))];
  const low = shr(mul(aLow, bLow), 16);
  const cross = bind(add(mul(aHigh, bLow), low));
  const otherCross = add(mul(aLow, bHigh), and(cross, 0xffff));
  return bind(add(add(mul(aHigh, bHigh), shr(cross, 16)), shr(otherCross, 16)));
}
