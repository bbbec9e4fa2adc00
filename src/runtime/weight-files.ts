/**
 * A folder of prepared weights, one file for everything that a program keeps, laid out as devices read it: who maps
 * such a file has its weights without preparing them, and in memory only once something reads them. As with kernels
 * (`disk-cache.ts`) a file may be lost, cut or damaged at any moment before it is opened without changing a result:
 *
 *   "HEDW" | version u32 | length of the payload u64 | key, 32 bytes | CRC-32 of the payload u32 | zeros | payload
 *
 * Files appear whole (written aside, then renamed), are never changed, and the folder's size is bounded. Node only.
 */
import type { FileHandle } from "node:fs/promises";
import { BoundedFolder } from "./bounded-folder.ts";
import { importAtRuntime } from "./import-at-runtime.ts";

const magic = "HEDW";
const formatVersion = 1;
const suffix = ".weights";
const defaultMaxBytes = 2 * 2 ** 30;
/** Of the disk's free space one file may take this part. */
const greatestShare = 1 / 4;
/** Read at a time. */
const partBytes = 2 ** 20;

/** Where the payload begins. */
export const payloadOffset = 128;

interface NodeModules {
  readonly fs: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
  readonly crypto: typeof import("node:crypto");
  readonly writeSync: (typeof import("node:fs"))["writeSync"];
  readonly crc32: (data: Uint8Array, before?: number) => number;
}

export interface WeightFilesOptions {
  readonly folder: string;
  /** Total size of all files. Default 2 GiB. */
  readonly maxBytes?: number;
}

export class WeightFiles {
  readonly #node: NodeModules;
  readonly #bound: BoundedFolder;

  private constructor(
    node: NodeModules,
    readonly folder: string,
    maxBytes: number,
  ) {
    this.#node = node;
    this.#bound = new BoundedFolder(node, folder, maxBytes, (name) => name.includes(suffix));
  }

  /** undefined where Node is too old to check files fast (before 20.15). */
  static async open(options: WeightFilesOptions): Promise<WeightFiles | undefined> {
    const [fs, path, crypto, { writeSync }, { crc32 }] = await Promise.all([
      importAtRuntime<NodeModules["fs"]>("node:fs/promises"),
      importAtRuntime<NodeModules["path"]>("node:path"),
      importAtRuntime<NodeModules["crypto"]>("node:crypto"),
      importAtRuntime<Pick<NodeModules, "writeSync">>("node:fs"),
      importAtRuntime<Partial<Pick<NodeModules, "crc32">>>("node:zlib"),
    ]);
    if (crc32 === undefined) return undefined;
    const node = { fs, path, crypto, writeSync, crc32 };
    return new WeightFiles(node, options.folder, options.maxBytes ?? defaultMaxBytes);
  }

  /** A digest to build keys with. */
  hash(): import("node:crypto").Hash {
    return this.#node.crypto.createHash("sha256");
  }

