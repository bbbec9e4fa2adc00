/**
 * Random numbers as a pure function: element `i` of a stream is a hash of `i` and the stream's state, so every
 * device draws the same numbers, and drawing again from the same state repeats them.
 */
import { checkShape } from "../host-tensor.ts";
import { elementCount, type Shape } from "../shape.ts";
import { formatType, tensorType, type TensorType } from "../tensor-type.ts";
import { UserError } from "../../errors.ts";
import { expectOperands } from "./check.ts";
import type { OpFamily } from "./op.ts";

export interface RandomOps {
  /** `state u32[] → f32[shape]`, uniform in [0, 1) in steps of 2⁻²⁴. */
  random_uniform: { readonly shape: Shape };
}

/** Multipliers and shifts of the 32-bit mixer "lowbias32" (C. Wellons, hash prospector, 2018). */
export const mixer = { shifts: [16, 15, 16], multipliers: [0x7feb352d, 0x846ca68b] } as const;

function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> mixer.shifts[0]), mixer.multipliers[0]) >>> 0;
  x = Math.imul(x ^ (x >>> mixer.shifts[1]), mixer.multipliers[1]) >>> 0;
  return (x ^ (x >>> mixer.shifts[2])) >>> 0;
}

export const randomOps: OpFamily<RandomOps> = {
  random_uniform: {
    kind: "generator",
    vjp: "none",
    infer(operands, { shape }) {
      expectOperands("random_uniform", operands, 1);
      const [state] = operands as [TensorType];
      if (state.dtype !== "u32" || state.shape.length !== 0) {
        throw new UserError("dtype", `random_uniform: state is ${formatType(state)}, expected u32[].`);
      }
      checkShape(shape, "random_uniform");
      return [tensorType("f32", shape)];
    },
    evaluate: ([state], { shape }) => {
      const stream = mix(Number(state!.data[0]));
      const data = Float32Array.from(
        { length: elementCount(shape) },
        (_, i) => (mix(i ^ stream) >>> 8) * 2 ** -24,
      );
      return [{ dtype: "f32", shape, data }];
    },
  },
};
