/**
 * A map whose keys are plain data, where equal content is the same key: objects, arrays, bytes, texts, numbers.
 * Content is hashed and compared where it lies: kernels as texts to look them up by would take more memory than all
 * else while a network is compiled. Keys must not change while they are in the map.
 */

interface Entry<Key, Value> {
  readonly key: Key;
  readonly value: Value;
}

export class ContentMap<Key extends object, Value> {
  readonly #byHash = new Map<number, readonly Entry<Key, Value>[]>();

  /** The value there is, or what `make` returns, which is there from now on. */
  getOrInsert(key: Key, make: () => Value): Value {
    const hash = hashOf(key);
    const alike = this.#byHash.get(hash) ?? [];
    const known = alike.find((entry) => isEqual(entry.key, key));
    if (known !== undefined) return known.value;
    const value = make();
    this.#byHash.set(hash, [...alike, { key, value }]);
    return value;
  }

  delete(key: Key): void {
    const hash = hashOf(key);
    const others = (this.#byHash.get(hash) ?? []).filter((entry) => !isEqual(entry.key, key));
    if (others.length > 0) this.#byHash.set(hash, others);
    else this.#byHash.delete(hash);
  }

  clear(): void {
    this.#byHash.clear();
  }

  values(): readonly Value[] {
    return [...this.#byHash.values()].flatMap((entries) => entries.map(({ value }) => value));
  }
}

/** FNV-1a of 32 bits, over plain data; see http://www.isthe.com/chongo/tech/comp/fnv. */
const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

function mix(hash: number, bits: number): number {
  return Math.imul(hash ^ bits, prime);
}

function hashOf(value: unknown, start: number = offsetBasis): number {
  let hash = start;
  if (typeof value === "string") {
    for (let i = 0; i < value.length; i++) hash = mix(hash, value.charCodeAt(i));
  } else if (typeof value === "number") {
    // The whole part, then the fraction.
    hash = mix(mix(hash, value), (value % 1) * 2 ** 32);
  } else if (value instanceof Uint8Array) {
    for (let i = 0; i < value.length; i++) hash = mix(hash, value[i]!);
  } else if (typeof value === "object" && value !== null) {
    // A sum, because the order of fields does not count.
    for (const key in value)
      hash = (hash + hashOf((value as Record<string, unknown>)[key], mix(start, key.length))) | 0;
  } else hash = mix(hash, value === true ? 1 : 2);
  return hash;
}

/** Whether two plain values are the same, numbers as `Object.is` says it. */
function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return isEqualBytes(a, b);
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

function isEqualBytes(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
