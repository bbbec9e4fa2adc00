/** Sliding windows: the arithmetic that convolution and pooling share. */
import { UserError } from "../../errors.ts";
import { expectInteger } from "./check.ts";

export interface WindowAttributes {
  readonly stride: readonly number[];
  /** Before and after each spatial dimension. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
}

/** Input positions one window spans. */
export function windowExtent(kernel: number, dilation: number): number {
  return dilation * (kernel - 1) + 1;
}

/**
 * Number of windows along one dimension. With `ceilMode`, a last window that only partly fits counts too,
 * unless it would start inside the padding after the input (PyTorch's rule); so may a first one.
 */
export function windowCount(
  size: number,
  kernel: number,
  stride: number,
  padding: readonly [number, number],
  dilation: number,
  ceilMode = false,
): number {
  const room = size + padding[0] + padding[1] - windowExtent(kernel, dilation);
  if (!ceilMode) return room < 0 ? 0 : Math.floor(room / stride) + 1;
  const count = Math.max(Math.ceil(room / stride) + 1, 0);
  return (count - 1) * stride >= size + padding[0] ? count - 1 : count;
}

export function checkWindow(
  op: string,
  spatialRank: number,
  kernel: readonly number[],
  attributes: WindowAttributes,
): void {
  if (spatialRank < 1 || spatialRank > 3) {
    throw new UserError("argument", `${op}: kernel has ${spatialRank} spatial dimensions, expected 1 to 3.`);
  }
  const lists = {
    kernel,
    stride: attributes.stride,
    padding: attributes.padding,
    dilation: attributes.dilation,
  };
  for (const [name, list] of Object.entries(lists)) {
    if (list.length !== spatialRank) {
      throw new UserError(
        "argument",
        `${op}: ${name} has ${list.length} entries for ${spatialRank} spatial dimensions.`,
      );
    }
  }
  for (const size of kernel) expectInteger(op, "kernel size", size, 1);
  for (const step of attributes.stride) expectInteger(op, "stride", step, 1);
  for (const step of attributes.dilation) expectInteger(op, "dilation", step, 1);
  for (const pair of attributes.padding) for (const amount of pair) expectInteger(op, "padding", amount, 0);
}
