/**
 * Files as memory (POSIX `mmap`): pages are read when something touches them, may leave memory again, and are
 * shared by the processes that map the file. What this process writes to them it keeps for itself.
 */
import type { Handle } from "./bindings.ts";

export interface FileMapping {
  /** Where the file's first `sizeBytes` bytes now lie; undefined where the system refuses. The file may be closed. */
  map(descriptor: number, sizeBytes: number): bigint | undefined;
  unmap(address: bigint, sizeBytes: number): void;
}

/** Binds a function of the C library. */
export type BindNative = (name: string, result: string, parameters: readonly string[]) => unknown;

/** The same numbers on Linux and macOS. */
const [PROT_READ, PROT_WRITE, MAP_PRIVATE] = [1, 2, 2];
const MAP_FAILED = 2n ** 64n - 1n;

/** undefined where there is no `mmap`. */
export function bindFileMapping(bind: BindNative): FileMapping | undefined {
  if (process.platform === "win32") return undefined;
  const mmap = bind("mmap", "uintptr_t", ["uintptr_t", "size_t", "int", "int", "int", "int64_t"]) as (
    ...args: readonly number[]
  ) => Handle;
  const munmap = bind("munmap", "int", ["uintptr_t", "size_t"]) as (address: Handle, size: number) => number;
  return {
    map(descriptor, sizeBytes) {
      const address = BigInt(mmap(0, sizeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0));
      return address === MAP_FAILED ? undefined : address;
    },
    unmap(address, sizeBytes) {
      munmap(address, sizeBytes);
    },
  };
}
