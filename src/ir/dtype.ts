/**
 * Element types. Graphs compute in `f32`, `i32`, `u32` and `bool`; host tensors may hold others, which files
 * declare and callers have: floats become f32 when they enter a graph, narrow integers and i64 i32, u64 u32.
 */
export type DType = "f32" | "i32" | "u32" | "bool";
/** Types of elements in host memory and in files. */
export type HostDType = DType | "f16" | "f64" | "i8" | "u8" | "i16" | "u16" | "i64" | "u64";

export const hostDTypes: ReadonlySet<HostDType> = new Set<HostDType>([
  ...(["f32", "i32", "u32", "bool", "f16", "f64", "i8", "u8", "i16", "u16", "i64", "u64"] as const),
]);

export interface HostArrays {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  /** 0 or 1. */
  readonly bool: Uint8Array;
  /** The bits of each element; `tensor(numbers, shape, "f16")` rounds numbers to them. */
  readonly f16: Uint16Array;
  readonly f64: Float64Array;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
}
export type HostArray = HostArrays[HostDType];

/** Bytes of one element in device memory; bool is stored as a u32 0 or 1. */
export const deviceElementBytes = 4;

const dtypes: readonly DType[] = ["f32", "i32", "u32", "bool"];

export function isDType(text: string): text is DType {
  return (dtypes as readonly string[]).includes(text);
}

/** The dtype a host dtype has inside graphs. */
export function graphDType(dtype: HostDType): DType {
  switch (dtype) {
    case "f32":
    case "f16":
    case "f64":
      return "f32";
    case "i32":
    case "i8":
    case "u8":
    case "i16":
    case "u16":
    case "i64":
      return "i32";
    case "u32":
    case "u64":
      return "u32";
    case "bool":
      return "bool";
    default:
      return dtype satisfies never;
  }
}

const ranges: Readonly<Partial<Record<HostDType, readonly [number, number]>>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
};

/** Least and greatest value of an integer dtype of fewer than 32 bits; undefined for all others. */
export function narrowRange(dtype: HostDType): readonly [number, number] | undefined {
  return ranges[dtype];
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
    case "u8":
      return new Uint8Array(length);
    case "f16":
    case "u16":
      return new Uint16Array(length);
    case "f64":
      return new Float64Array(length);
    case "i8":
      return new Int8Array(length);
    case "i16":
      return new Int16Array(length);
    case "i64":
      return new BigInt64Array(length);
    case "u64":
      return new BigUint64Array(length);
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
