/**
 * Divides a range of addresses among buffers. In: sizes to allocate, addresses to free. Out: addresses that
 * are multiples of 64 (a cache line), never overlapping. Best fit: the smallest free block that is large
 * enough, so large blocks stay whole; neighbours that are both free become one block.
 */
import { InternalError } from "../../errors.ts";

export const alignmentBytes = 64;

interface FreeBlock {
  readonly address: number;
  readonly sizeBytes: number;
}

export class MemoryAllocator {
  /** By address; no two touch. */
  #free: readonly FreeBlock[];
  readonly #used = new Map<number, number>();
  #end: number;

  /** Manages [start, end). */
  constructor(start: number, end: number) {
    this.#end = end;
    const address = roundUp(start);
    this.#free = end > address ? [{ address, sizeBytes: end - address }] : [];
  }

  get usedBytes(): number {
    return [...this.#used.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  }

  get end(): number {
    return this.#end;
  }

  /** The address of `sizeBytes` bytes, or undefined where no free block is large enough. */
  allocate(sizeBytes: number): number | undefined {
    const needed = roundUp(Math.max(sizeBytes, 1));
    let best: FreeBlock | undefined;
    for (const block of this.#free)
      if (block.sizeBytes >= needed && (best === undefined || block.sizeBytes < best.sizeBytes)) best = block;
    if (best === undefined) return undefined;
    const { address } = best;
    const rest = { address: address + needed, sizeBytes: best.sizeBytes - needed };
    this.#free = this.#free.flatMap((block) => {
      if (block !== best) return [block];
      return rest.sizeBytes > 0 ? [rest] : [];
    });
    this.#used.set(address, needed);
    return address;
  }

  free(address: number): void {
    const sizeBytes = this.#used.get(address);
    if (sizeBytes === undefined)
      throw new InternalError(`memory-allocator: nothing is allocated at ${address}`);
    this.#used.delete(address);
    this.#insert({ address, sizeBytes });
  }

  /** Adds [end, newEnd). */
  growTo(newEnd: number): void {
    if (newEnd <= this.#end) return;
    this.#insert({ address: this.#end, sizeBytes: newEnd - this.#end });
    this.#end = newEnd;
  }

  /** How far the end must move for `sizeBytes` to fit: a free block at the end counts. */
  shortageBytes(sizeBytes: number): number {
    const last = this.#free[this.#free.length - 1];
    const atEnd = last !== undefined && last.address + last.sizeBytes === this.#end ? last.sizeBytes : 0;
    return Math.max(0, roundUp(Math.max(sizeBytes, 1)) - atEnd);
  }

  #insert(block: FreeBlock): void {
    const merged: FreeBlock[] = [];
    const sorted = [...this.#free, block].sort((a, b) => a.address - b.address);
    for (const next of sorted) {
      const last = merged[merged.length - 1];
      if (last !== undefined && last.address + last.sizeBytes === next.address)
        merged[merged.length - 1] = { address: last.address, sizeBytes: last.sizeBytes + next.sizeBytes };
      else merged.push(next);
    }
    this.#free = merged;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}
