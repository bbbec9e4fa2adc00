/**
 * Tensors in PyTorch's pickles: the functions that rebuild them, storages by persistent id, and the elements of
 * a strided view of a storage as a host tensor. Every number is checked before anything is read or allocated.
 */
import { UserError } from "../errors.ts";
import type { HostArray } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { elementCount, formatShape, rowMajorStrides } from "../ir/shape.ts";
import { fileDTypes } from "./safetensors-dtypes.ts";
import { isKind, unpickleFail, type PickleGlobal, type PickleValue } from "./unpickle.ts";

/** A file of elements in the archive. */
export interface Storage {
  readonly kind: "storage";
  readonly key: string;
  /** The element type as safetensors names it. */
  readonly elementType: string;
  readonly elementCount: number;
}

/** A view of a storage; offset and strides in elements. */
export interface StridedTensor {
  readonly kind: "tensor";
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export interface StorageBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Other tensors read it, too. */
  readonly isShared: boolean;
}

/** As in PyTorch. */
const mostDimensions = 64;

const storageTypes: Readonly<Record<string, string>> = {
  FloatStorage: "F32",
  DoubleStorage: "F64",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

const callable = (name: string, call: (args: readonly PickleValue[]) => PickleValue) =>
  [name, { kind: "global", name, call }] as const;

/** Every name that a checkpoint may import. */
export const pytorchGlobals: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  callable("collections.OrderedDict", (args) => {
    if (args.length > 0) unpickleFail("an OrderedDict is made of something.");
    return { kind: "dict", entries: new Map() };
  }),
  callable("torch._utils._rebuild_tensor_v2", rebuildTensor),
  callable("torch._utils._rebuild_parameter", ([data]) =>
    isKind(data, "object") && (data.value as { kind?: unknown }).kind === "tensor"
      ? data
      : unpickleFail("a parameter is made of something other than a tensor."),
  ),
  ...Object.keys(storageTypes).map(
    (type) => [`torch.${type}`, { kind: "global", name: `torch.${type}` }] as const,
  ),
]);

/** `("storage", torch.FloatStorage, key, device, element count)`. */
export function storageOf(id: PickleValue): PickleValue {
  const [tag, type, key, , count] = isKind(id, "tuple") ? id.items : [];
  const elementType = isKind(type, "global") ? storageTypes[type.name.slice("torch.".length)] : undefined;
  if (tag !== "storage" || elementType === undefined || typeof key !== "string" || !isSize(count)) {
    return unpickleFail("the pickle refers to something outside that is not a storage of tensor elements.");
  }
  const storage: Storage = { kind: "storage", key, elementType, elementCount: count };
  return { kind: "object", value: storage };
}

/** `(storage, offset, shape, strides, requires_grad, hooks)`. */
function rebuildTensor([from, offset, size, stride]: readonly PickleValue[]): PickleValue {
  const storage = isKind(from, "object") ? (from.value as Storage) : undefined;
  const shape = isKind(size, "tuple") ? size.items : [];
  const strides = isKind(stride, "tuple") ? stride.items : [];
  const isSound =
    storage?.kind === "storage" &&
    isSize(offset) &&
    isKind(size, "tuple") &&
    isKind(stride, "tuple") &&
    shape.length === strides.length &&
    shape.length <= mostDimensions &&
    shape.every(isSize) &&
    strides.every(isSize);
  if (!isSound) return unpickleFail("a tensor is made of other things than a storage, an offset and sizes.");
  const tensor: StridedTensor = { kind: "tensor", storage, offset, shape, strides: strides as number[] };
  return { kind: "object", value: tensor };
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Bytes that tensors may still take; views that repeat elements could ask for any number. */
export class TensorBudget {
  #left: number;
  constructor(bytes: number) {
    this.#left = bytes;
  }
  spend(bytes: number, tensor: string): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw new UserError(
        "file-format",
        `pytorch: ${tensor} and those before it need more memory than a file of this size explains. Call contiguous() on expanded tensors before they are saved.`,
      );
  }
}

/** The elements of a view, row by row. */
export function materialize(
  name: string,
  { storage, offset, shape, strides }: StridedTensor,
  readStorage: (key: string) => StorageBytes,
  budget: TensorBudget,
): HostTensor {
  const tensor = `tensor ${JSON.stringify(name.slice(0, 200))}`;
  const refuse = (problem: string): never => {
    throw new UserError("file-format", `pytorch: ${tensor} ${problem}. The file is damaged.`);
  };
  const format = fileDTypes.get(storage.elementType)!;
  const { bytes, isShared } = readStorage(storage.key);
  if (bytes.length < storage.elementCount * format.elementBytes) {
    refuse(
      `has a storage of ${bytes.length} bytes, which needs ${storage.elementCount * format.elementBytes}`,
    );
  }
  const count = elementCount(shape);
  if (count >= 2 ** 31) refuse(`has shape ${formatShape(shape)}, 2^31 elements or more`);
  const last = shape.reduce((position, size, axis) => position + (size - 1) * strides[axis]!, offset);
  if (count > 0 && last >= storage.elementCount) {
    refuse(
      `with shape ${formatShape(shape)}, strides ${formatShape(strides)} and offset ${offset} reaches element ${last} of a storage of ${storage.elementCount}`,
    );
  }
  // Of a large storage only the part that the view reaches is decoded.
  const [begin, end] = count === 0 ? [0, 0] : [offset, last + 1];
  budget.spend(Math.max(count, end - begin) * (format.hostDType === "i64" ? 8 : 4), tensor);
  const dense = rowMajorStrides(shape);
  const isDense = shape.every((size, axis) => size === 1 || strides[axis] === dense[axis]);
  const part = bytes.subarray(begin * format.elementBytes, end * format.elementBytes);
  // Weights are most of a file: a storage that one f32 tensor fills becomes its memory.
  const isWhole = part.length === bytes.buffer.byteLength && !isShared && storage.elementType === "F32";
  const elements = isWhole ? new Float32Array(bytes.buffer) : format.decode(part);
  if (format.hostDType === "bool" && (elements as Uint8Array).some((element) => element > 1))
    refuse("holds a bool that is neither 0 nor 1");
  const data = isDense || count === 0 ? elements : strided(elements, shape, strides, count);
  return { dtype: format.hostDType, shape: [...shape], data } as HostTensor;
}

/** Elements in row-major order of `shape`, from where `strides` say they are. */
function strided(
  elements: HostArray,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): HostArray {
  const result = new (elements.constructor as new (length: number) => HostArray)(count);
  const index = shape.map(() => 0);
  let source = 0;
  for (let i = 0; i < count; i++) {
    result[i] = elements[source] as never;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
