/**
 * Reads files of folders that anyone may have put anything into: what is no plain file (a pipe, a device, a folder, a
 * link) is not opened, so nothing hangs, and what is longer than it can be is not read. Node only.
 */
import type { FileHandle } from "node:fs/promises";

type FileSystem = typeof import("node:fs/promises");

/** The file, open for reading, and its size; undefined where there is no plain file that can be read. */
export async function openPlainFile(
  fs: FileSystem,
  path: string,
): Promise<{ readonly handle: FileHandle; readonly sizeBytes: number } | undefined> {
  // Opening a device may do something already. What is put in its place meanwhile is caught by the second look.
  const before = await fs.lstat(path).catch(() => undefined);
  if (before?.isFile() !== true) return undefined;
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;
  const handle = await fs.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW).catch(() => undefined);
  const stat = await handle?.stat().catch(() => undefined);
  if (handle !== undefined && stat?.isFile() === true) return { handle, sizeBytes: stat.size };
  await handle?.close().catch(() => undefined);
  return undefined;
}

/** `length` bytes from `position` on; undefined where there are fewer. */
export async function readFully(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}

/** All of a plain file of at most so many bytes; undefined where there is none. */
export async function readPlainFile(
  fs: FileSystem,
  path: string,
  mostBytes: number,
): Promise<Buffer | undefined> {
  const file = await openPlainFile(fs, path);
  if (file === undefined) return undefined;
  try {
    return file.sizeBytes > mostBytes ? undefined : await readFully(file.handle, 0, file.sizeBytes);
  } finally {
    await file.handle.close();
  }
}
