/**
 * Bytes that are read when they are asked for. Weights are most of a model: those of a file that stays on disk
 * are in memory only while someone looks at them.
 */

export interface ByteSource {
  readonly byteLength: number;
  /** All of them: a view where they lie in memory, read anew where they lie in a file. */
  read(): Uint8Array;
  /** All of them, in order, in parts; a part is good until the next is asked for. */
  parts(): Iterable<Uint8Array>;
  /** The bytes from `start` to before `end`, which lie inside. */
  slice(start: number, end: number): ByteSource;
}

export class MemoryBytes implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  read(): Uint8Array {
    return this.#bytes;
  }

  parts(): Iterable<Uint8Array> {
    return [this.#bytes];
  }

  slice(start: number, end: number): MemoryBytes {
    return new MemoryBytes(this.#bytes.subarray(start, end));
  }
}
