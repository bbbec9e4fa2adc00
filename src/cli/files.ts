/** Files as the commands read and write them, but for models, which open themselves. */
import { readFileSync, writeFileSync } from "node:fs";
import { CommandLineError } from "./command-line-error.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EROFS: "the file system cannot be written to",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "permission is denied",
  ERR_FS_FILE_TOO_LARGE: "it is larger than 2 GiB; keep weights in external data",
};

export function readBytes(path: string): Uint8Array {
  return attempt(`cannot read '${path}'`, () => readFileSync(path));
}

export function writeBytes(path: string, content: Uint8Array | string): void {
  attempt(`cannot write '${path}'`, () => writeFileSync(path, content));
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new CommandLineError(`${what}: ${reasons[code] ?? message}.`);
  }
}
