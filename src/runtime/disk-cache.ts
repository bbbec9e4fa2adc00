/**
 * A folder of compiled kernels that may be lost, truncated, corrupted or shared with other processes at any
 * moment without changing a result. An entry says what it is, and is believed only if all of it holds:
 *
 *   "HEDL" | version u32 | length u32 | sha-256 of the key | sha-256 of the payload | payload
 *
 * Entries appear whole (written aside, then renamed) and the folder's size is bounded: the entries that went
 * unused longest leave first. Node only; its modules are imported when the cache is opened, so that a bundle
 * for browsers may contain this file.
 */
import { BoundedFolder } from "./bounded-folder.ts";
import { importAtRuntime } from "./import-at-runtime.ts";

const magic = "HEDL";
const formatVersion = 1;
const headerBytes = 12 + 32 + 32;
const suffix = ".kernel";

type NodeModules = {
  readonly fs: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
  readonly crypto: typeof import("node:crypto");
};

export interface DiskCacheOptions {
  readonly folder: string;
  /** Total size of all entries. Default 256 MiB. */
  readonly maxBytes?: number;
}

export class DiskCache {
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

  static async open(options: DiskCacheOptions): Promise<DiskCache> {
    const [fs, path, crypto] = await Promise.all([
      importAtRuntime<NodeModules["fs"]>("node:fs/promises"),
      importAtRuntime<NodeModules["path"]>("node:path"),
      importAtRuntime<NodeModules["crypto"]>("node:crypto"),
    ]);
    return new DiskCache({ fs, path, crypto }, options.folder, options.maxBytes ?? 256 * 2 ** 20);
  }

  /** The payload stored under `key`, or undefined if there is none that can be trusted. */
  async load(key: string): Promise<Uint8Array | undefined> {
    const file = this.#fileOf(key);
    try {
      const payload = this.#unpack(key, await this.#node.fs.readFile(file));
      if (payload === undefined) return undefined;
      await this.#bound.touch(file);
      return payload;
    } catch {
      return undefined; // Not there or not readable: the same as never stored.
    }
  }

  /** Stores `payload`, replacing what was there. Resolves to the reason if it could not; never rejects. */
  async store(key: string, payload: Uint8Array): Promise<string | undefined> {
    const { fs, crypto } = this.#node;
    const file = this.#fileOf(key);
    const aside = `${file}.${process.pid}.${crypto.randomUUID()}.tmp`;
    try {
      await fs.mkdir(this.folder, { recursive: true });
      const entry = this.#pack(key, payload);
      await fs.writeFile(aside, entry);
      await fs.rename(aside, file);
      await this.#bound.added(entry.length);
      return undefined;
    } catch (cause) {
      await fs.rm(aside, { force: true }).catch(() => undefined);
      return `kernel cache ${this.folder}: ${cause instanceof Error ? cause.message : String(cause)}`;
    }
  }

  #fileOf(key: string): string {
    return this.#node.path.join(this.folder, this.#digest(key).toString("hex") + suffix);
  }

  #digest(data: string | Uint8Array): Buffer {
    return this.#node.crypto.createHash("sha256").update(data).digest();
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
