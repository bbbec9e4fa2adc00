/** A file to read, by its number: a sound one with one to four changes. The same number gives the same bytes. */
import { mutateBytes, type Bytes } from "./byte-mutations.ts";
import { formatRecords, type Format } from "./formats.ts";
import { Random } from "./random.ts";
import { seedsOf } from "./seeds.ts";

/** No mutation makes a larger file: the bar for memory is a multiple of the file, and large files hide what small ones show. */
const largestBytes = 2 ** 22;

export class CaseMaker {
  readonly #format: Format;
  readonly seeds: readonly Bytes[];

  constructor(format: Format) {
    this.#format = format;
    this.seeds = seedsOf(format);
  }

  make(number: number): Bytes {
    const random = new Random(number);
    let bytes = random.pick(this.seeds).slice();
    for (let left = random.few(4); left > 0; left--) {
      const changed = random.chance(0.6)
        ? formatRecords[this.#format].mutate(bytes, random)
        : mutateBytes(bytes, random, random.pick(this.seeds));
      if (changed.length <= largestBytes) bytes = changed;
    }
    return bytes;
  }
}
