/**
 * A model parsed without its weights is the model: for sound files, for odd ones, and for a real one flipped and
 * cut at seeded places, where it is the same model or the same error as when all is parsed at once.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { importOnnx, importParsed, type OnnxModel } from "../../src/import/onnx/model.ts";
import { parseModel } from "../../src/import/onnx/parse-model.ts";
import { parseWithoutWeights } from "../../src/import/onnx/parse-without-weights.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { MemoryBytes, type ByteSource } from "../../src/ir/byte-source.ts";
import { printGraph } from "../../src/ir/print.ts";
import { seededRandom } from "../../src/nn/init.ts";

const original = new Uint8Array(
  readFileSync(new URL("../../examples/digits/data/digits-resnet.onnx", import.meta.url)),
);
const leastBytes = 256;

/** Bytes that are accounted for as they are read, and must lie inside. */
function watched(bytes: Uint8Array): { source: ByteSource; account: { readBytes: number } } {
  const account = { readBytes: 0 };
  const sliceOf = (start: number, end: number): ByteSource => {
    if (start < 0 || end < start || end > bytes.length)
      throw new Error(`${start} … ${end} of ${bytes.length}`);
    const inner = new MemoryBytes(bytes.subarray(start, end));
    const count = <T>(value: T): T => ((account.readBytes += end - start), value);
    return {
      byteLength: end - start,
      read: () => count(inner.read()),
      parts: () => count(inner.parts()),
      slice: (from, to) => sliceOf(start + from, start + to),
    };
  };
  return { source: sliceOf(0, bytes.length), account };
}

