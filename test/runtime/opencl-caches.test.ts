/** OpenCL where caches cannot be written, are full, or hold another kernel's code: it works, and says so. */
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { KernelSource } from "../../src/codegen/executable.ts";
import { DiskCache } from "../../src/runtime/disk-cache.ts";
import { openOpenclDevice } from "../../src/runtime/opencl/open.ts";
import { findPoclCache, type PoclCache } from "../../src/runtime/opencl/pocl-cache.ts";
import { isTested } from "./device-contract.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "heddle-opencl-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A folder on a disk of so many bytes; undefined where this user may not mount one. */
function smallDisk(name: string, options: string): { readonly path: string; readonly unmount: () => void } | undefined {
  const path = join(folder, name);
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], { stdio: "ignore" });
  } catch {
    console.log(`skipped: a disk of ${options}, which only root may mount`);
    return undefined;
  }
  return { path, unmount: () => void execFileSync("umount", [path]) };
} // prettier-ignore

interface Answer {
  readonly data?: readonly number[];
  readonly notes?: readonly string[];
  readonly error?: unknown;
}

/** What `run-on-opencl.ts` says with these variables; undefined ones are not set. */
async function runWith(variables: Readonly<Record<string, string | undefined>>): Promise<Answer> {
  const env: NodeJS.ProcessEnv = { ...process.env, HEDDLE_CACHE: undefined, POCL_CACHE_DIR: undefined };
  const script = fileURLToPath(new URL("./run-on-opencl.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script], {
    env: { ...env, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code, errors).toBe(0);
  return JSON.parse(out) as Answer;
}

describe.skipIf(!isTested("opencl"))("OpenCL and the user's folder for caches", () => {
  it.each<[string, () => string]>([
    ["cannot be made", () => "/dev/null/nowhere"],
    ["is a pipe", () => (execFileSync("mkfifo", [join(folder, "pipe")]), join(folder, "pipe"))],
  ])("works where it %s, and leaves no temporary files", async (_, make) => {
    // What PoCL was told does not help either.
    const places = { XDG_CACHE_HOME: make(), POCL_CACHE_DIR: "/dev/null/nowhere", TMPDIR: folder };
    const { data, notes, error } = await runWith(places);
    expect(error).toBeUndefined();
    expect(data).toEqual([12]);
    expect(notes?.[0]).toMatch(/^kernel cache /);
    expect(readdirSync(folder).filter((name) => name.startsWith("heddle-pocl-"))).toEqual([]);
  }); // prettier-ignore

  it.each([
    ["is full", "size=64k"],
    ["is read-only", "ro,size=64m"],
    ["is nearly full", "size=8m"],
  ])("works where its disk %s", async (what, options) => {
    const disk = smallDisk("disk", options);
    if (disk === undefined) return;
    try {
      if (what === "is full") {
        expect(() => writeFileSync(join(disk.path, "rest"), new Uint8Array(2 ** 20))).toThrow(/ENOSPC/);
      }
      const { data, notes, error } = await runWith({ XDG_CACHE_HOME: disk.path });
      expect(error).toBeUndefined();
      expect(data).toEqual([12]);
      expect(notes?.length).toBe(what === "is nearly full" ? 0 : 1);
      const ofPocl = join(disk.path, "pocl", "kcache");
      expect(existsSync(ofPocl) ? readdirSync(ofPocl) : [], "PoCL went elsewhere").toEqual([]);
    } finally {
      disk.unmount();
    }
  });
});

describe("where PoCL writes", () => {
  /** Processes of tests are ended from outside, which leaves no time to remove it then. */
  const removed = (found: PoclCache): void => {
    expect(found.kind).toBe("private");
    if (found.kind === "private") rmSync(found.folder, { recursive: true });
  };
  const find = (variables: Readonly<Record<string, string | undefined>>) =>
    findPoclCache((name) => variables[name]);

  it.runIf(process.platform !== "win32")("is where it would, if it can", async () => {
    for (const variables of [{ XDG_CACHE_HOME: folder }, { HOME: folder }, { POCL_CACHE_DIR: join(folder, "p") }])
      expect(await find(variables)).toEqual({ kind: "usual" });
    expect(readdirSync(join(folder, "pocl", "kcache"))).toEqual([]);
  }); // prettier-ignore

  it.runIf(process.platform !== "win32")("is a folder of its own, if it cannot", async () => {
    symlinkSync(join(folder, "loop"), join(folder, "loop"));
    writeFileSync(join(folder, "file"), "");
    for (const variables of [{ XDG_CACHE_HOME: join(folder, "loop") }, { HOME: join(folder, "file") }, {}])
      removed(await find(variables));
    const found = await find({ XDG_CACHE_HOME: "/dev/null/nowhere" });
    expect(found).toMatchObject({ kind: "private", folder: expect.stringMatching(/heddle-pocl-/) });
    if (found.kind === "private") expect(readdirSync(found.folder)).toEqual([]);
    removed(found);
  });
});

describe.skipIf(!isTested("opencl"))("another kernel's code in place of a kernel's", () => {
  const kernelOf = (name: string, body: string, buffers: number): KernelSource => {
    const names = ["a", "b"].slice(0, buffers).map((buffer) => `__global float* ${buffer}`);
    return {
      name,
      language: "opencl-c",
      source: `__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void ${name}(${names.join(", ")}) { ${body} }`,
      buffers: Array.from({ length: buffers }, () => ({ access: "read_write", sizeBytes: 4 }) as const),
      groups: 1,
      groupSize: 1,
    };
  };
  const wanted = kernelOf("wanted", "a[0] = 5.0f;", 1);
  const others = [
    ["of another name", kernelOf("other", "a[0] = 7.0f;", 1)],
    ["of another number of buffers", kernelOf("wanted", "a[0] = 7.0f; b[0] = 7.0f;", 2)],
  ] as const;

  /** Compiles, runs and reads the first buffer, as a process of its own would. */
  async function outcome(
    kernel: KernelSource,
  ): Promise<{ readonly value: number; readonly cached: boolean }> {
    const device = await openOpenclDevice({ cacheFolder: folder });
    let cached = false;
    const [compiled] = await device.compile([kernel], (progress) => (cached = progress.cached));
    const buffers = kernel.buffers.map((_, i) => device.allocate(4, `buffer ${i}`));
    const list = device.record([{ kind: "dispatch", kernel: compiled!, buffers }]);
    await device.submit(list);
    const value = new Float32Array(await device.read(buffers[0]!, 4))[0]!;
    await device.dispose();
    return { value, cached };
  }

  it.each(others)("%s: it is compiled again, and the entry replaced", async (_, other) => {
    expect(await outcome(wanted)).toEqual({ value: 5, cached: false });
    const [place] = readdirSync(folder);
    const path = join(folder, place!);
    rmSync(path);
    expect((await outcome(other)).value).toBe(7);
    const [otherPlace] = readdirSync(folder);
    const binary = readFileSync(join(folder, otherPlace!)).subarray(76);
    rmSync(join(folder, otherPlace!));
    // With all checksums right: stored under the key that is asked for, which is caught as it is asked.
    const keys: string[] = [];
    const { load } = DiskCache.prototype;
    DiskCache.prototype.load = function (key) {
      keys.push(key);
      return load.call(this, key);
    };
    await outcome(wanted).finally(() => (DiskCache.prototype.load = load));
    const cache = await DiskCache.open({ folder });
    expect(await cache.store(keys[0]!, binary)).toBeUndefined();

    expect(await outcome(wanted)).toEqual({ value: 5, cached: true });
    expect(await outcome(wanted)).toEqual({ value: 5, cached: false });
    expect(await outcome(wanted)).toEqual({ value: 5, cached: true });
  });
});
