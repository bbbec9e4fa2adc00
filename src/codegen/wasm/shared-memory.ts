/**
 * A kernel's module for a memory that threads share. In: a module of `writeWasm`, and the memory's largest
 * size. Out: the same module, importing a shared memory. So one executable serves devices with and without
 * threads. What is no such module comes back as it is; the engine says what is wrong with it.
 */
import { importSection } from "./encoder.ts";

const importSectionId = 2;
/** Magic number and version. */
const headerBytes = 8;

export function withSharedMemory(module: Uint8Array, maxPages: number): Uint8Array {
  for (let start = headerBytes; start < module.length;) {
    const size = readUnsigned(module, start + 1);
    const end = size.end + size.value;
    if (module[start] === importSectionId) {
      const section = importSection({ shared: true, maxPages });
      const result = new Uint8Array(start + section.length + module.length - end);
      result.set(module.subarray(0, start));
      result.set(section, start);
      result.set(module.subarray(end), start + section.length);
      return result;
    }
    start = end;
  }
  return module;
}

/** LEB128. */
function readUnsigned(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value, end: at };
  }
}
