/**
 * A folder of files that are worthless to lose, as the caches on disk keep them: files appear whole (written aside,
 * then renamed), the folder's size is bounded, and those that went unused longest leave first. Node only; its modules
 * are imported when the folder is opened, so that a bundle for browsers may contain this file.
 */
import { importAtRuntime } from "./import-at-runtime.ts";
import { openPlainFile } from "./safe-file.ts";

interface NodeModules {
  readonly fs: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
  readonly crypto: typeof import("node:crypto");
}

export type OpenedFile = NonNullable<Awaited<ReturnType<typeof openPlainFile>>>;

export interface BoundedFolderOptions {
  readonly folder: string;
  /** Which of the folder's files count, and may be removed: those with this in their names. */
  readonly suffix: string;
  /** Total size of these files. */
  readonly maxBytes: number;
  /** No file of a right writer is larger: what is, goes first. Default: `maxBytes`. */
  readonly maxFileBytes?: number;
}

export class BoundedFolder {
  readonly node: NodeModules;
  readonly folder: string;
  readonly maxBytes: number;
  readonly maxFileBytes: number;
  readonly #suffix: string;
  /** Bytes in the folder as far as this process knows; undefined until they are first counted. */
  #totalBytes: number | undefined;

  private constructor(node: NodeModules, { folder, suffix, maxBytes, maxFileBytes }: BoundedFolderOptions) {
    this.node = node;
    this.folder = folder;
    this.maxBytes = maxBytes;
    this.maxFileBytes = maxFileBytes ?? maxBytes;
    this.#suffix = suffix;
  }

  static async at(options: BoundedFolderOptions): Promise<BoundedFolder> {
    const [fs, path, crypto] = await Promise.all([
      importAtRuntime<NodeModules["fs"]>("node:fs/promises"),
      importAtRuntime<NodeModules["path"]>("node:path"),
      importAtRuntime<NodeModules["crypto"]>("node:crypto"),
    ]);
    return new BoundedFolder({ fs, path, crypto }, options);
  }

  /** Where what is stored under a key of bytes lies. */
  pathOf(key: Uint8Array): string {
    return this.node.path.join(this.folder, Buffer.from(key).toString("hex") + this.#suffix);
  }

  async create(): Promise<void> {
    await this.node.fs.mkdir(this.folder, { recursive: true });
  }

  /** A path to write to before `file` is replaced; no two calls give the same. */
  asideOf(file: string): string {
    return `${file}.${process.pid}.${this.node.crypto.randomUUID()}.tmp`;
  }

  /**
   * A file of the folder, and its size; undefined where what is there is no plain file, or is larger than it can be.
   * It counts as used just now. Whoever opens it closes it.
   */
  async open(path: string): Promise<OpenedFile | undefined> {
    const file = await openPlainFile(this.node.fs, path);
    if (file === undefined) return undefined;
    if (file.sizeBytes > this.maxFileBytes) {
      await file.handle.close().catch(() => undefined);
      return undefined;
    }
    const now = new Date();
    await file.handle.utimes(now, now).catch(() => undefined);
    return file;
  }

  /** Puts what was written aside in its place. Once the bound is passed, files leave until a fifth of it is free. */
  async accept(aside: string, file: string, sizeBytes: number): Promise<void> {
    await this.node.fs.rename(aside, file);
    if (this.#totalBytes !== undefined) this.#totalBytes += sizeBytes;
    if (this.#totalBytes === undefined || this.#totalBytes > this.maxBytes) await this.#makeRoom();
  }

  async discard(aside: string): Promise<void> {
    await this.node.fs.rm(aside, { force: true }).catch(() => undefined);
  }

  async #makeRoom(): Promise<void> {
    const { fs, path } = this.node;
    const names = (await fs.readdir(this.folder)).filter((name) => name.includes(this.#suffix));
    const entries = await Promise.all(
      names.map(async (name) => {
        const file = path.join(this.folder, name);
        const stat = await fs.lstat(file).catch(() => undefined);
        // Others than plain files are not ours, and take no place.
        const sizeBytes = stat?.isFile() === true ? stat.size : 0;
        const usedMs = sizeBytes > this.maxFileBytes ? -Infinity : (stat?.mtimeMs ?? 0);
        return { file, sizeBytes, usedMs };
      }),
    );
    entries.sort((a, b) => (a.usedMs < b.usedMs ? -1 : a.usedMs > b.usedMs ? 1 : 0));
    let total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    if (total > this.maxBytes) {
      for (const entry of entries) {
        if (total <= 0.8 * this.maxBytes) break;
        if (entry.sizeBytes === 0) continue;
        await fs.rm(entry.file, { force: true }).catch(() => undefined);
        total -= entry.sizeBytes;
      }
    }
    this.#totalBytes = total;
  }
}
