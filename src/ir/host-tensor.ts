/** Tensors in host memory: what `run` takes and returns, what files hold, what `evaluate` computes with. */
import { UserError } from "../errors.ts";
import { convertArray } from "./convert-array.ts";
import { allocateArray, type HostArray, type HostArrays, type HostDType } from "./dtype.ts";
import { elementCount, formatShape, type Shape } from "./shape.ts";

export interface HostTensor<T extends HostDType = HostDType> {
  readonly dtype: T;
  readonly shape: Shape;
  /** Row-major; bool as bytes 0 or 1, f16 as the bits of each element. */
  readonly data: HostArrays[T];
}

type TensorData = HostArray | readonly number[] | readonly bigint[] | readonly boolean[] | number;

/**
 * A host tensor over `data` (not copied when it is a typed array of the right type).
 *
 * @param data row-major elements, or one number for a scalar; numbers become f32 unless `dtype` says otherwise
 * @param shape sizes; by default one dimension as long as the data
 * @param dtype by default what the array holds; a Uint8Array holds bool unless `"u8"` is said, and a Uint16Array
 *   is taken as the bits of f16 where `"f16"` is said; other numbers are rounded to f16
 * @throws UserError when sizes are not integers ≥ 0 or do not multiply to the number of elements
 * @example tensor([1, 2, 3, 4], [2, 2])
 */
export function tensor(data: Float32Array | readonly number[] | number, shape?: Shape): HostTensor<"f32">;
export function tensor<T extends HostDType>(
  data: TensorData,
  shape: Shape | undefined,
  dtype: T,
): HostTensor<T>;
export function tensor(data: TensorData, shape?: Shape): HostTensor;
export function tensor(data: TensorData, shape?: Shape, dtype?: HostDType): HostTensor {
  const array = typeof data === "number" ? [data] : data;
  const sizes = shape ?? (typeof data === "number" ? [] : [array.length]);
  checkShape(sizes, "tensor");
  const actual = dtype ?? inferDType(array);
  const result = { dtype: actual, shape: [...sizes], data: convertArray(array, actual) };
  checkElementCount(result, "tensor");
  return result;
}

/** A tensor filled with zeros. */
export function zeros<T extends HostDType>(shape: Shape, dtype: T): HostTensor<T> {
  return { dtype, shape, data: allocateArray(dtype, elementCount(shape)) };
}

/** @throws UserError unless every size is an integer ≥ 0 and the tensor is addressable */
export function checkShape(shape: Shape, asked: string): void {
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new UserError(
      "shape",
      `${asked}: shape ${JSON.stringify(shape)} is not a list of integers ≥ 0. Symbolic sizes are bound before compiling.`,
    );
  }
  if (elementCount(shape) >= 2 ** 31) {
    throw new UserError("shape", `${asked}: shape ${formatShape(shape)} has 2^31 elements or more.`);
  }
}

export function isHostTensor(value: unknown): value is HostTensor {
  return (
    typeof value === "object" &&
    value !== null &&
    "dtype" in value &&
    "shape" in value &&
    "data" in value &&
    ArrayBuffer.isView((value as HostTensor).data)
  );
}

function inferDType(data: HostArray | readonly unknown[]): HostDType {
  if (data instanceof Int32Array) return "i32";
  if (data instanceof Uint32Array) return "u32";
  if (data instanceof Uint8Array) return "bool";
  if (data instanceof BigInt64Array) return "i64";
  if (data instanceof BigUint64Array) return "u64";
  if (data instanceof Float64Array) return "f64";
  if (data instanceof Int8Array) return "i8";
  if (data instanceof Int16Array) return "i16";
  if (data instanceof Uint16Array) return "u16";
  if (Array.isArray(data)) {
    if (typeof data[0] === "boolean") return "bool";
    if (typeof data[0] === "bigint") return "i64";
    return "f32";
  }
  if (data instanceof Float32Array) return "f32";
  throw new UserError(
    "dtype",
    `tensor: data of type ${Object.prototype.toString.call(data)} is not supported; pass a typed array (a Uint8Array is bool unless the dtype says u8) or an array of numbers.`,
  );
}

/** @throws UserError unless the data has as many elements as the shape says */
export function checkElementCount({ shape, data }: HostTensor, asked: string): void {
  if (elementCount(shape) !== data.length) {
    throw new UserError(
      "shape",
      `${asked}: shape ${formatShape(shape)} holds ${elementCount(shape)} elements, but the data has ${data.length}.`,
    );
  }
}
