/**
 * A small fixed sample of `npm run fuzz`: changed files of each format are read or refused, soon and in little memory, in
 * a process that shows when they are not. And that process does show it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, describe, expect, it } from "vitest";
import { formats, type Format } from "../../scripts/fuzz/formats.ts";
import { CaseMaker } from "../../scripts/fuzz/make-case.ts";
import { Reader } from "../../scripts/fuzz/reader.ts";
import { allowedBytes, isGreedy, limits, runCases } from "../../scripts/fuzz/run-cases.ts";

const cases: Readonly<Record<Format, number>> = {
  onnx: 300,
  safetensors: 150,
  pt: 250,
  npy: 150,
  png: 100,
  jpeg: 60,
  records: 150,
};
const canMeasure = process.platform === "linux";
if (!canMeasure) console.log("skipped: the memory that reading takes, which only Linux tells");

/** One process for all formats: it is what takes time to start. */
const reader = new Reader(limits);
afterAll(() => reader.close());

describe.each(formats)("changed files of the format %s", (format) => {
  it("are read or refused", { timeout: 120_000 }, async () => {
    const first = 1_000_000;
    const { read, refused, failures } = await runCases(format, first, cases[format], reader);
    expect(failures).toEqual([]);
    expect(read + refused).toBe(cases[format]);
    // What changes nothing, or everything, finds nothing.
    expect(read).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });

  it("are the same each time, and differ", () => {
    const [one, other] = [new CaseMaker(format), new CaseMaker(format)];
    const made = [1, 2, 3, 4, 5, 6].map((number) => one.make(number));
    expect(made.map((bytes) => bytes.length)).toEqual([1, 2, 3, 4, 5, 6].map((n) => other.make(n).length));
    expect(made[3]).toEqual(other.make(4));
    expect(new Set(made.map((bytes) => Buffer.from(bytes).toString("latin1"))).size).toBeGreaterThan(4);
  });
});

describe("a file by its path", () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bombs-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const saved = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  it.runIf(canMeasure)("shows how much memory it takes: that of a bomb is bounded by its size", async () => {
    const opcodes: readonly (readonly number[])[] = [[0x7d], [0x29, 0x94], [0x8c, 1, 0x78]];
      for (const [i, opcode] of opcodes.entries()) {
        const pickle = new Uint8Array(20_000_000);
        for (let at = 2; at < pickle.length; at++) pickle[at] = opcode[(at - 2) % opcode.length]!;
        pickle.set([0x80, 2]);
        const bomb = zipSync({ "a/data.pkl": pickle }, { level: 1 });
        expect(bomb.length).toBeLessThan(200_000);
        const result = await reader.read({ format: "pt", from: saved(`bomb${i}.pt`, bomb), alone: true });
        expect(result.outcome).toBe("refused");
        expect(isGreedy(result), JSON.stringify(result)).toBe(false);
      }
  }); // prettier-ignore

  it("shows memory, crashes and hangs where there are any", async () => {
    const zeros = new Uint8Array(new Uint32Array(6_000_000).buffer);
    const header = new TextEncoder().encode(`{"w":{"dtype":"I8","shape":[24000000],"data_offsets":[0,24000000]}}`);
    const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
    const file = saved("large.safetensors", Buffer.concat([length, header, zeros]));
    const format = "safetensors";
    // Elements of 8 bits become 32: four times the file.
    const result = await new Reader({ ...limits, timeMs: 1 }).read({ format, from: file, alone: false });
    expect(result.outcome).toBe("hung");
    const grown = await reader.read({ format, from: file, alone: true });
    expect(grown.outcome).toBe("read");
    if (canMeasure && "grownBytes" in grown) {
      expect(grown.grownBytes).toBeGreaterThan(70e6);
      expect(isGreedy({ ...grown, fileBytes: 1 })).toBe(true);
      expect(allowedBytes(grown.fileBytes)).toBeGreaterThan(grown.grownBytes!);
    }
    const gone = await reader.read({ format, from: join(folder, "none"), alone: false });
    expect(gone.outcome).toBe("crashed");
  }); // prettier-ignore
});
