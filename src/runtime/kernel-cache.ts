/**
 * Compiled kernels in memory, one cache a device. The key is the whole content of what is compiled (a kernel's
 * source, or its module's bytes), so two kernels that differ in anything (text, bindings, group size) never share
 * an entry. A kernel asked for twice, even while it is still compiling, is compiled once; a failure is not kept.
 */
import { ContentMap } from "../codegen/content-map.ts";

export class KernelCache<Key extends object, Compiled> {
  readonly #entries = new ContentMap<Key, Promise<Compiled>>();

  /** The compiled kernel, and whether another call had asked for it before. */
  async compile(
    key: Key,
    compile: (key: Key) => Promise<Compiled>,
  ): Promise<{ readonly compiled: Compiled; readonly shared: boolean }> {
    let shared = true;
    const pending = this.#entries.getOrInsert(key, () => {
      shared = false;
      return compile(key);
    });
    try {
      return { compiled: await pending, shared };
    } catch (error) {
      if (!shared) this.#entries.delete(key);
      throw error;
    }
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Everything that compiled, for disposal; the cache is empty afterwards. */
  async drain(): Promise<readonly Compiled[]> {
    const settled = await Promise.allSettled(this.#entries.values());
    this.#entries.clear();
    return settled.flatMap((entry) => (entry.status === "fulfilled" ? [entry.value] : []));
  }
}

/** Runs `task` on every item, at most `width` at a time; results in the order of the items. */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  width: number,
  task: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await task(items[i] as Item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
