/** Files of prepared weights: what was stored comes back whole or not at all. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { payloadOffset, WeightFiles } from "../../src/runtime/weight-files.ts";

const payload = Uint8Array.from({ length: 3000 }, (_, i) => (i * i) % 251);
const keyOf = (text: string) => new Uint8Array(32).fill(text.charCodeAt(0));
const key = keyOf("k");

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "heddle-weights-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function opened(maxBytes?: number): Promise<WeightFiles> {
  const files = await WeightFiles.open({ folder, ...(maxBytes === undefined ? {} : { maxBytes }) });
  if (files === undefined) throw new Error("this Node has no zlib.crc32");
  return files;
}

async function stored(files: WeightFiles, under = key, bytes = payload): Promise<void> {
  const draft = await files.create(under, bytes.length);
  draft!.append(bytes.subarray(0, 1000));
  draft!.append(bytes.subarray(1000));
  const file = await draft!.commit();
  expect(file).toBeDefined();
  await file!.close();
}

/** Whether a whole file is there. */
async function isThere(files: WeightFiles, under = key, payloadBytes = payload.length): Promise<boolean> {
  const file = await files.find(under, payloadBytes);
  const whole = file !== undefined && (await file.isWhole());
  await file?.close();
  return whole;
}

const only = () => join(folder, readdirSync(folder)[0]!);

describe("a folder of weights", () => {
  it("gives what was stored, where it says", async () => {
    await stored(await opened());
    expect(await isThere(await opened())).toBe(true);
    expect(new Uint8Array(readFileSync(only())).subarray(payloadOffset)).toEqual(payload);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it("gives nothing for another key or another size", async () => {
    const files = await opened();
    await stored(files);
    expect(await isThere(files, keyOf("l"))).toBe(false);
    expect(await isThere(files, key, payload.length - 4)).toBe(false);
    expect(await isThere(files, key, payload.length + 4)).toBe(false);
    // Nor when a file lies under another one's name.
    writeFileSync(
      only().replace(/[0-9a-f]{64}/, Buffer.from(keyOf("l")).toString("hex")),
      readFileSync(only()),
    );
    expect(await isThere(files, keyOf("l"))).toBe(false);
  });

  it("believes no file of which a bit was flipped, wherever it is", async () => {
    const files = await opened();
    await stored(files);
    const whole = readFileSync(only());
    for (let at = 0; at < whole.length; at += at < payloadOffset ? 1 : 97) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      writeFileSync(only(), damaged);
      expect(await isThere(files), `byte ${at}`).toBe(false);
    }
    writeFileSync(only(), whole);
    expect(await isThere(files)).toBe(true);
  });

  it("believes no file that was cut or has more at its end", async () => {
    const files = await opened();
    await stored(files);
    writeFileSync(only(), Buffer.concat([readFileSync(only()), Buffer.alloc(1)]));
    expect(await isThere(files)).toBe(false);
    for (const size of [payloadOffset + payload.length - 1, payloadOffset, payloadOffset - 1, 0]) {
      truncateSync(only(), size);
      expect(await isThere(files), `${size} bytes`).toBe(false);
    }
  });

  it("replaces what was there", async () => {
    const files = await opened();
    await stored(files);
    writeFileSync(only(), "nonsense");
    await stored(files);
    expect(await isThere(files)).toBe(true);
  });

  it("leaves nothing of a file that was given up or not finished", async () => {
    const files = await opened();
    const [abandoned, short] = [await files.create(key, 3000), await files.create(key, 3000)];
    abandoned!.append(payload);
    await abandoned!.abandon();
    short!.append(payload.subarray(1));
    expect(await short!.commit()).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("lets those leave that went unused longest", async () => {
    const files = await opened(10_000);
    for (const [i, name] of ["a", "b", "c"].entries()) {
      await stored(files, keyOf(name));
      const file = join(folder, `${Buffer.from(keyOf(name)).toString("hex")}.weights`);
      utimesSync(file, 1000 + i, 1000 + i);
    }
    expect(await isThere(files, keyOf("a"))).toBe(true); // Used now: 'b' is the oldest.
    await stored(files, keyOf("d"));
    const left = await Promise.all(["a", "b", "c", "d"].map((name) => isThere(files, keyOf(name))));
    expect(left).toEqual([true, false, false, true]);
  });

  it("takes nothing that is larger than its bound, or where it cannot write", async () => {
    const files = await opened(2000);
    expect(await files.create(key, 2001)).toBeUndefined();
    const nowhere = await WeightFiles.open({ folder: "/dev/null/nowhere" });
    expect(await nowhere!.create(key, 100)).toBeUndefined();
    expect(await isThere(nowhere!)).toBe(false);
    expect(existsSync(folder)).toBe(true);
  });
});
