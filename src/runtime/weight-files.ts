/**
 * A folder of prepared weights, one file for everything that a program keeps, laid out as devices read it: who maps
 * such a file has its weights without preparing them, and in memory only once something reads them. As with kernels
 * (`disk-cache.ts`) a file may be lost, cut or damaged at any moment before it is opened without changing a result:
 *
 *   "HEDW" | version u32 | length of the payload u64 | key, 32 bytes | CRC-32 of the payload u32 | zeros | payload
 *
 * Files are never changed. Node only.
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

const checksumOffset = 48;

/** What it takes of Node beside the folder's. */
interface Platform {
  readonly files: BoundedFolder;
  readonly writeSync: (typeof import("node:fs"))["writeSync"];
  readonly crc32: (data: Uint8Array, before?: number) => number;
}

export interface WeightFilesOptions {
  readonly folder: string;
  /** Total size of all files. Default 2 GiB. */
  readonly maxBytes?: number;
}

export class WeightFiles {
  readonly #platform: Platform;

  private constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** undefined where Node is too old to check files fast (before 20.15). */
  static async open({
    folder,
    maxBytes = defaultMaxBytes,
  }: WeightFilesOptions): Promise<WeightFiles | undefined> {
    const [files, { writeSync }, { crc32 }] = await Promise.all([
      BoundedFolder.at({ folder, suffix, maxBytes, maxFileBytes: maxBytes + payloadOffset }),
      importAtRuntime<Pick<Platform, "writeSync">>("node:fs"),
      importAtRuntime<Partial<Pick<Platform, "crc32">>>("node:zlib"),
    ]);
    return crc32 === undefined ? undefined : new WeightFiles({ files, writeSync, crc32 });
  }

  /** A digest to build keys with. */
  hash(): import("node:crypto").Hash {
    return this.#platform.files.node.crypto.createHash("sha256");
  }

  /** The file stored under `key`, if there is one. */
  async find(key: Uint8Array, payloadBytes: number): Promise<WeightFile | undefined> {
    const { files } = this.#platform;
    const file = await files.open(files.pathOf(key));
    return file && new WeightFile(this.#platform, file.handle, key, payloadBytes);
  }

  /** Begins a file; undefined where there is no place for it. */
  async create(key: Uint8Array, payloadBytes: number): Promise<WeightFileDraft | undefined> {
    const { files } = this.#platform;
    const { fs } = files.node;
    if (payloadBytes > files.maxBytes) return undefined;
    const place = files.pathOf(key);
    const aside = files.asideOf(place);
    try {
      await files.create();
      const { bavail, bsize } = await fs.statfs(files.folder);
      if (payloadBytes > bavail * bsize * greatestShare) return undefined;
      const file = new WeightFile(this.#platform, await fs.open(aside, "wx+", 0o600), key, payloadBytes);
      return new WeightFileDraft(this.#platform, file, { aside, place });
    } catch {
      return undefined;
    }
  }
}

/** An open file. */
export class WeightFile {
  readonly #platform: Platform;
  readonly #handle: FileHandle;
  readonly #key: Uint8Array;

  constructor(
    platform: Platform,
    handle: FileHandle,
    key: Uint8Array,
    readonly payloadBytes: number,
  ) {
    this.#platform = platform;
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
      // Of a file that is something else, no more is read.
      if (!head.subarray(0, checksumOffset).equals(this.head(0).subarray(0, checksumOffset))) return false;
      let checksum = 0;
      for (let at = payloadOffset; at < this.sizeBytes;) {
        const { bytesRead } = await handle.read(part, 0, part.length, at);
        if (bytesRead === 0) return false;
        checksum = this.#platform.crc32(part.subarray(0, bytesRead), checksum);
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
    head.writeUInt32LE(checksum, checksumOffset);
    return head;
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }
}

/** A file that is being written, its payload from begin to end. */
export class WeightFileDraft {
  readonly #platform: Platform;
  readonly #file: WeightFile;
  readonly #paths: { readonly aside: string; readonly place: string };
  #written = 0;
  #checksum = 0;
  /** Something went wrong; nothing is written any more. */
  #failed = false;

  constructor(
    platform: Platform,
    file: WeightFile,
    paths: { readonly aside: string; readonly place: string },
  ) {
    this.#platform = platform;
    this.#file = file;
    this.#paths = paths;
  }

  /** Bytes of the payload so far. */
  get written(): number {
    return this.#written;
  }

  append(bytes: Uint8Array): void {
    this.#write(bytes, payloadOffset + this.#written);
    this.#checksum = this.#platform.crc32(bytes, this.#checksum);
    this.#written += bytes.length;
  }

  /** The finished file, at its place; undefined if anything failed on the way, and then nothing of it is left. */
  async commit(): Promise<WeightFile | undefined> {
    const { aside, place } = this.#paths;
    this.#write(this.#file.head(this.#checksum), 0);
    try {
      if (this.#failed || this.#written !== this.#file.payloadBytes)
        throw new Error("the file could not be written");
      await this.#platform.files.accept(aside, place, this.#file.sizeBytes);
      return this.#file;
    } catch {
      await this.abandon();
      return undefined;
    }
  }

  async abandon(): Promise<void> {
    await this.#file.close();
    await this.#platform.files.discard(this.#paths.aside);
  }

  #write(bytes: Uint8Array, position: number): void {
    if (this.#failed) return;
    try {
      for (let done = 0; done < bytes.length;)
        done += this.#platform.writeSync(
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
