/**
 * The format of `torch.save` before version 1.6, which also `_use_new_zipfile_serialization=False` writes. In: a file of
 * five pickles, then the storages' elements. Out: what the fourth pickle holds, and each storage's bytes by its key.
 *
 *     magic · protocol 1001 · {little_endian, …} · state dict · [key, …] · (count of elements: int64, elements) for each key
 */
import { UserError } from "../errors.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { storageOf, type Storage } from "./pytorch-tensors.ts";
import { fileDTypes } from "./safetensors-dtypes.ts";
import { isKind, unpickleAt, type PickleGlobal, type PickleValue } from "./unpickle.ts";

/** What `torch.serialization` calls MAGIC_NUMBER and PROTOCOL_VERSION. */
const magic = 0x1950a86a20f9469cfc6cn;
const protocol = 1001;

export interface LegacyFile {
  readonly top: PickleValue;
  /** The storages in the file, by key; a view of the file's bytes each. */
  readonly storages: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Whether a file begins with the magic number, pickled by protocol 2 or newer. */
export function isLegacy(file: Uint8Array): boolean {
  const start = [0x80, file[1] ?? 0, 0x8a, 10];
  return file.length > 15 && start.every((byte, i) => file[i] === byte);
}

/** @throws UserError (`file-format`) */
export function readLegacy(
  file: Uint8Array<ArrayBuffer>,
  globals: ReadonlyMap<string, PickleGlobal>,
  budget: MemoryBudget,
): LegacyFile {
  const nothing = {
    globals: new Map<string, PickleGlobal>(),
    persistent: () => fail("a storage where none is."),
    budget,
  };
  let at = 0;
  const next = (options: Parameters<typeof unpickleAt>[2] = nothing): PickleValue => {
    const { value, end } = unpickleAt(file, at, options);
    at = end;
    return value;
  };
  if (next() !== magic) fail("the file does not begin with PyTorch's magic number.");
  const version = next();
  if (version !== protocol) fail(`the file is of protocol ${String(version)}, expected ${protocol}.`);
  const system = next();
  if (!isKind(system, "dict")) return fail("the file does not say what system wrote it.");
  if (system.entries.get("little_endian") !== true)
    fail("the elements are not little-endian.", "Save it again on a little-endian machine.");

  const stored = new Map<string, Storage>();
  const persistent = (id: PickleValue): PickleValue => {
    const found = storageOf(id);
    if (isKind(found, "object")) note(stored, found.value as Storage);
    return found;
  };
  const top = next({ globals, persistent, budget });
  const keys = next();
  if (!isKind(keys, "list")) return fail("the file does not list its storages.");

  const storages = new Map<string, Uint8Array<ArrayBuffer>>();
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const key of keys.items) {
    const storage = typeof key === "string" ? stored.get(key) : undefined;
    if (storage === undefined || storages.has(storage.key))
      return fail(`the list of storages has ${describe(key)}, which no tensor refers to, or twice.`);
    const name = `storage ${describe(key)}`;
    if (at + 8 > file.length) return fail(`the file ends before ${name}.`);
    const count = view.getBigInt64(at, true);
    at += 8;
    const bytes = BigInt(fileDTypes.get(storage.elementType)!.elementBytes) * count;
    if (count < 0n || bytes > BigInt(file.length - at))
      return fail(`${name} is said to have ${count} elements, which the file does not hold.`);
    storages.set(storage.key, file.subarray(at, at + Number(bytes)));
    at += Number(bytes);
  }
  if (at !== file.length) fail(`the file has ${file.length - at} bytes more than its storages.`);
  return { top, storages };
}

/** All tensors that refer to a storage agree on its type. */
function note(stored: Map<string, Storage>, storage: Storage): void {
  const known = stored.get(storage.key);
  if (known !== undefined && known.elementType !== storage.elementType)
    fail(`storage ${describe(storage.key)} is of two element types.`);
  stored.set(storage.key, storage);
}

function describe(key: PickleValue): string {
  return typeof key === "string" ? JSON.stringify(key.slice(0, 200)) : "what is no key";
}

function fail(problem: string, remedy = "The file is damaged; save it again with torch.save."): never {
  throw new UserError("file-format", `pytorch: ${problem} ${remedy}`);
}
