/**
 * Reads PyTorch's checkpoints: zip files of a pickle (`data.pkl`, what there is) and one file a storage
 * (`data/0`, `data/1`, …: the elements), or what came before these (see `pytorch-legacy.ts`). Only plain state dicts are read: see `unpickle.ts` for what a pickle may
 * do, which is not to run code.
 */
import { unzipSync, type UnzipFileInfo } from "fflate";
import { UserError } from "../errors.ts";
import { givenBytes } from "../ir/given-bytes.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import {
  materialize,
  pytorchGlobals,
  storageOf,
  type StorageBytes,
  type StridedTensor,
} from "./pytorch-tensors.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { isLegacy, readLegacy } from "./pytorch-legacy.ts";
import { isKind, unpickle, type PickleDict, type PickleValue } from "./unpickle.ts";

/**
 * The tensors of a state dict that `torch.save` wrote, by name, each with memory of its own. A dictionary around
 * it (`{"state_dict": …, "epoch": 3}`) is opened where only one of its entries is a state dict, or one is called
 * `state_dict` or `model`. f16, bf16 and f64 become f32, the 8- and 16-bit integers i32.
 *
 * @throws UserError (`file-format`) for damaged files and for pickles that hold other objects, naming their class
 * @example model.loadStateDict(readPytorch(await readFile("resnet18.pth")))
 */
export function readPytorch(bytes: Uint8Array | ArrayBuffer): Record<string, HostTensor> {
  const file = givenBytes("readPytorch", bytes);
  const budget = new MemoryBudget("pytorch", file.length);
  const { top, storagesOf } = isLegacy(file) ? openLegacy(file, budget) : openZip(file, budget);
  const tensors = findStateDict(top);
  const storages = storagesOf(new Set([...tensors.values()].map(({ storage }) => storage.key)));
  const users = new Map<string, number>();
  for (const { storage } of tensors.values()) users.set(storage.key, (users.get(storage.key) ?? 0) + 1);
  const readStorage = (key: string): StorageBytes => ({
    bytes: storages.get(key)!,
    isShared: users.get(key) !== 1,
  });
  return Object.fromEntries(
    [...tensors].map(([name, strided]) => [name, materialize(name, strided, readStorage, budget)] as const),
  );
}

/** What a file holds, and the bytes of storages by key. */
interface Opened {
  readonly top: PickleValue;
  readonly storagesOf: (keys: ReadonlySet<string>) => ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

function openZip(file: Uint8Array, budget: MemoryBudget): Opened {
  const archive = openArchive(file, budget);
  const pickle = archive.extract([archive.picklePath]).get(archive.picklePath)!;
  const top = unpickle(pickle, { globals: pytorchGlobals, persistent: storageOf, budget });
  const storagesOf = (keys: ReadonlySet<string>) => {
    const files = archive.extract(Array.from(keys, archive.storagePath));
    return new Map(Array.from(keys, (key) => [key, files.get(archive.storagePath(key))!]));
  };
  return { top, storagesOf };
}

function openLegacy(file: Uint8Array, budget: MemoryBudget): Opened {
  const { top, storages } = readLegacy(file as Uint8Array<ArrayBuffer>, pytorchGlobals, budget);
  const storagesOf = (keys: ReadonlySet<string>) => {
    const missing = [...keys].find((key) => !storages.has(key));
    if (missing !== undefined)
      fail(
        `the file lacks the storage ${JSON.stringify(missing.slice(0, 200))}, which the pickle refers to.`,
      );
    return storages;
  };
  return { top, storagesOf };
}

function fail(problem: string, remedy = "The file is damaged; save it again with torch.save."): never {
  throw new UserError("file-format", `pytorch: ${problem} ${remedy}`);
}

interface Archive {
  readonly picklePath: string;
  readonly storagePath: (key: string) => string;
  /** The named files. @throws UserError where one is missing */
  readonly extract: (paths: readonly string[]) => ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

function openArchive(file: Uint8Array, budget: MemoryBudget): Archive {
  if (file[0] !== 0x50 || file[1] !== 0x4b) {
    const tar = new TextDecoder("latin1").decode(file.subarray(257, 262)) === "ustar";
    fail(
      tar
        ? "the file is a tar archive, as PyTorch wrote before version 0.2."
        : file[0] === 0x80
          ? "the file is a bare pickle, not one that torch.save wrote."
          : "the file is no zip archive.",
      "Load it with PyTorch and save its state dict again.",
    );
  }
  const entries = new Map<string, UnzipFileInfo>();
  unzip(file, (info) => {
    if (entries.has(info.name)) fail(`the archive holds ${JSON.stringify(info.name.slice(0, 200))} twice.`);
    entries.set(info.name, info);
    return false;
  });
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1)
    fail(
      `the archive has ${pickles.length} files called data.pkl, expected one.`,
      "Is it a checkpoint written by torch.save?",
    );
  const folder = pickles[0]!.slice(0, -"data.pkl".length);
  const extract = (paths: readonly string[]) => extractEntries(file, entries, paths, budget);
  const order = `${folder}byteorder`;
  if (entries.has(order) && new TextDecoder().decode(extract([order]).get(order)) !== "little")
    fail("the elements are not little-endian.", "Save it again on a little-endian machine.");
  return { picklePath: pickles[0]!, storagePath: (key) => `${folder}data/${key}`, extract };
}

function extractEntries(
  file: Uint8Array,
  entries: ReadonlyMap<string, UnzipFileInfo>,
  paths: readonly string[],
  budget: MemoryBudget,
): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const wanted = new Set(paths);
  let total = 0;
  for (const path of wanted) {
    const info = entries.get(path);
    if (info === undefined)
      fail(`the archive lacks ${JSON.stringify(path.slice(0, 200))}, which the pickle refers to.`);
    if (info.compression === 0 && info.size !== info.originalSize)
      fail(`${path} is stored in ${info.size} bytes, but said to have ${info.originalSize}.`);
    total += info.originalSize;
  }
  budget.spend(total, `what the archive is said to unpack to, ${total} bytes,`);
  const files = unzip(file, ({ name }) => wanted.has(name));
  for (const path of wanted) {
    const found = files.get(path);
    if (found === undefined || found.length !== entries.get(path)!.originalSize)
      fail(`${path} does not unpack to the size it is said to have.`);
  }
  return files;
}

