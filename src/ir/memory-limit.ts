/**
 * The memory that a caller allows, and what is counted against it: what passes it is refused by name before it is
 * allocated. A file of a hundred bytes may ask for gigabytes, and means it, so there is no limit unless one is given.
 */
import { UserError } from "../errors.ts";

/** @throws UserError (`argument`) unless it is a number of bytes */
export function checkMemoryLimit(asked: string, limitBytes: unknown): void {
  if (limitBytes === undefined || limitBytes === Infinity) return;
  if (typeof limitBytes !== "number" || !(limitBytes >= 0))
    throw new UserError(
      "argument",
      `${asked}: memoryLimitBytes is a number of bytes, such as 2 ** 30; got ${String(limitBytes)}.`,
    );
}

/** @param what asks for so many bytes, and what there is besides */
export function failMemoryLimit(what: string, limitBytes: number): never {
  throw new UserError(
    "out-of-memory",
    `${what}; memoryLimitBytes allows ${limitBytes}. Raise it if the model is to be trusted, or choose smaller shapes.`,
  );
}

/** Counts what the host keeps. */
export class MemoryCount {
  readonly limitBytes: number;
  #bytes = 0;

  constructor(limitBytes = Infinity) {
    this.limitBytes = limitBytes;
  }

  /** @throws UserError (`out-of-memory`) where it is too much, together with what was counted before */
  add(bytes: number, what: string): void {
    const before = this.#bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.limitBytes)
      failMemoryLimit(
        `${what} takes ${bytes} bytes of host memory, beside ${before} before it`,
        this.limitBytes,
      );
  }
}
