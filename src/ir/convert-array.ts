/** Elements of one dtype as another's, and what does not fit refused. */
import { UserError } from "../errors.ts";
import { allocateArray, narrowRange, type HostArray, type HostDType } from "./dtype.ts";
import { halfToNumber, numberToHalf } from "./half.ts";

type Elements = HostArray | readonly (number | bigint | boolean)[];

/**
 * The same values in another dtype; the same array where nothing changes.
 * @param from the dtype of `data`; by default, arrays of the right kind already are what is asked for
 * @throws UserError for fractions and for values out of range, where integers of another size than 32 bits are asked for
 */
export function convertArray(data: Elements, dtype: HostDType, from?: HostDType): HostArray {
  const isKnown = from === undefined && data.constructor === allocateArray(dtype, 0).constructor;
  if (isKnown || from === dtype) return data as HostArray;
  const result = allocateArray(dtype, data.length);
  const set = setter(result, dtype);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    set(i, from === "f16" ? halfToNumber(value as number) : value);
  }
  return result;
}

function setter(result: HostArray, dtype: HostDType): (i: number, value: number | bigint | boolean) => void {
  switch (dtype) {
    case "bool":
      return (i, value) => (result[i] = value ? 1 : 0);
    case "f16":
      return (i, value) => (result[i] = numberToHalf(Number(value)));
    case "i64":
    case "u64":
      return (i, value) => (result[i] = wholeNumber(value, dtype, i));
    case "i8":
    case "u8":
    case "i16":
    case "u16": {
      const [least, greatest] = narrowRange(dtype)!;
      return (i, value) => {
        const number = Number(value);
        if (!(Number.isInteger(number) && number >= least && number <= greatest))
          refuse(value, dtype, i, `an integer from ${least} to ${greatest}`);
        result[i] = number;
      };
    }
    case "f32":
    case "f64":
    case "i32":
    case "u32":
      return (i, value) => (result[i] = Number(value));
    default:
      return dtype satisfies never;
  }
}

function wholeNumber(value: number | bigint | boolean, dtype: "i64" | "u64", i: number): bigint {
  if (typeof value === "number" && !Number.isInteger(value)) refuse(value, dtype, i, "an integer");
  const whole = BigInt(value);
  const kept = dtype === "i64" ? BigInt.asIntN(64, whole) : BigInt.asUintN(64, whole);
  if (kept !== whole) refuse(value, dtype, i, "an integer of 64 bits");
  return whole;
}

function refuse(value: unknown, dtype: HostDType, i: number, expected: string): never {
  throw new UserError(
    "dtype",
    `tensor: element ${i} is ${value}, which ${dtype} does not hold; expected ${expected}.`,
  );
}
