/** Random numbers inside kernels: the counterpart of `ir/ops/random.ts`. */
import { mixer } from "../../ir/ops/random.ts";
import { binary, constant, convert, float } from "../expressions.ts";
import { u32, type Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";

/** Element `flat` (i32) of the stream of `state` (u32): f32 in [0, 1). */
export function emitUniform(kb: KernelBuilder, state: Expr, flat: Expr): Expr {
  const stream = mix(kb, state);
  const bits = mix(kb, binary("xor", convert(flat, "u32"), stream));
  const fraction = convert(convert(binary("shr", bits, constant(8, u32)), "i32"), "f32");
  return binary("mul", fraction, float(2 ** -24));
}

function mix(kb: KernelBuilder, value: Expr): Expr {
  const fold = (x: Expr, shift: number) => binary("xor", x, binary("shr", x, constant(shift, u32)));
  const [first, second, third] = mixer.shifts;
  let x = kb.let(value, "bits");
  x = kb.let(binary("mul", fold(x, first), constant(mixer.multipliers[0], u32)), "bits");
  x = kb.let(binary("mul", fold(x, second), constant(mixer.multipliers[1], u32)), "bits");
  return kb.let(fold(x, third), "bits");
}
