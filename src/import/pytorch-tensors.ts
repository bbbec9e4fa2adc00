/**
 * Tensors in PyTorch's pickles: the functions that rebuild them, storages by persistent id, and the elements of
 * a strided view of a storage as a host tensor. Every number is checked before anything is read or allocated.
 */
import { UserError } from "../errors.ts";
import type { HostArray } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { elementCount, formatShape, rowMajorStrides } from "../ir/shape.ts";
import { fileDTypes } from "./safetensors-dtypes.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import {
  cost,
  isKind,
  unpickleFail,
  type PickleGlobal,
  type PickleKey,
  type PickleValue,
} from "./unpickle.ts";

/** Elements in the file: a file of the archive, or a part of a file that is none. */
export interface Storage {
  readonly kind: "storage";
  readonly key: string;
  /** The element type as safetensors names it. */
  readonly elementType: string;
  /** Where the part begins that tensors see; 0 but in old files. */
  readonly start: number;
  /** To the end of that part. */
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

const storageTypes: ReadonlyMap<string, string> = new Map([
  ["torch.FloatStorage", "F32"],
  ["torch.DoubleStorage", "F64"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

const callable = (name: string, call: NonNullable<PickleGlobal["call"]>) =>
  [name, { kind: "global", name, call }] as const;

/** Every name that a checkpoint may import. */
export const pytorchGlobals: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  callable("collections.OrderedDict", orderedDict),
  callable("torch._utils._rebuild_tensor_v2", rebuildTensor),
  // Before version 0.4: without what follows the strides.
  callable("torch._utils._rebuild_tensor", rebuildTensor),
  callable("torch._utils._rebuild_parameter", ([data]) =>
    isKind(data, "object") && (data.value as { kind?: unknown }).kind === "tensor"
      ? data
      : unpickleFail("a parameter is made of something other than a tensor."),
  ),
  ...[...storageTypes.keys()].map((name) => [name, { kind: "global", name }] as const),
]);

/** Of nothing, or as Python 2 wrote it, of a list of pairs. */
function orderedDict(args: readonly PickleValue[], budget: MemoryBudget): PickleValue {
  const [list, ...others] = args;
  const items = list === undefined ? [] : isKind(list, "list") ? list.items : undefined;
  // One list may be made dictionaries of many times.
  budget.spend((items?.length ?? 0) * cost.entry, "an OrderedDict");
  const pairs = items?.map((pair) => (isKind(pair, "list") || isKind(pair, "tuple") ? pair.items : []));
  const entries = new Map<PickleKey, PickleValue>();
  for (const [key, value, ...more] of pairs ?? []) {
    const isEntry = value !== undefined && more.length === 0 && typeof key !== "object";
    if (!isEntry || key === undefined)
      return unpickleFail("an OrderedDict is made of something else than pairs.");
    entries.set(key, value);
  }
  if (pairs === undefined || others.length > 0)
    return unpickleFail("an OrderedDict is made of something else than pairs.");
  return { kind: "dict", entries };
}

/**
 * `("storage", torch.FloatStorage, key, device, element count)`; in old files then what part of the storage is meant,
 * `(key of the part, offset, element count)`, or None.
 */
export function storageOf(id: PickleValue): PickleValue {
  const [tag, type, key, , count, part] = isKind(id, "tuple") ? id.items : [];
  const elementType = isKind(type, "global") ? storageTypes.get(type.name) : undefined;
  if (tag !== "storage" || elementType === undefined || typeof key !== "string" || !isSize(count)) {
    return unpickleFail("the pickle refers to something outside that is not a storage of tensor elements.");
  }
  const [, start, length] = isKind(part, "tuple") ? part.items : [null, 0, count];
  if (
    !isSize(start) ||
    !isSize(length) ||
    start + length > count ||
    ((part ?? null) !== null) !== isKind(part, "tuple")
  )
    return unpickleFail("the pickle refers to a part of a storage that it does not have.");
  const storage: Storage = { kind: "storage", key, elementType, start, elementCount: start + length };
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
  const tensor: StridedTensor = {
    kind: "tensor",
    storage,
    offset: storage.start + offset,
    shape,
    strides: strides as number[],
  };
  return { kind: "object", value: tensor };
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The elements of a view, row by row. */
export function materialize(
  name: string,
  { storage, offset, shape, strides }: StridedTensor,
  readStorage: (key: string) => StorageBytes,
  budget: MemoryBudget,
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
  const dense = rowMajorStrides(shape);
  const isDense = shape.every((size, axis) => size === 1 || strides[axis] === dense[axis]);
  const part = bytes.subarray(begin * format.elementBytes, end * format.elementBytes);
  // Weights are most of a file: a storage that one f32 tensor fills becomes its memory.
  const isWhole = part.length === bytes.buffer.byteLength && !isShared && storage.elementType === "F32";
  if (!isWhole)
    budget.spend(
      Math.max(count, end - begin) * (format.hostDType === "i64" ? 8 : 4),
      tensor,
      "Call contiguous() on expanded tensors before they are saved.",
    );
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
