/** A folder whose size is bounded: the files that went unused longest leave first. Node only. */
export interface FolderModules {
  readonly fs: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
}

export class BoundedFolder {
  readonly #node: FolderModules;
  readonly #isOurs: (name: string) => boolean;
  /** Bytes in the folder as far as this process knows; undefined until they are first counted. */
  #totalBytes: number | undefined;

  /** @param isOurs which files of the folder count, and may be removed */
  constructor(
    node: FolderModules,
    readonly folder: string,
    readonly maxBytes: number,
    isOurs: (name: string) => boolean,
  ) {
    this.#node = node;
    this.#isOurs = isOurs;
  }

  /** The file was used just now. */
  async touch(file: string): Promise<void> {
    const now = new Date();
    await this.#node.fs.utimes(file, now, now).catch(() => undefined);
  }

  /** So many bytes were added. Once the bound is passed, files leave until a fifth of it is free. */
  async added(sizeBytes: number): Promise<void> {
    if (this.#totalBytes !== undefined) this.#totalBytes += sizeBytes;
    if (this.#totalBytes !== undefined && this.#totalBytes <= this.maxBytes) return;
    const { fs, path } = this.#node;
    const names = (await fs.readdir(this.folder)).filter(this.#isOurs);
    const entries = await Promise.all(
      names.map(async (name) => {
        const file = path.join(this.folder, name);
        const stat = await fs.stat(file).catch(() => undefined);
        return { file, sizeBytes: stat?.size ?? 0, usedMs: stat?.mtimeMs ?? 0 };
      }),
    );
    entries.sort((a, b) => a.usedMs - b.usedMs);
    let total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    if (total > this.maxBytes) {
      for (const entry of entries) {
        if (total <= 0.8 * this.maxBytes) break;
        await fs.rm(entry.file, { force: true });
        total -= entry.sizeBytes;
      }
    }
    this.#totalBytes = total;
  }
}