  /** The file stored under `key`, if there is one. */
  async find(key: Uint8Array, payloadBytes: number): Promise<WeightFile | undefined> {
    const file = this.#fileOf(key);
    const handle = await this.#node.fs.open(file, "r").catch(() => undefined);
    if (handle === undefined) return undefined;
    await this.#bound.touch(file);
    return new WeightFile(this.#node, handle, key, payloadBytes);
  }

  /** Begins a file; undefined where there is no place for it. */
  async create(key: Uint8Array, payloadBytes: number): Promise<WeightFileDraft | undefined> {
    const { fs, crypto } = this.#node;
    if (payloadBytes > this.#bound.maxBytes) return undefined;
    const place = this.#fileOf(key);
    const aside = `${place}.${process.pid}.${crypto.randomUUID()}.tmp`;
    try {
      await fs.mkdir(this.folder, { recursive: true });
      const { bavail, bsize } = await fs.statfs(this.folder);
      if (payloadBytes > bavail * bsize * greatestShare) return undefined;
      const file = new WeightFile(this.#node, await fs.open(aside, "wx+", 0o600), key, payloadBytes);
      return new WeightFileDraft(this.#node, file, { aside, place }, this.#bound);
    } catch {
      return undefined;
    }
  }

  #fileOf(key: Uint8Array): string {
    return this.#node.path.join(this.folder, Buffer.from(key).toString("hex") + suffix);
  }
}

/** An open file. */
export class WeightFile {
  readonly #node: NodeModules;
  readonly #handle: FileHandle;
  readonly #key: Uint8Array;

  constructor(
    node: NodeModules,
    handle: FileHandle,
    key: Uint8Array,
    readonly payloadBytes: number,
  ) {
    this.#node = node;
    this.#handle = handle;
    this.#key = key;
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  get sizeBytes(): number {
    return payloadOffset + this.payloadBytes;
  }

  /** Whether it holds what was once stored under its key, and nothing else. */
  async isWhole(): Promise<boolean> {
    const handle = this.#handle;
    const head = Buffer.alloc(payloadOffset);
    const part = Buffer.alloc(Math.min(partBytes, this.payloadBytes));
    try {
      if ((await handle.stat()).size !== this.sizeBytes) return false;
      await handle.read(head, 0, payloadOffset, 0);
      let checksum = 0;
      for (let at = payloadOffset; at < this.sizeBytes;) {
        const { bytesRead } = await handle.read(part, 0, part.length, at);
        if (bytesRead === 0) return false;
        checksum = this.#node.crc32(part.subarray(0, bytesRead), checksum);
        at += bytesRead;
      }
      return head.equals(this.head(checksum));
    } catch {
      return false;
    }
  }

  /** What stands before a payload of this checksum. */
  head(checksum: number): Buffer {
    const head = Buffer.alloc(payloadOffset);
    head.write(magic, 0, "latin1");
    head.writeUInt32LE(formatVersion, 4);
    head.writeBigUInt64LE(BigInt(this.payloadBytes), 8);
    head.set(this.#key, 16);
    head.writeUInt32LE(checksum, 48);
    return head;
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }
}

/** A file that is being written, its payload from begin to end. */
export class WeightFileDraft {
  readonly #node: NodeModules;
  readonly #file: WeightFile;
  readonly #paths: { readonly aside: string; readonly place: string };
  readonly #bound: BoundedFolder;
  #written = 0;
  #checksum = 0;
  /** Something went wrong; nothing is written any more. */
  #failed = false;

  constructor(
    node: NodeModules,
    file: WeightFile,
    paths: { readonly aside: string; readonly place: string },
    bound: BoundedFolder,
  ) {
    this.#node = node;
    this.#file = file;
    this.#paths = paths;
    this.#bound = bound;
  }

  /** Bytes of the payload so far. */
  get written(): number {
    return this.#written;
  }

  append(bytes: Uint8Array): void {
    this.#write(bytes, payloadOffset + this.#written);
    this.#checksum = this.#node.crc32(bytes, this.#checksum);
    this.#written += bytes.length;
  }

  /** The finished file, at its place; undefined if anything failed on the way, and then nothing of it is left. */
  async commit(): Promise<WeightFile | undefined> {
    const { aside, place } = this.#paths;
    this.#write(this.#file.head(this.#checksum), 0);
    try {
      if (this.#failed || this.#written !== this.#file.payloadBytes)
        throw new Error("the file could not be written");
      await this.#node.fs.rename(aside, place);
      await this.#bound.added(this.#file.sizeBytes);
      return this.#file;
    } catch {
      await this.abandon();
      return undefined;
    }
  }

  async abandon(): Promise<void> {
    await this.#file.close();
    await this.#node.fs.rm(this.#paths.aside, { force: true }).catch(() => undefined);
  }

  #write(bytes: Uint8Array, position: number): void {
    if (this.#failed) return;
    try {
      for (let done = 0; done < bytes.length;)
        done += this.#node.writeSync(
          this.#file.descriptor,
          bytes,
          done,
          bytes.length - done,
          position + done,
        );
    } catch {
      this.#failed = true; // The disk is full, say: the weights stay in memory then.
    }
  }
}
