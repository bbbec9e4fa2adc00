/** Arguments that are one number for all spatial dimensions, or one each. */
import { UserError } from "../errors.ts";
import { describeValue } from "../ir/check-options.ts";

/** One number for every spatial dimension, or one each. */
export type PerDimension = number | readonly number[];

/** As many numbers as there are spatial dimensions. */
export function perDimension(value: PerDimension, rank: number, asked: string): readonly number[] {
  if (typeof value !== "number" && !Array.isArray(value))
    throw new UserError("argument", `${asked}: expected one number or ${rank}, got ${describeValue(value)}.`);
  const list = typeof value === "number" ? new Array<number>(rank).fill(value) : value;
  if (list.length !== rank) {
    throw new UserError("argument", `${asked}: expected one number or ${rank}, got [${list.join(", ")}].`);
  }
  return list;
}