/** What a file gives, to compare: the graph and every weight, or the error. */
function outcomeOf(importing: () => OnnxModel): string {
  try {
    const model = importing();
    const { graph } = traceOnnx(model, { N: 1 });
    const weights = [...model.namedState()].map(
      ([name, stored]) => `${name} ${Buffer.from(stored.contents.read()).toString("base64")}`,
    );
    return [printGraph(graph), ...weights].join("\n");
  } catch (error) {
    if (error instanceof UserError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const whole = (bytes: Uint8Array) => outcomeOf(() => importOnnx(bytes));
const without = (bytes: Uint8Array) =>
  outcomeOf(() => importParsed(parseWithoutWeights(watched(bytes).source, leastBytes), undefined));

describe("a model that is parsed without its weights", () => {
  it("is the same, and little of the file was read for it", () => {
    const { source, account } = watched(original);
    const { proto, rawData } = parseWithoutWeights(source, leastBytes);
    const everything = parseModel(original).proto;
    expect(proto.graph!.node).toEqual(everything.graph!.node);
    const long = everything.graph!.initializer.filter((tensor) => tensor.rawData.length >= leastBytes);
    expect(long.length).toBeGreaterThan(10);
    expect(rawData.size).toBe(long.length);
    expect(account.readBytes).toBeLessThan(original.length / 2);
    for (const [i, tensor] of proto.graph!.initializer.entries()) {
      const { name, rawData: expected } = everything.graph!.initializer[i]!;
      expect(tensor.name).toBe(name);
      expect(Buffer.compare(rawData.get(tensor)?.read() ?? tensor.rawData, expected), name).toBe(0);
    }
    expect(without(original)).toBe(whole(original));
  });

  it("is the same when its graph comes in two parts, which protobuf merges", () => {
    const [initializers, rest] = [new Set([5]), new Set([1, 2, 11, 12])].map((wanted) => graphWith(wanted));
    const twice = Uint8Array.from([...header(), ...initializers!, ...rest!]);
    expect(whole(twice)).not.toMatch(/^file-format/);
    expect(without(twice)).toBe(whole(twice));
  });

  it("is the same where a weight has its raw data twice, of which the last counts", () => {
    const data = (fill: number) => [0x4a, 0x80, 0x08, ...new Uint8Array(1024).fill(fill)];
    const tensor = [0x08, 0x80, 0x02, 0x10, 0x01, 0x42, 0x01, 0x77, ...data(1), ...data(2)];
    const relu = [0x0a, 0x01, 0x77, 0x12, 0x01, 0x79, 0x22, 0x04, ...Buffer.from("Relu")];
    const output = [0x0a, 0x01, 0x79, 0x12, 0x04, 0x0a, 0x02, 0x08, 0x01];
    const graph = [...field(1, relu), ...field(5, tensor), ...field(12, output)];
    const bytes = Uint8Array.from([...field(7, graph), ...field(8, [0x10, 0x11])]);
    expect(whole(bytes)).toContain(Buffer.from(new Uint8Array(1024).fill(2)).toString("base64"));
    expect(without(bytes)).toBe(whole(bytes));
  });

  it("is the same model or the same error where bits are flipped", { timeout: 120_000 }, () => {
    const random = seededRandom(20250101);
    const pick = (count: number) => Math.floor(random() * count);
    const structural = structuralPositions();
    const found = { model: 0, refused: 0 };
    for (let i = 0; i < 3000; i++) {
      const bytes = original.slice();
      const flips = 1 + pick(3);
      for (let k = 0; k < flips; k++) bytes[structural[pick(structural.length)]!]! ^= 1 << pick(8);
      const expected = whole(bytes);
      found[expected.startsWith("graph") ? "model" : "refused"]++;
      // Not `toBe`: what differs would be printed, weights and all.
      expect(without(bytes) === expected, `flip ${i}: ${expected.slice(0, 200)}`).toBe(true);
    }
    expect(found.model).toBeGreaterThan(100);
    expect(found.refused).toBeGreaterThan(500);
  });

  it("is the same error where the file is cut", { timeout: 60_000 }, () => {
    const random = seededRandom(7);
    for (let i = 0; i < 300; i++) {
      const bytes = original.slice(0, Math.floor(random() * original.length));
      expect(whole(bytes)).toMatch(/^file-format: /);
      expect(without(bytes) === whole(bytes), `cut at ${bytes.length}`).toBe(true);
    }
  });

  it("is refused in a line when it can only be parsed whole and is too long for that", () => {
    const broken: ByteSource = {
      byteLength: 2 ** 33,
      read: () => new Uint8Array(),
      parts: () => [],
      slice: (start, end) => new MemoryBytes(new Uint8Array(Math.min(end - start, 100))),
    };
    expect(() => parseWithoutWeights(broken, leastBytes)).toThrow(/has 8589934592 bytes and is not as/);
  });
});

function structuralPositions(): number[] {
  const isWeight = new Uint8Array(original.length);
  for (const { rawData } of parseModel(original).proto.graph!.initializer) {
    const at = Buffer.from(original.buffer, original.byteOffset, original.length).indexOf(rawData);
    if (rawData.length >= 16) isWeight.fill(1, at, at + rawData.length);
  }
  return Array.from(isWeight.keys()).filter((at) => isWeight[at] === 0);
}

function field(number: number, contents: readonly number[]): number[] {
  const length: number[] = [];
  let rest = contents.length;
  for (; rest >= 0x80; rest >>= 7) length.push((rest & 0x7f) | 0x80);
  return [8 * number + 2, ...length, rest, ...contents];
}

/** The fields of a message as they lie in the file, by their numbers; all have lengths or are short numbers. */
function fieldsOf(bytes: Uint8Array): { number: number; bytes: number[]; contents: Uint8Array }[] {
  const found: { number: number; bytes: number[]; contents: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at;
    const tag = bytes[at++]!;
    const value = () => {
      let result = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++]!;
        result += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return result;
      }
    };
    const length = value();
    const contents = bytes.subarray(at, (tag & 7) === 2 ? at + length : at);
    at += contents.length;
    found.push({ number: tag >> 3, bytes: Array.from(bytes.subarray(start, at)), contents });
  }
  return found;
}

const header = () => fieldsOf(original).flatMap(({ number, bytes }) => (number === 7 ? [] : bytes));

function graphWith(wanted: ReadonlySet<number>): number[] {
  const graph = fieldsOf(original).find(({ number }) => number === 7)!;
  return field(
    7,
    fieldsOf(graph.contents).flatMap(({ number, bytes }) => (wanted.has(number) ? bytes : [])),
  );
}
