/**
 * Kernels by number, where kernels of equal content are one kernel. Content is all that distinguishes a kernel: its
 * name without the step's number, and what it does. It is hashed and compared where it lies: as text it would take
 * more memory than all else while a network is compiled.
 */
import type { Kernel } from "./kernel-ir.ts";

export class KernelSet {
  readonly #kernels: Kernel[] = [];
  readonly #byHash = new Map<number, number[]>();

  get all(): readonly Kernel[] {
    return this.#kernels;
  }

  at(number: number): Kernel {
    return this.#kernels[number]!;
  }

  /** The number of the kernel, or of the one of equal content that was there before. */
  add(kernel: Kernel): number {
    const content = contentOf(kernel);
    const hash = hashOf(content, offsetBasis);
    const similar = this.#byHash.get(hash) ?? [];
    const known = similar.find((number) => isEqual(contentOf(this.at(number)), content));
    if (known !== undefined) return known;
    const number = this.#kernels.push(kernel) - 1;
    this.#byHash.set(hash, [...similar, number]);
    return number;
  }
}

function contentOf({ name, comment: _, ...content }: Kernel): object {
  return { ...content, name: name.replace(/^[kp]\d+_/, "") };
}

/** FNV-1a of 32 bits, over plain data; see http://www.isthe.com/chongo/tech/comp/fnv. */
const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

function mix(hash: number, bits: number): number {
  return Math.imul(hash ^ bits, prime);
}

function hashOf(value: unknown, start: number): number {
  let hash = start;
  if (typeof value === "string") {
    for (let i = 0; i < value.length; i++) hash = mix(hash, value.charCodeAt(i));
  } else if (typeof value === "number") {
    // The whole part, then the fraction.
    hash = mix(mix(hash, value), (value % 1) * 2 ** 32);
  } else if (typeof value === "object" && value !== null) {
    for (const key in value) hash = hashOf((value as Record<string, unknown>)[key], mix(hash, key.length));
  } else hash = mix(hash, value === true ? 1 : 2);
  return hash;
}

/** Whether two plain values are the same, numbers as `Object.is` says it. */
function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  let keys = 0;
  for (const key in a) {
    keys++;
    if (!(key in b)) return false;
    if (!isEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false;
  }
  for (const _ in b) keys--;
  return keys === 0;
}
