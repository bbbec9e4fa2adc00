/** Reductions made of others: norms, deviations, logical ones, and log Σ eˣ. */
import { UserError } from "../errors.ts";
import type { Axes, Tensor } from "./tensor.ts";

/** Whether any element along the axes is not zero. */
export function any(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  return x.to("bool").to("i32").max(axes, keepDims).to("bool");
}

/** Whether no element along the axes is zero. */
export function all(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  return x.to("bool").to("i32").min(axes, keepDims).to("bool");
}

/** Standard deviation; `correction` 1 divides by n − 1. */
export function std(x: Tensor, axes?: Axes, keepDims = false, correction = 1): Tensor {
  return x.var(axes, keepDims, correction).sqrt();
}

/** log Σ eˣ over the axes, without overflow: the largest is taken out of the sum. */
export function logsumexp(x: Tensor, axes: Axes, keepDims = false): Tensor {
  const numbers = x.to("f32");
  // Infinities stay out of the subtraction, where they would give NaN.
  const peak = numbers.max(axes, true);
  const largest = peak.where(peak.abs().lt(Infinity), 0);
  const sum = numbers.sub(largest).exp().sum(axes, true).log().add(largest);
  return keepDims ? sum : sum.sum(axes);
}

/** (Σ |x|ᵖ)^(1/p) over the axes; for p infinite the largest or smallest |x|, for 0 how many are not zero. */
export function norm(x: Tensor, p = 2, axes?: Axes, keepDims = false): Tensor {
  if (Number.isNaN(p)) throw new UserError("argument", "norm: p is not a number.");
  const size = x.to("f32").abs();
  if (p === Infinity) return size.max(axes, keepDims);
  if (p === -Infinity) return size.min(axes, keepDims);
  if (p === 0) return size.ne(0).to("f32").sum(axes, keepDims);
  if (p === 1) return size.sum(axes, keepDims);
  if (p === 2) return size.square().sum(axes, keepDims).sqrt();
  return size
    .pow(p)
    .sum(axes, keepDims)
    .pow(1 / p);
}