function unzip(
  file: Uint8Array,
  filter: (info: UnzipFileInfo) => boolean,
): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  try {
    return new Map(Object.entries(unzipSync(file, { filter })));
  } catch (error) {
    if (error instanceof UserError) throw error;
    return fail(`the archive cannot be read (${error instanceof Error ? error.message : String(error)}).`);
  }
}

/** The dictionary whose values are all tensors: the top one, or one entry of it. */
function findStateDict(top: PickleValue): ReadonlyMap<string, StridedTensor> {
  if (!isKind(top, "dict"))
    return fail("the file holds no dictionary.", "Save the state dict: model.state_dict().");
  // One dictionary may be there under many names.
  const known = new Map<PickleDict, ReadonlyMap<string, StridedTensor> | undefined>();
  const tensorsIn = (dict: PickleDict) => {
    if (!known.has(dict)) known.set(dict, tensorsOf(dict));
    return known.get(dict);
  };
  const whole = tensorsIn(top);
  if (whole !== undefined) return whole;
  const inner = [...top.entries].flatMap(([key, value]) => {
    const tensors = isKind(value, "dict") && value.entries.size > 0 ? tensorsIn(value) : undefined;
    return tensors === undefined ? [] : [{ key, tensors }];
  });
  const named = inner.filter(({ key }) => key === "state_dict" || key === "model");
  const [chosen, ...others] = named.length > 0 ? named : inner;
  if (chosen !== undefined && others.length === 0) return chosen.tensors;
  return fail(
    `the file holds a dictionary of ${[...top.entries].slice(0, 20).map(describeEntry).join(", ")}, of which ${inner.length === 0 ? "none is" : `${inner.length} are`} a dictionary of tensors.`,
    "Load it with PyTorch and save the state dict alone.",
  );
}

function tensorsOf(dict: PickleDict): ReadonlyMap<string, StridedTensor> | undefined {
  const tensors = new Map<string, StridedTensor>();
  for (const [key, value] of dict.entries) {
    const isTensor = isKind(value, "object") && (value.value as StridedTensor).kind === "tensor";
    if (typeof key !== "string" || !isTensor) return undefined;
    tensors.set(key, value.value as StridedTensor);
  }
  return tensors;
}

function describeEntry([key, value]: readonly [unknown, PickleValue]): string {
  const kind =
    value === null
      ? "None"
      : typeof value !== "object"
        ? typeof value
        : value.kind === "object"
          ? (value.value as StridedTensor).kind
          : value.kind;
  return `${JSON.stringify(String(key).slice(0, 60))} (${kind})`;
}
