/** A graph's results in the dtypes that were declared for them, which graphs do not compute with. */
import { convertArray } from "./convert-array.ts";
import type { DType, HostDType } from "./dtype.ts";
import { encodeHalves } from "./half.ts";
import type { HostTensor } from "./host-tensor.ts";

/**
 * A graph's result in its declared dtype: f32 rounded to f16, integers wrapped to the declared width.
 * @param dtype one that graphs hold as the result's own
 */
export function declaredTensor(
  { dtype: from, shape, data }: HostTensor<DType>,
  dtype: HostDType,
): HostTensor {
  const wrap = (elements: unknown) => ({ dtype, shape, data: elements }) as HostTensor;
  if (dtype === from) return { dtype: from, shape, data } as HostTensor;
  const numbers = data as Float32Array | Int32Array | Uint32Array;
  switch (dtype) {
    case "f16":
      return wrap(encodeHalves(numbers));
    case "f64":
      return wrap(Float64Array.from(numbers));
    case "i8":
      return wrap(Int8Array.from(numbers));
    case "u8":
      return wrap(Uint8Array.from(numbers));
    case "i16":
      return wrap(Int16Array.from(numbers));
    case "u16":
      return wrap(Uint16Array.from(numbers));
    case "i64":
      return wrap(BigInt64Array.from(numbers as ArrayLike<number> as number[], BigInt));
    case "u64":
      return wrap(BigUint64Array.from(numbers as ArrayLike<number> as number[], BigInt));
    case "f32":
    case "i32":
    case "u32":
    case "bool":
      return wrap(convertArray(data, dtype, from));
    default:
      return dtype satisfies never;
  }
}
