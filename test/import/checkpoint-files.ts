/** Checkpoints written by hand, for what PyTorch would never write: any pickle in the archive torch.save makes. */
import { strToU8, zipSync } from "fflate";

export type Item = string | number | readonly Item[] | { readonly opcodes: readonly number[] };

/** Opcodes by number, strings and names as bytes. */
export function bytesOf(...items: readonly Item[]): number[] {
  return items.flatMap((item) => {
    if (typeof item === "number") return [item];
    if (typeof item === "string") return [...strToU8(item)];
    return "opcodes" in item ? [...item.opcodes] : bytesOf(...item);
  });
}

export const op = {
  proto: [0x80, 2],
  stop: 0x2e,
  mark: 0x28,
  tuple: 0x74,
  emptyTuple: 0x29,
  emptyDict: 0x7d,
  emptyList: 0x5d,
  setItem: 0x73,
  reduce: 0x52,
  build: 0x62,
  append: 0x61,
  persistentId: 0x51,
} as const;

/** GLOBAL */
export const global = (module: string, name: string): Item => ["c", module, "\n", name, "\n"];

/** BINUNICODE */
export const text = (value: string): Item => {
  const bytes = strToU8(value);
  return ["X", integerBytes(bytes.length), [...bytes]];
};

/** BININT */
export const integer = (value: number): Item => ["J", integerBytes(value)];

const integerBytes = (value: number): Item => [...new Uint8Array(new Int32Array([value]).buffer)];

/** MARK … TUPLE */
export const tuple = (...items: readonly Item[]): Item => [op.mark, ...items, op.tuple];

export interface TensorParts {
  readonly storage?: string;
  readonly key?: string;
  readonly count?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
}

/** A call of `_rebuild_tensor_v2`, by default of four numbers. */
export function tensorItem(parts: TensorParts = {}): Item {
  const {
    storage = "FloatStorage",
    key = "0",
    count = 4,
    offset = 0,
    shape = [2, 2],
    strides = [2, 1],
  } = parts;
  return [
    global("torch._utils", "_rebuild_tensor_v2"),
    tuple(
      [
        tuple(text("storage"), global("torch", storage), text(key), text("cpu"), integer(count)),
        op.persistentId,
      ],
      integer(offset),
      tuple(...shape.map(integer)),
      tuple(...strides.map(integer)),
      0x89,
      [global("collections", "OrderedDict"), op.emptyTuple, op.reduce],
    ),
    op.reduce,
  ];
}

/** `{"w": value}`. */
export const dictOf = (value: Item): Item => [op.proto, op.emptyDict, text("w"), value, op.setItem, op.stop];

export interface ArchiveOptions {
  readonly storage?: Uint8Array;
  readonly level?: 0 | 9;
  readonly extra?: Readonly<Record<string, Uint8Array>>;
}

/** The archive torch.save makes: a pickle, and the bytes of storage 0. */
export function archive(pickle: Item, { storage, level = 0, extra = {} }: ArchiveOptions = {}): Uint8Array {
  const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const files = {
    "archive/data.pkl": Uint8Array.from(bytesOf(pickle)),
    "archive/data/0": storage ?? floats,
    ...extra,
  };
  return zipSync(files, { level });
}
