import {
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  readFileSync,
  copyFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { KernelSource } from "../../src/codegen/executable.ts";
import { DiskCache } from "../../src/runtime/disk-cache.ts";
import { KernelCache, mapConcurrently } from "../../src/runtime/kernel-cache.ts";

const source: KernelSource = {
  name: "k",
  language: "wgsl",
  source: "fn k() {}",
  buffers: [{ access: "read", sizeBytes: 16 }],
  groups: 1,
  groupSize: 1,
};

describe("kernels in memory", () => {
  it("differ when they differ in any field", async () => {
    const variants: KernelSource[] = [
      source,
      { ...source, name: "k2" },
      { ...source, language: "opencl-c" },
      { ...source, source: "fn k() { }" },
      { ...source, binary: new Uint8Array([1]) },
      { ...source, binary: new Uint8Array([2]) },
      { ...source, buffers: [{ access: "write", sizeBytes: 16 }] },
      { ...source, buffers: [{ access: "read", sizeBytes: 20 }] },
      { ...source, groups: 2 },
      { ...source, groupSize: 2 },
    ];
    const cache = new KernelCache<KernelSource, number>();
    let compilations = 0;
    for (const variant of variants) await cache.compile(variant, async () => ++compilations);
    expect(compilations).toBe(variants.length);
    // In whatever order the fields are.
    const { name, ...rest } = source;
    expect((await cache.compile({ ...rest, name }, async () => ++compilations)).shared).toBe(true);
  });

  it("are compiled once, even when asked for at the same time", async () => {
    const cache = new KernelCache<KernelSource, number>();
    let compilations = 0;
    const compile = async (): Promise<number> => ++compilations;
    const results = await Promise.all([
      cache.compile(source, compile),
      cache.compile({ ...source }, compile),
    ]);
    expect(results).toEqual([
      { compiled: 1, shared: false },
      { compiled: 1, shared: true },
    ]);
    expect(await cache.drain()).toEqual([1]);
    expect(await cache.drain()).toEqual([]);
  });

  it("are tried again after a failure", async () => {
    const cache = new KernelCache<KernelSource, string>();
    await expect(cache.compile(source, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect((await cache.compile(source, async () => "yes")).compiled).toBe("yes");
  });
});

describe("concurrent work", () => {
  it("keeps order and never exceeds its width", async () => {
    let [running, most] = [0, 0];
    const results = await mapConcurrently([30, 1, 20, 2, 10], 2, async (ms) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, ms));
      running--;
      return ms * 2;
    });
    expect(results).toEqual([60, 2, 40, 4, 20]);
    expect(most).toBe(2);
  });
});

describe("kernels on disk", () => {
  let folder: string;
  const payload = new Uint8Array(1000).map((_, i) => i);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "heddle-disk-cache-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const onlyFile = (): string => join(folder, readdirSync(folder)[0] ?? "");

  it("come back as they were stored, in another process's cache, too", async () => {
    const cache = await DiskCache.open({ folder });
    expect(await cache.load("key")).toBeUndefined();
    expect(await cache.store("key", payload)).toBeUndefined();
    const other = await DiskCache.open({ folder });
    expect([...((await other.load("key")) ?? [])]).toEqual([...payload]);
    expect(await other.load("another key")).toBeUndefined();
  });

  it("are written whole: no temporary file stays", async () => {
    const cache = await DiskCache.open({ folder });
    await Promise.all(Array.from({ length: 8 }, () => cache.store("key", payload)));
    expect(readdirSync(folder)).toHaveLength(1);
    expect((await cache.load("key"))?.length).toBe(1000);
  });

  it.each([
    ["empty", () => Buffer.alloc(0)],
    ["truncated", (good: Buffer) => good.subarray(0, good.length - 1)],
    ["longer", (good: Buffer) => Buffer.concat([good, Buffer.from([0])])],
    ["flipped in a payload bit", (good: Buffer) => flipped(good, good.length - 1)],
    ["flipped in the magic", (good: Buffer) => flipped(good, 0)],
    ["of another version", (good: Buffer) => flipped(good, 4)],
    ["of another key", (good: Buffer) => flipped(good, 20)],
  ])("are ignored when %s, and can be replaced", async (_how, damage) => {
    const cache = await DiskCache.open({ folder });
    await cache.store("key", payload);
    writeFileSync(onlyFile(), damage(readFileSync(onlyFile())));
    expect(await cache.load("key")).toBeUndefined();
    await cache.store("key", payload);
    expect((await cache.load("key"))?.length).toBe(1000);
  });

  it("are ignored under another key's name", async () => {
    const cache = await DiskCache.open({ folder });
    await cache.store("one", payload);
    const one = onlyFile();
    await cache.store("two", payload);
    const two =
      readdirSync(folder)
        .map((name) => join(folder, name))
        .find((file) => file !== one) ?? "";
    copyFileSync(one, two);
    expect(await cache.load("two")).toBeUndefined();
  });

  it("stay within the bound, and the longest unused leave first", async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 5500 });
    for (let i = 0; i < 5; i++) {
      await cache.store(`key ${i}`, payload);
      const newest = readdirSync(folder).map((name) => join(folder, name)).sort((a, b) => statSync(b).ctimeMs - statSync(a).ctimeMs)[0] ?? ""; // prettier-ignore
      utimesSync(newest, 1000 + i, 1000 + i);
    }
    expect(Uint8Array.from((await cache.load("key 0")) ?? [])).toEqual(payload);
    await cache.store("key 5", payload);
    const kept = await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (i) => (await cache.load(`key ${i}`)) !== undefined),
    );
    expect(kept).toEqual([true, false, false, true, true, true]);
  });

  it("that cannot be written are reported, not thrown", async () => {
    const cache = await DiskCache.open({ folder: "/dev/null/nowhere" });
    expect(await cache.store("key", payload)).toMatch(/nowhere/);
    expect(await cache.load("key")).toBeUndefined();
  });
});

function flipped(good: Buffer, at: number): Buffer {
  const bad = Buffer.from(good);
  bad[at] = (bad[at] ?? 0) ^ 1;
  return bad;
}
