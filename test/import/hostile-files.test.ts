/** Short files that ask for much: objects without end, nesting without end. Refused at once, in little memory. */
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { readPytorch } from "../../src/import/pytorch.ts";
import { readSafetensors } from "../../src/import/safetensors.ts";
import { TuningRecords } from "../../src/tuning/records.ts";
import { archive, bytesOf, dictOf, global, integer, op, tensorItem, text, tuple, type Item } from "./checkpoint-files.ts"; // prettier-ignore

const million = 1_000_000;

/** The error of reading, which comes soon and takes little. */
function refusal(read: () => unknown): UserError {
  const start = performance.now();
  const before = process.resourceUsage().maxRSS;
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect(performance.now() - start).toBeLessThan(5000);
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(160 * 2 ** 20);
    return error as UserError;
  }
  throw new Error("the file was accepted");
}

/** A packed archive of a pickle of so many opcodes. */
function bomb(opcodes: readonly number[], times: number, before: Item = []): Uint8Array {
  const head = Uint8Array.from(bytesOf(op.proto, before));
  const pickle = new Uint8Array(head.length + opcodes.length * times + 1);
  pickle.set(head);
  for (let i = 0; i < times; i++) pickle.set(opcodes, head.length + i * opcodes.length);
  pickle[pickle.length - 1] = op.stop;
  return zipSync({ "a/data.pkl": pickle }, { level: 9 });
}

describe("a pickle that makes more than its file explains", () => {
  const memoize = 0x94;
  it.each<[string, Uint8Array]>([
    ["20 million empty dictionaries", bomb([op.emptyDict], 20 * million)],
    ["17 million entries of its memory", bomb([memoize], 17 * million, op.emptyDict)],
    ["10 million lists that are dropped again", bomb([op.emptyList, 0x30], 10 * million)],
    ["20 million marks", bomb([op.mark], 20 * million)],
    ["20 million tuples, each in the next", bomb([0x85], 20 * million, op.emptyDict)],
    ["20 million references to one thing", bomb([0x68, 0], 20 * million, [op.emptyList, memoize])],
    ["8 million numbers in one list", bomb([0x4b, 1, op.append], 8 * million, op.emptyList)],
    ["9 million strings", bomb([0x8c, 1, 0x78], 9 * million)],
    ["9 million entries of a dictionary", bomb([0x4b, 1, 0x4b, 2, op.setItem], 9 * million, op.emptyDict)],
  ])("is refused: %s", (_, file) => {
    expect(file.length).toBeLessThan(100_000);
    const { code, message } = refusal(() => readPytorch(file));
    expect(code).toBe("file-format");
    expect(message).toMatch(/the pickle .*need more than \d+ bytes of memory, the most that a file of \d+ bytes/);
  }); // prettier-ignore

  it("is refused where one list becomes dictionaries again and again", () => {
    const pairs = Array.from({ length: 20_000 }, (_, i): Item => [integer(i), 0x4b, 1, 0x86, op.append]);
    const again: Item = [global("collections", "OrderedDict"), 0x68, 0, 0x85, op.reduce];
    const pickle = [op.proto, op.emptyList, memoize, ...pairs, ...new Array<Item>(2000).fill(again), op.stop];
    expect(refusal(() => readPytorch(archive(pickle))).message).toMatch(/an OrderedDict .*need more/);
  });

  it("is refused where it follows another one, in a file of the old format", () => {
    const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, op.stop];
    const file = new Uint8Array(4 * million).fill(op.emptyDict);
    file.set(bytesOf(magic, op.proto, 0x4d, 0xe9, 3, op.stop, op.proto));
    expect(refusal(() => readPytorch(file)).message).toMatch(/the pickle .*need more/);
  });

  it("is searched once for each dictionary, not for each of its names", () => {
    const tensors = Array.from({ length: 2000 }, (_, i): Item => [text(`t${i}`), [0x68, 1], op.setItem]);
    const inner: Item = [op.emptyDict, memoize, tensorItem(), memoize, 0x30, ...tensors];
    const names = Array.from({ length: 20_000 }, (_, i): Item => [integer(i), [0x68, 0], op.setItem]);
    const pickle = [op.proto, inner, 0x30, op.emptyDict, ...names, op.stop];
    expect(refusal(() => readPytorch(archive(pickle))).message).toMatch(/of which 20000 are a dictionary/);
  });
});

