/** Checkpoints as PyTorch wrote them, pickles that ask for more than tensors, and files that lie about sizes. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { readPytorch } from "../../src/import/pytorch.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { elementCount } from "../../src/ir/shape.ts";
import * as nn from "../../src/nn/index.ts";
import { seededRandom } from "../../src/nn/init.ts";
import {
  archive,
  bytesOf,
  dictOf,
  global,
  integer,
  op,
  tensorItem,
  text,
  tuple,
  type Item,
} from "./checkpoint-files.ts";

const read = (name: string) => readFileSync(new URL(`data/${name}`, import.meta.url));

type Recorded = Record<
  string,
  { dtype: HostTensor["dtype"]; shape: number[]; data: (number | string | boolean)[] }
>;

function recorded(name: string): Record<string, HostTensor> {
  const entries = Object.entries(JSON.parse(read(`${name}.json`).toString()) as Recorded);
  return Object.fromEntries(
    entries.map(([key, { dtype, shape, data }]) => {
      const elements =
        dtype === "i64"
          ? data.map((x) => BigInt(x as string))
          : data.map((x) => Number(x === "inf" ? Infinity : x));
      return [key, tensor(elements as number[], shape, dtype)];
    }),
  );
}

describe("reading what PyTorch wrote", () => {
  test.each([
    "dtypes",
    "views",
    "state-dict",
    "checkpoint",
    "parameters",
    "protocol-4",
    "legacy",
    "legacy-dtypes",
    "legacy-views",
    "legacy-state-dict",
  ])("%s", (name) => {
    const tensors = readPytorch(read(`${name}.pt`));
    const expected = recorded(name);
    expect(Object.keys(tensors)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) expect(tensors[key], key).toEqual(value);
  });

  test("a network takes what it reads", () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.BatchNorm2d(2),
      new nn.Flatten(),
      new nn.Linear(8, 3),
    );
    net.loadStateDict(readPytorch(read("state-dict.pt")));
    expect(net.stateDict()["3.weight"]).toEqual(recorded("state-dict")["3.weight"]);
  });

  test("tensors that share a storage have memory of their own", () => {
    const { a, b } = readPytorch(read("views.pt")) as Record<"a" | "b", HostTensor<"f32">>;
    a.data.fill(0);
    expect(b.data.some((value) => value !== 0)).toBe(true);
  });

  test("an archive that was packed again with compression, and an ArrayBuffer", () => {
    const packed = archive(dictOf(tensorItem()), { level: 9, storage: new Uint8Array(16) });
    expect(readPytorch(packed.slice().buffer)["w"]).toEqual(tensor([0, 0, 0, 0], [2, 2]));
  });

  test.each([
    [
      "whole-module",
      /class or function "__main__\.Net"; only tensors.*torch\.save\(model\.state_dict\(\), path\)/,
    ],
    ["legacy-module", /class or function "__main__\.Net"|not a storage/],
    ["namespace", /class or function "argparse\.Namespace"/],
    ["two-networks", /"generator" \(dict\), "critic" \(dict\), of which 2 are a dictionary of tensors/],
    ["no-tensors", /"epoch" \(number\), of which none is a dictionary of tensors/],
    ["list", /holds no dictionary/],
  ])("%s.pt is refused", (name, message) => {
    expect(() => readPytorch(read(`${name}.pt`))).toThrow(message);
    expect(() => readPytorch(read(`${name}.pt`))).toThrow(UserError);
  });
});

describe("pickles that ask for more", () => {
  const call = (module: string, name: string) =>
    dictOf([global(module, name), tuple(text("touch /tmp/owned")), op.reduce]);

  test.each([
    ["os", "system"],
    ["posix", "system"],
    ["builtins", "eval"],
    ["__builtin__", "getattr"],
    ["subprocess", "Popen"],
    ["torch", "load"],
    ["torch._utils", "_rebuild_tensor_v3"],
    ["collections", "defaultdict"],
    ["__proto__", "constructor"],
  ])("%s.%s is refused by name", (module, name) => {
    expect(() => readPytorch(archive(call(module, name)))).toThrow(
      `class or function "${module}.${name}"; only tensors`,
    );
  });

  test.each([
    ["an opcode that makes instances", dictOf([op.mark, "i", "os\nsystem\n"]), /opcode 0x69 at byte \d+/],
    ["a name put together on the stack", dictOf([text("os"), text("system"), 0x93]), /"os\.system"/],
    [
      "a call of a storage class",
      dictOf([global("torch", "FloatStorage"), op.emptyTuple, op.reduce]),
      /calls torch\.FloatStorage/,
    ],
    ["a call of a string", dictOf([text("x"), op.emptyTuple, op.reduce]), /calls what is not a function/],
    [
      "attributes of a list",
      dictOf([op.emptyList, op.emptyDict, op.build]),
      /sets attributes of something other than a dictionary/,
    ],
    [
      "a dictionary as a key",
      [op.emptyDict, op.emptyDict, integer(1), op.setItem, op.stop],
      /key that is a dict/,
    ],
    [
      "a storage that is none",
      dictOf([tuple(text("module"), text("x")), op.persistentId]),
      /not a storage of tensor elements/,
    ],
    [
      "an element type that does not exist",
      dictOf(tensorItem({ storage: "QInt8Storage" })),
      /"torch\.QInt8Storage"/,
    ],
    [
      "a parameter of no tensor",
      dictOf([global("torch._utils", "_rebuild_parameter"), tuple(integer(1)), op.reduce]),
      /made of something other than a tensor/,
    ],
    [
      "an entry of what is no dictionary",
      [integer(1), integer(2), integer(3), op.setItem, op.stop],
      /sets entries of what is no dictionary/,
    ],
    [
      "an element of what is no list",
      dictOf([integer(1), integer(2), op.append]),
      /appends to what is no list/,
    ],
    ["an empty stack", [op.tuple, op.stop], /mark that is not there/],
    ["memory that is empty", [["h", 9], op.stop], /number 9 of its memory/],
    ["no end", [op.emptyDict], /ends too early/],
    ["a string longer than the file", [["X", 255, 255, 255, 127], op.stop], /ends too early/],
    ["a newer protocol", [0x80, 9, op.stop], /newer than 5/],
  ] as const)("%s is refused", (_, pickle, message) => {
    expect(() => readPytorch(archive(pickle))).toThrow(message);
    expect(() => readPytorch(archive(pickle))).toThrow(UserError);
  });

  test("a parameter called __proto__ is a tensor like any other", () => {
    const pickle = [op.emptyDict, text("__proto__"), tensorItem(), op.setItem, op.stop] as const;
    expect(Object.entries(readPytorch(archive(pickle)))).toEqual([
      ["__proto__", tensor([1, 2, 3, 4], [2, 2])],
    ]);
  });
});

describe("files from before version 1.6", () => {
  const floats = [...new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)];
  const count = (elements: number): Item => [...new Uint8Array(BigInt64Array.of(BigInt(elements)).buffer)];
  const magic: Item = [
    op.proto,
    [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
    op.stop,
  ];
  const protocol: Item = [op.proto, integer(1001), op.stop];
  const system: Item = [op.proto, op.emptyDict, text("little_endian"), 0x88, op.setItem, op.stop];
  const keys = (...names: string[]): Item => [
    op.proto, op.emptyList, ...names.map((name): Item => [text(name), op.append]), op.stop,
  ]; // prettier-ignore
  const legacy = (top: Item, ...rest: Item[]): Uint8Array =>
    Uint8Array.from(bytesOf(magic, protocol, system, top, ...rest));
  const four = [keys("0"), count(4), floats] as const;

  /** SHORT_BINSTRING, which Python 2 writes for text. */
  const oldText = (word: string): Item => ["U", word.length, word];
  const storage = (...part: Item[]): Item => [
    tuple(
      oldText("storage"),
      global("torch", "FloatStorage"),
      oldText("0"),
      oldText("cpu"),
      integer(4),
      ...part,
    ),
    op.persistentId,
  ];
  /** `_rebuild_tensor(storage, offset, shape, strides)`, as before version 0.4. */
  const oldTensor = (from: Item, shape: number, offset = 0): Item => [
    global("torch._utils", "_rebuild_tensor"),
    tuple(from, integer(offset), tuple(integer(shape)), tuple(integer(1))),
    op.reduce,
  ];
  const list = (...items: Item[]): Item => [op.emptyList, ...items.map((item): Item => [item, op.append])];
  /** `OrderedDict([[key, value], …])`, as Python 2 pickles it. */
  const oldDict = (...entries: (readonly [string, Item])[]): Item => [
    global("collections", "OrderedDict"),
    tuple(list(...entries.map(([key, value]) => list(oldText(key), value)))),
    op.reduce,
  ];

  test("that Python 2 wrote are read, with views of storages and parts of them", () => {
    const part = storage(tuple(oldText("part"), integer(1), integer(3)));
    const top: Item = [
      op.proto,
      oldDict(["w", oldTensor(storage(0x4e), 4)], ["v", oldTensor(part, 2, 1)]),
      op.stop,
    ];
    expect(readPytorch(legacy(top, ...four))).toEqual({ w: tensor([1, 2, 3, 4]), v: tensor([3, 4]) });
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["another protocol", Uint8Array.from(bytesOf(magic, [op.proto, integer(1000), op.stop])), /protocol 1000, expected 1001/],
    ["another magic number", Uint8Array.from(bytesOf([op.proto, [0x8a, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], op.stop], protocol)), /magic number/],
    ["big-endian elements", Uint8Array.from(bytesOf(magic, protocol, [op.proto, op.emptyDict, text("little_endian"), 0x89, op.setItem, op.stop])), /not little-endian/],
    ["a storage that is not listed", legacy(dictOf(tensorItem()), keys()), /lacks the storage "0"/],
    ["a storage that nothing refers to", legacy(dictOf(tensorItem()), keys("1"), count(4), floats), /has "1", which no tensor refers to/],
    ["a storage listed twice", legacy(dictOf(tensorItem()), keys("0", "0"), count(4), floats, count(4), floats), /refers to, or twice/],
    ["more elements than the file has", legacy(dictOf(tensorItem()), keys("0"), count(5), floats), /said to have 5 elements/],
    ["fewer than none", legacy(dictOf(tensorItem()), keys("0"), count(-1), floats), /said to have -1 elements/],
    ["fewer than the tensor needs", legacy(dictOf(tensorItem()), keys("0"), count(3), floats.slice(0, 12)), /storage of 12 bytes, which needs 16/],
    ["more bytes than storages", legacy(dictOf(tensorItem()), ...four, [0]), /1 bytes more than its storages/],
    ["no storages", legacy(dictOf(tensorItem()), keys("0")), /ends before storage "0"/],
    ["a part beyond its storage", legacy([op.proto, oldDict(["w", oldTensor(storage(tuple(oldText("p"), integer(2), integer(3))), 2)]), op.stop], ...four), /part of a storage that it does not have/],
    ["a view beyond its part", legacy([op.proto, oldDict(["w", oldTensor(storage(tuple(oldText("p"), integer(0), integer(2))), 3)]), op.stop], ...four), /reaches element 2 of a storage of 2/],
    ["a dictionary of no pairs", legacy([op.proto, [global("collections", "OrderedDict"), tuple(list(list(oldText("w")))), op.reduce], op.stop], ...four), /OrderedDict is made of something else than pairs/],
    ["code", legacy(dictOf([global("os", "system"), tuple(text("true")), op.reduce]), ...four), /class or function "os\.system"/],
    ["a bare pickle", Uint8Array.from(bytesOf(dictOf(integer(1)))), /bare pickle, not one that torch\.save wrote/],
    ["a tar archive", Uint8Array.from([...new Uint8Array(257), ...bytesOf("ustar"), ...new Uint8Array(250)]), /tar archive, as PyTorch wrote before version 0\.2/],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => readPytorch(bytes)).toThrow(message);
    expect(() => readPytorch(bytes)).toThrow(UserError);
  }); // prettier-ignore
});

