/**
 * A folder of compiled kernels that may be lost, truncated, corrupted or shared with other processes at any
 * moment without changing a result. An entry says what it is, and is believed only if all of it holds:
 *
 *   "HEDL" | version u32 | length u32 | sha-256 of the key | sha-256 of the payload | payload
 *
 * Node only.
 */
import { BoundedFolder } from "./bounded-folder.ts";

const magic = "HEDL";
const formatVersion = 1;
const headerBytes = 12 + 32 + 32;
const suffix = ".kernel";
const defaultMaxBytes = 256 * 2 ** 20;

export interface DiskCacheOptions {
  readonly folder: string;
  /** Total size of all entries. Default 256 MiB. */
  readonly maxBytes?: number;
}

export class DiskCache {
  readonly #files: BoundedFolder;

  private constructor(files: BoundedFolder) {
    this.#files = files;
  }

  static async open({ folder, maxBytes = defaultMaxBytes }: DiskCacheOptions): Promise<DiskCache> {
    return new DiskCache(await BoundedFolder.open({ folder, suffix, maxBytes }));
  }

  get folder(): string {
    return this.#files.folder;
  }

  /** The payload stored under `key`, or undefined if there is none that can be trusted. */
  async load(key: string): Promise<Uint8Array | undefined> {
    const files = this.#files;
    const file = files.pathOf(this.#digest(key));
    try {
      const payload = this.#unpack(key, await files.node.fs.readFile(file));
      if (payload === undefined) return undefined;
      await files.touch(file);
      return payload;
    } catch {
      return undefined; // Not there or not readable: the same as never stored.
    }
  }

  /** Stores `payload`, replacing what was there. Resolves to the reason if it could not; never rejects. */
  async store(key: string, payload: Uint8Array): Promise<string | undefined> {
    const files = this.#files;
    const file = files.pathOf(this.#digest(key));
    const aside = files.asideOf(file);
    try {
      await files.create();
      const entry = this.#pack(key, payload);
      await files.node.fs.writeFile(aside, entry);
      await files.accept(aside, file, entry.length);
      return undefined;
    } catch (cause) {
      await files.discard(aside);
      return `kernel cache ${this.folder}: ${cause instanceof Error ? cause.message : String(cause)}`;
    }
  }

  #digest(data: string | Uint8Array): Buffer {
    return this.#files.node.crypto.createHash("sha256").update(data).digest();
  }

  #pack(key: string, payload: Uint8Array): Buffer {
    const head = Buffer.alloc(12);
    head.write(magic, 0, "latin1");
    head.writeUInt32LE(formatVersion, 4);
    head.writeUInt32LE(payload.length, 8);
    return Buffer.concat([head, this.#digest(key), this.#digest(payload), payload]);
  }

  #unpack(key: string, entry: Buffer): Uint8Array | undefined {
    if (entry.length < headerBytes || entry.toString("latin1", 0, 4) !== magic) return undefined;
    if (entry.readUInt32LE(4) !== formatVersion) return undefined;
    const payload = entry.subarray(headerBytes);
    if (entry.readUInt32LE(8) !== payload.length) return undefined;
    if (!this.#digest(key).equals(entry.subarray(12, 44))) return undefined;
    return this.#digest(payload).equals(entry.subarray(44, 76)) ? payload : undefined;
  }
}
