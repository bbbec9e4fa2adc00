/** Seeded choices: the same seed makes the same choices everywhere. */
import { seededRandom, type RandomSource } from "../../src/nn/init.ts";

export class Random {
  readonly #source: RandomSource;

  constructor(seed: number) {
    this.#source = seededRandom(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 8; i++) this.#source();
  }

  /** An integer in [0, count); 0 where there is none. */
  below(count: number): number {
    return Math.floor(this.#source() * count);
  }

  /** An integer in [1, most], small ones more often. */
  few(most: number): number {
    return 1 + Math.floor(this.#source() ** 3 * most);
  }

  chance(probability: number): boolean {
    return this.#source() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}
