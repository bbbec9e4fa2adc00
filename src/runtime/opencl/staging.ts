/**
 * Copies of written data, kept until the device has read them: so that a write need not wait for the device,
 * and the caller may change the data at once. Their memory is used again for writes of the same size.
 */

/** Copies that may wait for the queue before writes block instead. */
const mostWaitingBytes = 64 * 2 ** 20;
/** Memory kept for later writes: inputs, as longer ones seldom wait (an idle device takes them at once). */
const mostKeptBytes = 2 ** 21;

export class Staging {
  /** By the number of the command that reads it. */
  readonly #waiting = new Map<number, Uint8Array>();
  readonly #kept: Uint8Array[] = [];
  /** What gives back the memory of buffers that are gone, with the last command that may use it. */
  #releases: { readonly release: () => void; readonly command: number }[] = [];
  #waitingBytes = 0;
  #keptBytes = 0;

  /** Whether there is room for a copy of this many bytes. */
  hasRoomFor(sizeBytes: number): boolean {
    return this.#waitingBytes + sizeBytes <= mostWaitingBytes;
  }

  /** A copy that stays until `release` is told of `command`. */
  copy(bytes: Uint8Array, command: number): Uint8Array {
    const at = this.#kept.findIndex((memory) => memory.length === bytes.length);
    let memory: Uint8Array;
    if (at >= 0) {
      memory = this.#kept.splice(at, 1)[0]!;
      this.#keptBytes -= memory.length;
    } else memory = new Uint8Array(new ArrayBuffer(bytes.length));
    memory.set(bytes);
    this.#waiting.set(command, memory);
    this.#waitingBytes += memory.length;
    return memory;
  }

  /** Has `release` called once `release` is told of `command`. */
  releaseAfter(command: number, release: () => void): void {
    this.#releases.push({ release, command });
  }

  /** The device is done with every command up to this one. */
  release(command: number): void {
    if (this.#releases.length > 0) this.#giveBackUpTo(command);
    for (const [key, memory] of this.#waiting) {
      if (key > command) continue;
      this.#waiting.delete(key);
      this.#waitingBytes -= memory.length;
      if (this.#keptBytes + memory.length > mostKeptBytes) continue;
      this.#kept.push(memory);
      this.#keptBytes += memory.length;
    }
  }

  clear(): void {
    this.#waiting.clear();
    this.#kept.length = 0;
    this.#giveBackUpTo(Infinity);
    this.#waitingBytes = this.#keptBytes = 0;
  }

  #giveBackUpTo(command: number): void {
    for (const held of this.#releases) if (held.command <= command) held.release();
    this.#releases = this.#releases.filter((held) => held.command > command);
  }
}
