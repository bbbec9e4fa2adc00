/**
 * A folder of compiled kernels that may be lost, truncated, corrupted or shared with other processes at any
 * moment without changing a result. An entry says what it is, and is believed only if all of it holds:
 *
 *   "HEDL" | version u32 | length u32 | sha-256 of the key | sha-256 of the key and the payload | payload
 *
 * Node only.
 */
import { BoundedFolder, type OpenedFile } from "./bounded-folder.ts";
import { readFully } from "./safe-file.ts";

const magic = "HEDL";
const formatVersion = 2;
const headerBytes = 12 + 32 + 32;
const suffix = ".kernel";
const defaultMaxBytes = 256 * 2 ** 20;
/** Compiled kernels have some 100 KiB. */
const maxEntryBytes = 16 * 2 ** 20;

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
    return new DiskCache(await BoundedFolder.at({ folder, suffix, maxBytes, maxFileBytes: maxEntryBytes }));
  }

  get folder(): string {
    return this.#files.folder;
  }

  /** The payload stored under `key`, or undefined if there is none that can be trusted. */
  async load(key: string): Promise<Uint8Array | undefined> {
    const files = this.#files;
    try {
      const file = await files.open(files.pathOf(this.#digest(key)));
      if (file === undefined) return undefined;
      return await this.#unpack(key, file).finally(() => file.handle.close());
    } catch {
      return undefined; // Not there or not readable: the same as never stored.
    }
  }

  /** Forgets what is stored under `key`, which turned out to be of no use. */
  async remove(key: string): Promise<void> {
    await this.#files.discard(this.#files.pathOf(this.#digest(key)));
  }

  /** Stores `payload`, replacing what was there. Resolves to the reason if it could not; never rejects. */
  async store(key: string, payload: Uint8Array): Promise<string | undefined> {
    const files = this.#files;
    const file = files.pathOf(this.#digest(key));
    const aside = files.asideOf(file);
    try {
      if (payload.length > maxEntryBytes - headerBytes)
        throw new Error(`a kernel of ${payload.length} bytes is not kept`);
      await files.create();
      const entry = this.#pack(key, payload);
      await files.node.fs.writeFile(aside, entry, { flag: "wx" });
      await files.accept(aside, file, entry.length);
      return undefined;
    } catch (cause) {
      await files.discard(aside);
      return `kernel cache ${this.folder}: ${cause instanceof Error ? cause.message : String(cause)}`;
    }
  }

  #digest(...data: readonly (string | Uint8Array)[]): Buffer {
    const hash = this.#files.node.crypto.createHash("sha256");
    for (const part of data) hash.update(part);
    return hash.digest();
  }

  /** Of the payload and of what it is for, so that a payload that was moved is worth nothing. */
  #seal(keyDigest: Uint8Array, payload: Uint8Array): Buffer {
    return this.#digest(keyDigest, payload);
  }

  #pack(key: string, payload: Uint8Array): Buffer {
    const head = Buffer.alloc(12);
    head.write(magic, 0, "latin1");
    head.writeUInt32LE(formatVersion, 4);
    head.writeUInt32LE(payload.length, 8);
    const keyDigest = this.#digest(key);
    return Buffer.concat([head, keyDigest, this.#seal(keyDigest, payload), payload]);
  }

  /** Of a file that is something else, only the head is read. */
  async #unpack(key: string, { handle, sizeBytes }: OpenedFile): Promise<Uint8Array | undefined> {
    const head = await readFully(handle, 0, headerBytes);
    if (head?.toString("latin1", 0, 4) !== magic || head.readUInt32LE(4) !== formatVersion) return undefined;
    if (head.readUInt32LE(8) !== sizeBytes - headerBytes) return undefined;
    const keyDigest = this.#digest(key);
    if (!keyDigest.equals(head.subarray(12, 44))) return undefined;
    const payload = await readFully(handle, headerBytes, sizeBytes - headerBytes);
    const isWhole = payload !== undefined && this.#seal(keyDigest, payload).equals(head.subarray(44, 76));
    return isWhole ? payload : undefined;
  }
}
