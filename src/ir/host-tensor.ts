/** Tensors in host memory: what `run` takes and returns, what files hold, what `evaluate` computes with. */
import { UserError } from "../errors.ts";
import { convertArray } from "./convert-array.ts";
import { allocateArray, hostDTypes, type HostArray, type HostArrays, type HostDType } from "./dtype.ts";
import { shortText } from "./short-text.ts";
import { elementCount, formatShape, type Shape } from "./shape.ts";

/** A tensor in host memory: what `run` takes and returns. `tensor(…)` makes one. */
export interface HostTensor<T extends HostDType = HostDType> {
  /** The type of its elements. */
  readonly dtype: T;
  /** Sizes of its dimensions. */
  readonly shape: Shape;
  /** Row-major; bool as bytes 0 or 1, f16 as the bits of each element. */
  readonly data: HostArrays[T];
}

type Scalar = number | bigint | boolean;
/** Arrays of numbers, as deep as the tensor has dimensions. */
export type NestedNumbers<T extends Scalar = Scalar> = readonly (T | NestedNumbers<T>)[];
type TensorData = HostArray | Uint8ClampedArray | NestedNumbers | Scalar;

/**
 * A host tensor over `data` (not copied when it is a typed array of the right type).
 *
 * @param data row-major elements, arrays of arrays as deep as there are dimensions, or one number for a scalar; numbers
 *   become f32 unless `dtype` says otherwise
 * @param shape sizes; by default those of nested arrays, else one dimension as long as the data
 * @param dtype by default what the array holds; a Uint8Array holds bool unless `"u8"` is said (inputs of either dtype
 *   take it), and a Uint16Array is taken as the bits of f16 where `"f16"` is said; other numbers are rounded to f16
 * @throws UserError when sizes are not integers ≥ 0 or do not multiply to the number of elements, when rows differ in
 *   length, and for elements that are no numbers, or none that the dtype holds
 * @example tensor([1, 2, 3, 4], [2, 2])
 * @example tensor([[1, 2], [3, 4]])
 */
export function tensor(data: Float32Array | NestedNumbers<number> | number, shape?: Shape): HostTensor<"f32">;
export function tensor<T extends HostDType>(
  data: TensorData,
  shape: Shape | undefined,
  dtype: T,
): HostTensor<T>;
export function tensor(data: TensorData, shape?: Shape): HostTensor;
export function tensor(data: TensorData, shape?: Shape, dtype?: HostDType): HostTensor {
  const { elements, shape: own } = flatten(data);
  const sizes = shape ?? own;
  checkShape(sizes, "tensor");
  const actual = dtype ?? inferDType(elements);
  const array = elements instanceof Uint8ClampedArray ? bytesOf(elements) : elements;
  if (elementCount(sizes) !== array.length) failCount(sizes, array.length, "tensor");
  checkConvertible(array, actual);
  return { dtype: actual, shape: [...sizes], data: convertArray(array, actual) };
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
      `${asked}: shape ${shortText(shape)} is not a list of integers ≥ 0. Symbolic sizes are bound before compiling.`,
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

/** The numbers of nested arrays in a row, and their shape. */
function flatten(data: TensorData): {
  readonly elements: HostArray | Uint8ClampedArray | readonly Scalar[];
  readonly shape: Shape;
} {
  if (typeof data === "number" || typeof data === "bigint" || typeof data === "boolean")
    return { elements: [data], shape: [] };
  if (ArrayBuffer.isView(data)) {
    if (!dtypeOfArray.has(kindOf(data))) failData(data);
    return { elements: data, shape: [data.length] };
  }
  if (!Array.isArray(data)) return failData(data);
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > deepest) failData(data);
  }
  const elements: Scalar[] = [];
  const take = (items: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (typeof items === "number" || typeof items === "bigint" || typeof items === "boolean")
        elements.push(items);
      else failElement(items, elements.length);
    } else if (!Array.isArray(items) || items.length !== shape[depth]) {
      throw new UserError(
        "shape",
        `tensor: rows differ: expected ${shape[depth]} element(s) in each array at depth ${depth}, got ${Array.isArray(items) ? items.length : describe(items)} before element ${elements.length}.`,
      );
    } else for (let i = 0; i < items.length; i++) take(items[i], depth + 1);
  };
  take(data, 0);
  return { elements, shape };
}

