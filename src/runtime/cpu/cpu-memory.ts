/**
 * The memory that all buffers of an embedded CPU device share. In: sizes. Out: addresses, and views of bytes
 * there. It grows as needed; growing replaces the array buffer, so views are for immediate use.
 */
import { guardBytes, pageBytes } from "../../codegen/wasm/abi.ts";
import { UserError } from "../../errors.ts";
import { MemoryAllocator } from "./memory-allocator.ts";

/** WebAssembly addresses have 32 bits. */
const largestMemoryPages = 65536;
/** Memory grows by at least this, because each growth replaces the array buffer. */
const growthPages = 256;

export class CpuMemory {
  readonly #allocator: MemoryAllocator;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly maximumPages: number,
    readonly shared: boolean,
  ) {
    this.#allocator = new MemoryAllocator(guardBytes, memory.buffer.byteLength);
  }

  /**
   * For at most `maxBytes` of buffers; shared if threads are to use it. Hosts may refuse to reserve the whole
   * range (32-bit ones do); half of it may do.
   */
  static create(maxBytes: number, shared: boolean): CpuMemory {
    const wantedPages = Math.ceil(maxBytes / pageBytes) + guardBytes / pageBytes;
    const maximumPages = Math.min(wantedPages, largestMemoryPages);
    const initial = Math.min(guardBytes / pageBytes + 1, maximumPages);
    for (let maximum = maximumPages; ; maximum = Math.floor(maximum / 2)) {
      try {
        return new CpuMemory(new WebAssembly.Memory({ initial, maximum, shared }), maximum, shared);
      } catch (cause) {
        if (maximum / 2 >= initial) continue;
        const message = "The host refused a WebAssembly memory of any size.";
        throw new UserError("out-of-memory", message, {}, { cause });
      }
    }
  }

  get usedBytes(): number {
    return this.#allocator.usedBytes;
  }

  get limitBytes(): number {
    return this.maximumPages * pageBytes - guardBytes;
  }

  /** undefined where there is no room. */
  allocate(sizeBytes: number): number | undefined {
    return this.#allocator.allocate(sizeBytes) ?? this.#allocateGrown(sizeBytes);
  }

  free(address: number): void {
    this.#allocator.free(address);
  }

  bytesAt(address: number, sizeBytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, sizeBytes);
  }

  copy(source: number, destination: number, sizeBytes: number): void {
    new Uint8Array(this.memory.buffer).copyWithin(destination, source, source + sizeBytes);
  }

  #allocateGrown(sizeBytes: number): number | undefined {
    const needed = Math.ceil(this.#allocator.shortageBytes(sizeBytes) / pageBytes);
    const available = this.maximumPages - this.#allocator.end / pageBytes;
    if (needed > available) return undefined;
    for (const pages of [Math.min(Math.max(needed, growthPages), available), needed]) {
      try {
        this.memory.grow(pages);
      } catch {
        continue; // The host has no memory left for this much.
      }
      this.#allocator.growTo(this.memory.buffer.byteLength);
      return this.#allocator.allocate(sizeBytes);
    }
    return undefined;
  }
}