describe("a pickle that is as large as it looks", () => {
  it("is read: 20,000 tensors of a number each", () => {
    const one = tensorItem({ count: 4, shape: [1], strides: [1] });
    const entries = Array.from({ length: 20_000 }, (_, i): Item => [text(`layer.${i}.scale`), one, op.setItem]);
    const read = readPytorch(archive([op.proto, op.emptyDict, ...entries, op.stop]));
    expect(Object.keys(read)).toHaveLength(20_000);
    expect(read["layer.19999.scale"]).toEqual({ dtype: "f32", shape: [1], data: Float32Array.of(1) });
  }); // prettier-ignore

  it("is read beside a list of 300,000 numbers, as optimisers keep them", () => {
    const thousand: Item = new Array<Item>(1000).fill([0x4b, 7]);
    const list: Item = [op.emptyList, op.mark, new Array<Item>(300).fill(thousand), 0x65];
    const dict = tuple(list);
    const pickle = [op.proto, dict, 0x30, ...bytesOf(dictOf(tensorItem())).slice(2)];
    expect(Object.keys(readPytorch(archive(pickle)))).toEqual(["w"]);
  });
});

const depth = 200_000;
const nestings = [
  ["lists", "[".repeat(depth) + "]".repeat(depth)],
  ["objects", '{"a":'.repeat(depth) + "1" + "}".repeat(depth)],
] as const;

describe.each(nestings)("JSON of %s in one another", (_, nested) => {
  const headers = [
    `{"w":${nested}}`,
    `{"w":{"dtype":${nested},"shape":[1],"data_offsets":[0,4]}}`,
    `{"w":{"dtype":"F32","shape":${nested},"data_offsets":[0,4]}}`,
    `{"w":{"dtype":"F32","shape":[${nested}],"data_offsets":[0,4]}}`,
    `{"w":{"dtype":"F32","shape":[1],"data_offsets":${nested}}}`,
    `{"__metadata__":${nested}}`,
    `{"__metadata__":{"a":${nested}}}`,
    nested,
  ];
  it.each(headers.map((header, i) => [i, header] as const))("is refused in a safetensors header (%d)", (_, header) => {
    const json = new TextEncoder().encode(header);
    const file = new Uint8Array(8 + json.length);
    new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
    file.set(json, 8);
    const { code, message } = refusal(() => readSafetensors(file));
    expect(code).toBe("file-format");
    expect(message.length).toBeLessThan(500);
  }); // prettier-ignore

  const key = `"kind":"cpu","name":"n","driver":"d","computeUnits":2,"compiler":"1"`;
  const file = (devices: string) => `{"format":"heddle-tuning","version":1,"devices":${devices}}`;
  const texts = [
    nested,
    `{"format":${nested}}`,
    `{"format":"heddle-tuning","version":${nested}}`,
    file(nested),
    file(`[${nested}]`),
    file(`[{"kind":${nested}}]`),
    file(`[{"kind":"cpu","name":"n","driver":"d","computeUnits":${nested}}]`),
    file(`[{${key},"choices":${nested}}]`),
    file(`[{${key},"choices":{"s":${nested}}}]`),
    file(`[{${key},"choices":{"s":{"ms":${nested}}}}]`),
    file(`[{${key},"choices":{"s":{"ms":{"c":${nested}}}}}]`),
    file(`[{${key},"choices":{"s":{"ms":{},"choice":${nested}}}}]`),
  ];
  it.each(texts.map((text, i) => [i, text] as const))("is refused in tuning records (%d)", (_, text) => {
    const { code, message } = refusal(() => TuningRecords.parse(text));
    expect(code).toBe("file-format");
    expect(message.length).toBeLessThan(500);
  });
});

describe("messages about long names", () => {
  it("show their begin, and the remedy at their end", () => {
    const message = `before ${"name, ".repeat(50_000)} Save it again.`;
    const error = new UserError("file-format", message, { modulePath: "layer1" });
    expect(error.message.length).toBeLessThan(8000);
    expect(error.message).toMatch(/^before name, name.*… \(\d+ characters\) ….*Save it again\.\n {4}in module 'layer1'$/s);
  }); // prettier-ignore

  it("are whole where they are as long as a list that a person reads", () => {
    const message = "a reason\n".repeat(600);
    expect(new UserError("unsupported", message).message).toBe(message);
  });
});