/** No array is nested deeper on purpose, and one that holds itself has no end. */
const deepest = 32;

/** @throws UserError for elements of another kind than the others, and for those that the dtype does not hold */
function checkConvertible(data: HostArray | readonly Scalar[], dtype: HostDType): void {
  if (holds(data, dtype) || data.length === 0) return;
  const isWhole = dtype === "i32" || dtype === "u32";
  const [least, greatest] = dtype === "u32" ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  const kind = typeof data[0];
  for (let i = 0; i < data.length; i++) {
    const value: unknown = data[i];
    if (typeof value !== kind) failElement(value, i, `, after elements of type ${kind}`);
    const isInside = Number.isInteger(Number(value)) && Number(value) >= least && Number(value) <= greatest;
    if (isWhole && !isInside) {
      throw new UserError(
        "dtype",
        `tensor: element ${i} is ${String(value)}, which ${dtype} does not hold; expected an integer from ${least} to ${greatest}.`,
      );
    }
  }
}

function failElement(value: unknown, i: number, context = ""): never {
  throw new UserError(
    "dtype",
    `tensor: element ${i} is ${describe(value)}${context}; expected numbers, or all booleans, or all bigints (arrays of arrays give the shape).`,
  );
}

function failData(data: unknown): never {
  throw new UserError(
    "dtype",
    `tensor: data is ${describe(data)}; pass a typed array (a Uint8Array is bool unless the dtype says u8), or numbers, in arrays nested at most ${deepest} deep.`,
  );
}

function describe(value: unknown): string {
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? kindOf(value) : `a ${typeof value}`;
}

/** `Float32Array`, `Array`, `Object`: of other realms, too. */
function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function bytesOf(data: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

const dtypeOfArray: ReadonlyMap<string, HostDType> = new Map([
  ["Float32Array", "f32"],
  ["Float64Array", "f64"],
  ["Int32Array", "i32"],
  ["Uint32Array", "u32"],
  ["Uint8Array", "bool"],
  ["Uint8ClampedArray", "u8"],
  ["Int8Array", "i8"],
  ["Int16Array", "i16"],
  ["Uint16Array", "u16"],
  ["BigInt64Array", "i64"],
  ["BigUint64Array", "u64"],
]);

function inferDType(data: HostArray | Uint8ClampedArray | readonly unknown[]): HostDType {
  if (Array.isArray(data))
    return typeof data[0] === "boolean" ? "bool" : typeof data[0] === "bigint" ? "i64" : "f32";
  return dtypeOfArray.get(kindOf(data)) ?? failData(data);
}

/** Whether an array is of the kind that a dtype's elements lie in; Node's Buffer is a Uint8Array. */
function holds(data: unknown, dtype: HostDType): boolean {
  return ArrayBuffer.isView(data) && kindOf(data) === kindOf(allocateArray(dtype, 0));
}

function failCount(shape: Shape, length: number, asked: string): never {
  throw new UserError(
    "shape",
    `${asked}: shape ${formatShape(shape)} holds ${elementCount(shape)} elements, but the data has ${length}.`,
  );
}

/**
 * A host tensor that a caller made: its array is the one of its dtype, and as long as its shape says. An array of another
 * kind would be taken for its bits, or leave a part of a buffer as it was.
 * @throws UserError that says what was expected
 */
export function checkHostTensor({ dtype, shape, data }: HostTensor, asked: string): void {
  if (!hostDTypes.has(dtype)) {
    throw new UserError(
      "dtype",
      `${asked}: dtype ${shortText(dtype)} is not known; expected one of ${[...hostDTypes].join(", ")}.`,
    );
  }
  checkShape(shape, asked);
  if (!holds(data, dtype)) {
    const expected = kindOf(allocateArray(dtype, 0));
    throw new UserError(
      "dtype",
      `${asked}: its dtype is ${dtype}, whose elements lie in a ${expected}, but its data is ${describe(data)}. tensor(data, shape, "${dtype}") converts.`,
    );
  }
  if (elementCount(shape) !== data.length) failCount(shape, data.length, asked);
}
