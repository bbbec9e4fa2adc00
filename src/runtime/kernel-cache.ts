/**
 * Compiled kernels in memory, one cache a device. The key is the whole content of a kernel source, by
 * construction, so two kernels that differ in anything (text, binary, bindings, group size) never share an
 * entry. A kernel asked for twice, even while it is still compiling, is compiled once; a failure is not kept.
 */
import { ContentMap } from "../codegen/content-map.ts";
import type { KernelSource } from "../codegen/executable.ts";

export class KernelCache<Compiled> {
  readonly #entries = new ContentMap<KernelSource, Promise<Compiled>>();

  /** The compiled kernel, and whether another call had asked for it before. */
  async compile(
    source: KernelSource,
    compile: (source: KernelSource) => Promise<Compiled>,
  ): Promise<{ readonly compiled: Compiled; readonly shared: boolean }> {
    const known = this.#entries.get(source);
    if (known !== undefined) return { compiled: await known, shared: true };
    const pending = compile(source);
    this.#entries.set(source, pending);
    try {
      return { compiled: await pending, shared: false };
    } catch (error) {
      this.#entries.delete(source);
      throw error;
    }
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
