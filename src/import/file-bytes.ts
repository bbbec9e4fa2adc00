/**
 * Bytes of a file on disk, read when they are asked for and not kept (Node only). Nothing stays open: each reading
 * opens the file, sees that it is still the one that was imported, and closes it.
 */
import { UserError } from "../errors.ts";
import type { ByteSource } from "../ir/byte-source.ts";

type FileSystem = typeof import("node:fs");

/** Bytes of a part, and of what is read at a time: far more than a system call costs. */
const partBytes = 2 ** 20;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  EACCES: "permission is denied",
};

/** Does `work`; what the file system has against it is said as a `UserError`. */
export function reading<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const { code = "", message } = cause as NodeJS.ErrnoException;
    throw new UserError("argument", `cannot read ${what}: ${reasons[code] ?? message}.`, {}, { cause });
  }
}

class OpenedFile {
  readonly #fs: FileSystem;
  readonly #path: string;
  readonly #what: string;
  readonly #identity: string;
  /** Memory for parts that nobody looks at now. */
  #idle: Uint8Array | undefined;
  readonly byteLength: number;

  constructor(fs: FileSystem, path: string, what: string) {
    this.#fs = fs;
    this.#path = path;
    this.#what = what;
    const stat = fs.statSync(path, { bigint: true });
    this.#identity = identityOf(stat);
    this.byteLength = Number(stat.size);
  }

  read(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - start);
    this.#whileOpen((file) => this.#fill(file, bytes, start));
    return bytes;
  }

  *parts(start: number, end: number): Generator<Uint8Array> {
    const memory = this.#idle ?? new Uint8Array(partBytes);
    this.#idle = undefined;
    try {
      for (let at = start; at < end; at += partBytes) {
        const part = memory.subarray(0, Math.min(partBytes, end - at));
        this.#whileOpen((file) => this.#fill(file, part, at));
        yield part;
      }
    } finally {
      this.#idle = memory;
    }
  }

  #whileOpen(work: (file: number) => void): void {
    reading(this.#what, () => {
      const { O_RDONLY, O_NONBLOCK = 0 } = this.#fs.constants;
      // Should a pipe have taken the file's place, opening it waits for nobody.
      const file = this.#fs.openSync(this.#path, O_RDONLY | O_NONBLOCK);
      try {
        if (identityOf(this.#fs.fstatSync(file, { bigint: true })) !== this.#identity) throw this.#changed();
        work(file);
      } finally {
        this.#fs.closeSync(file);
      }
    });
  }

  #fill(file: number, bytes: Uint8Array, start: number): void {
    for (let done = 0; done < bytes.length;) {
      const count = this.#fs.readSync(
        file,
        bytes,
        done,
        Math.min(bytes.length - done, partBytes),
        start + done,
      );
      if (count === 0) throw this.#changed();
      done += count;
    }
  }

  #changed(): UserError {
    return new UserError(
      "file-format",
      `${this.#what} has changed since the model was opened; weights are read from it when they are needed. Open it again, or import its bytes, which stay as they are.`,
    );
  }
}

/** A file that is written anew or replaced gets another one. */
function identityOf(stat: import("node:fs").BigIntStats): string {
  return [stat.dev, stat.ino, stat.size, stat.mtimeNs].join(" ");
}

export class FileBytes implements ByteSource {
  readonly #file: OpenedFile;
  readonly #start: number;
  readonly byteLength: number;

  private constructor(file: OpenedFile, start: number, byteLength: number) {
    this.#file = file;
    this.#start = start;
    this.byteLength = byteLength;
  }

  /**
   * All of a regular file.
   * @param what the file in messages
   * @throws UserError (`argument`) when it cannot be read
   */
  static open(fs: FileSystem, path: string, what: string): FileBytes {
    const file = reading(what, () => new OpenedFile(fs, path, what));
    return new FileBytes(file, 0, file.byteLength);
  }

  read(): Uint8Array {
    return this.#file.read(this.#start, this.#start + this.byteLength);
  }

  parts(): Iterable<Uint8Array> {
    return this.#file.parts(this.#start, this.#start + this.byteLength);
  }

  slice(start: number, end: number): FileBytes {
    return new FileBytes(this.#file, this.#start + start, end - start);
  }
}
