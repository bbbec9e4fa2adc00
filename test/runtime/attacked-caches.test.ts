/** Folders of caches that others put things into: pipes, folders, links, long files, other kernels' code. Nothing hangs. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BoundedFolder } from "../../src/runtime/bounded-folder.ts";
import { DiskCache } from "../../src/runtime/disk-cache.ts";
import { readPlainFile } from "../../src/runtime/safe-file.ts";
import { payloadOffset, WeightFiles } from "../../src/runtime/weight-files.ts";
import { readUserRecords } from "../../src/tuning/records-file.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "heddle-attacked-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const payload = Uint8Array.from({ length: 3000 }, (_, i) => i % 251);
const isPosix = process.platform !== "win32";
if (!isPosix) console.log("skipped: pipes and links in folders of caches, which Windows has not");

/** Things that may be in place of a file; each would hang or mislead whoever just reads it. */
const intruders: Readonly<Record<string, (path: string) => void>> = {
  "a pipe": (path) => void execFileSync("mkfifo", [path]),
  "a folder": (path) => void mkdirSync(path),
  "a link to itself": (path) => symlinkSync(path, path),
  "a link to a device that never ends": (path) => symlinkSync("/dev/zero", path),
  "a link to a file elsewhere": (path) => {
    writeFileSync(`${folder}/elsewhere`, payload);
    symlinkSync(`${folder}/elsewhere`, path);
  },
  "a link to a pipe": (path) => {
    execFileSync("mkfifo", [`${folder}/pipe`]);
    symlinkSync(`${folder}/pipe`, path);
  },
  "a file of 1.5 GB that takes no place": (path) => sparse(path, 1.5e9),
  "an empty file": (path) => writeFileSync(path, ""),
};

function sparse(path: string, sizeBytes: number, head: Uint8Array = new Uint8Array()): void {
  const file = openSync(path, "w");
  writeSync(file, head);
  ftruncateSync(file, sizeBytes);
  closeSync(file);
}

/** Runs `work`, which must end soon and in little memory. */
async function soon<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = process.resourceUsage().maxRSS;
  const late = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error("it hangs")), 10_000).unref(),
  );
  const result = await Promise.race([work(), late]);
  expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(2 ** 26);
  return result;
}

const only = (suffix: string) =>
  join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(suffix))!,
  );

