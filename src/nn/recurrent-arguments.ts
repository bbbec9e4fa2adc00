/** What recurrent layers and cells check before they compute. */
import { UserError } from "../errors.ts";
import type { Tensor } from "./tensor.ts";

/** Refuses sizes that are not whole numbers from 1. */
export function checkCount(name: string, what: string, count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw new UserError("argument", `${name}: ${what} must be a whole number from 1, got ${count}.`);
}

/** Refuses the state of an LSTM that is not `[h, c]`: inputs of a compiled network come one by one, for example. */
export function checkStatePair(x: Tensor, name: string, state: unknown): void {
  if (state === undefined || (Array.isArray(state) && state.length === 2)) return;
  x.trace.fail("argument", `${name}: the state must be an array of two tensors, [h, c].`);
}
