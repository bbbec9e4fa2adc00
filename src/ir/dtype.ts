/**
 * Element types. Graphs compute in `f32`, `i32`, `u32` and `bool`; host tensors may also hold `i64`
 * (PyTorch's `num_batches_tracked`), which becomes `i32` when it enters a graph.
 */
export type DType = "f32" | "i32" | "u32" | "bool";
export type HostDType = DType | "i64";

export interface HostArrays {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly bool: Uint8Array;
  readonly i64: BigInt64Array;
}
export type HostArray = HostArrays[HostDType];

/** Bytes of one element in device memory; bool is stored as a u32 0 or 1. */
export const deviceElementBytes = 4;

const dtypes: readonly DType[] = ["f32", "i32", "u32", "bool"];

export function isDType(text: string): text is DType {
  return (dtypes as readonly string[]).includes(text);
}

/** A zeroed array of `length` elements. */
export function allocateArray<T extends HostDType>(dtype: T, length: number): HostArrays[T];
export function allocateArray(dtype: HostDType, length: number): HostArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(length);
    case "i32":
      return new Int32Array(length);
    case "u32":
      return new Uint32Array(length);
    case "bool":
      return new Uint8Array(length);
    case "i64":
      return new BigInt64Array(length);
    default:
      return dtype satisfies never;
  }
}

/** The dtype of an operation between two dtypes: bool < i32/u32 < f32, as PyTorch promotes. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === "f32" || b === "f32") return "f32";
  if (a === "bool") return b;
  if (b === "bool") return a;
  return "i32";
}