describe.runIf(isPosix).each(Object.entries(intruders))("in place of a file, %s", (_, put) => {
  it("is no kernel", async () => {
    const cache = await DiskCache.open({ folder });
    await cache.store("key", payload);
    const place = only(".kernel");
    rmSync(place);
    put(place);
    expect(await soon(() => cache.load("key"))).toBeUndefined();
    // Storing replaces it, or says why not.
    const note = await soon(() => cache.store("key", payload));
    if (note === undefined) expect(await cache.load("key")).toEqual(Buffer.from(payload));
    else expect(statSync(place).isDirectory()).toBe(true);
  });

  it("is no file of weights", async () => {
    const files = (await WeightFiles.open({ folder }))!;
    const key = new Uint8Array(32).fill(7);
    const draft = await files.create(key, payload.length);
    draft!.append(payload);
    await (await draft!.commit())!.close();
    const place = only(".weights");
    rmSync(place);
    put(place);
    const file = await soon(() => files.find(key, payload.length));
    expect(await (file?.isWhole() ?? false)).toBe(false);
    await file?.close();
  });

  it("holds no tuning records", async () => {
    const before = process.env["XDG_CACHE_HOME"];
    const off = process.env["HEDDLE_CACHE"];
    process.env["XDG_CACHE_HOME"] = folder;
    delete process.env["HEDDLE_CACHE"];
    try {
      mkdirSync(join(folder, "heddle"));
      put(join(folder, "heddle", "tuning.json"));
      expect((await soon(readUserRecords)).devices).toEqual([]);
    } finally {
      restore("XDG_CACHE_HOME", before);
      restore("HEDDLE_CACHE", off);
    }
  });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

describe("a kernel's entry", () => {
  it("is worth nothing in the place of another, and its payload nothing under another's head", async () => {
    const cache = await DiskCache.open({ folder });
    await cache.store("one", payload);
    const one = only(".kernel");
    const bytesOfOne = readFileSync(one);
    rmSync(one);
    await cache.store(
      "other",
      Uint8Array.from(payload, (byte) => byte ^ 1),
    );
    const other = only(".kernel");
    const bytesOfOther = readFileSync(other);
    writeFileSync(other, bytesOfOne);
    expect(await cache.load("other")).toBeUndefined();
    // With the digest of the key that is asked for, and the payload's own.
    const headBytes = bytesOfOne.length - payload.length;
    const spliced = Buffer.concat([
      bytesOfOther.subarray(0, 44),
      bytesOfOne.subarray(44, headBytes),
      payload,
    ]);
    writeFileSync(other, spliced);
    expect(await cache.load("other")).toBeUndefined();
    writeFileSync(other, bytesOfOther);
    expect(await cache.load("other")).toHaveLength(payload.length);
  });

  it("of the right head but a hundred megabytes is not read", async () => {
    const cache = await DiskCache.open({ folder });
    await cache.store("key", payload);
    const place = only(".kernel");
    const head = readFileSync(place).subarray(0, 76);
    head.writeUInt32LE(1e8 - 76, 8);
    sparse(place, 1e8, head);
    expect(await soon(() => cache.load("key"))).toBeUndefined();
  });

  it("is forgotten on request", async () => {
    const cache = await DiskCache.open({ folder });
    await cache.store("key", payload);
    await cache.remove("key");
    await cache.remove("key");
    expect(await cache.load("key")).toBeUndefined();
  });
});

it("a file of weights of the right size and another head is not read to its end", async () => {
  const files = (await WeightFiles.open({ folder }))!;
  const key = new Uint8Array(32).fill(7);
  const sizeBytes = 1.5e9;
  writeFileSync(join(folder, `${Buffer.from(key).toString("hex")}.weights`), "");
  truncateSync(only(".weights"), payloadOffset + sizeBytes);
  const file = (await files.find(key, sizeBytes))!;
  const start = performance.now();
  expect(await file.isWhole()).toBe(false);
  expect(performance.now() - start).toBeLessThan(500);
  await file.close();
});

describe("making room", () => {
  const room = (maxBytes: number) => BoundedFolder.at({ folder, suffix: ".k", maxBytes, maxFileBytes: 1000 });
  async function accept(files: BoundedFolder, name: string, sizeBytes: number): Promise<void> {
    const place = join(folder, name);
    const aside = files.asideOf(place);
    writeFileSync(aside, new Uint8Array(sizeBytes));
    await files.accept(aside, place, sizeBytes);
  }

  it("takes what no writer wrote first, however new it is", async () => {
    writeFileSync(join(folder, "old.k"), new Uint8Array(500));
    utimesSync(join(folder, "old.k"), 1000, 1000);
    sparse(join(folder, "sparse.k"), 1.5e9);
    await accept(await room(10_000), "new.k", 500);
    expect(readdirSync(folder).sort()).toEqual(["new.k", "old.k"]);
  });

  it.runIf(isPosix)("leaves folders, pipes and links alone, and goes on", async () => {
    mkdirSync(join(folder, "folder.k"));
    execFileSync("mkfifo", [join(folder, "pipe.k")]);
    symlinkSync("/dev/zero", join(folder, "link.k"));
    for (const name of ["a.k", "b.k", "c.k"]) writeFileSync(join(folder, name), new Uint8Array(900));
    utimesSync(join(folder, "a.k"), 1000, 1000);
    await soon(async () => accept(await room(3000), "new.k", 900));
    expect(readdirSync(folder).sort()).toContain("new.k");
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["folder.k", "pipe.k", "link.k"]));
    expect(readdirSync(folder)).not.toContain("a.k");
  });
});

it("reading a file takes no more than was allowed", async () => {
  const fs = await import("node:fs/promises");
  const path = join(folder, "file");
  writeFileSync(path, payload);
  expect(await readPlainFile(fs, path, payload.length)).toEqual(Buffer.from(payload));
  expect(await readPlainFile(fs, path, payload.length - 1)).toBeUndefined();
  expect(await readPlainFile(fs, join(folder, "none"), 10)).toBeUndefined();
});