describe("sizes that lie", () => {
  test("views inside their storage are read", () => {
    const view = { offset: 1, shape: [2, 1], strides: [2, 7] };
    expect(readPytorch(archive(dictOf(tensorItem(view))))["w"]).toEqual(tensor([2, 4], [2, 1]));
  });

  test.each([
    ["an offset beyond the storage", { offset: 1 }, /reaches element 4 of a storage of 4/],
    ["strides beyond the storage", { strides: [3, 1] }, /reaches element 4 of a storage of 4/],
    ["a storage shorter than said", { count: 5 }, /storage of 16 bytes, which needs 20/],
    ["a negative size", { shape: [-2, 2] }, /made of other things than/],
    ["a negative stride", { strides: [-1, 1] }, /made of other things than/],
    ["fewer strides than sizes", { strides: [1] }, /made of other things than/],
    [
      "65 dimensions",
      { shape: new Array(65).fill(1), strides: new Array(65).fill(1) },
      /made of other things/,
    ],
    ["more elements than memory", { shape: [2 ** 20, 2 ** 20], strides: [0, 0] }, /2\^31 elements or more/],
    [
      "a repeated element that fills memory",
      { shape: [2 ** 28], strides: [0] },
      /the most that a file of 398 bytes may ask for\. Call contiguous/,
    ],
    ["a storage that is not there", { key: "7" }, /lacks "archive\/data\/7"/],
    ["a storage outside the archive", { key: "../../../etc/passwd" }, /lacks "archive\/data\/\.\.\//],
  ] as const)("%s is refused", (_, parts, message) => {
    expect(() => readPytorch(archive(dictOf(tensorItem(parts))))).toThrow(message);
    expect(() => readPytorch(archive(dictOf(tensorItem(parts))))).toThrow(UserError);
  });

  test("an archive that unpacks to far more than it holds is refused before it is unpacked", () => {
    const bomb = archive(dictOf(tensorItem({ count: 2 ** 25 })), {
      level: 9,
      storage: new Uint8Array(2 ** 27),
    });
    expect(bomb.length).toBeLessThan(2 ** 20);
    expect(() => readPytorch(bomb)).toThrow(
      /said to unpack to, 134217728 bytes, and what was read before it need more/,
    );
  });

  test.each([
    ["nothing", new Uint8Array(), /is no zip archive/],
    [
      "an archive without a pickle",
      archive([op.stop]).map((byte) => (byte === 0x6b ? 0x6c : byte)),
      /data\.pkl|cannot be read|no zip/,
    ],
    [
      "two pickles",
      archive([op.stop], { extra: { "other/data.pkl": new Uint8Array(1) } }),
      /2 files called data\.pkl/,
    ],
    [
      "big-endian elements",
      archive([op.stop], { extra: { "archive/byteorder": new TextEncoder().encode("big") } }),
      /not little-endian/,
    ],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => readPytorch(bytes)).toThrow(message);
    expect(() => readPytorch(bytes)).toThrow(UserError);
  });
});

test("files cut short or with bytes flipped give sound tensors or a UserError, nothing else", () => {
  const random = seededRandom(11);
  const files = [
    "dtypes.pt",
    "views.pt",
    "checkpoint.pt",
    "protocol-4.pt",
    "legacy-dtypes.pt",
    "legacy-views.pt",
  ].map((name) => new Uint8Array(read(name)));
  const outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < 4000; round++) {
    const original = files[round % files.length]!;
    const damaged = original.slice(0, round % 5 === 0 ? Math.floor(random() * original.length) : undefined);
    for (let flips = round % 3; flips >= 0 && damaged.length > 0; flips--)
      damaged[Math.floor(random() * damaged.length)]! ^= 1 << Math.floor(random() * 8);
    try {
      for (const { shape, data } of Object.values(readPytorch(damaged)))
        expect(data.length).toBe(elementCount(shape));
      outcomes.read++;
    } catch (error) {
      expect(error, String((error as Error).stack)).toBeInstanceOf(UserError);
      outcomes.refused++;
    }
  }
  expect(outcomes.refused).toBeGreaterThan(1000);
  expect(outcomes.read).toBeGreaterThan(100);
});
