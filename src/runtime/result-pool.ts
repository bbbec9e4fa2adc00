/**
 * Buffers of results that stayed on the device and were disposed of, for the results of later runs. Devices work in the
 * order in which they are asked, so a buffer may be written again by what is enqueued later, without waiting; and an
 * allocator that gets nothing back until the device is done would take memory for every run that is ahead.
 */
import type { Device, DeviceBuffer } from "./device.ts";

/** What is kept for later. */
const mostBytes = 64 * 2 ** 20;

export class ResultPool {
  readonly #device: Device;
  readonly #free = new Map<number, DeviceBuffer[]>();
  #freeBytes = 0;
  #isOpen = true;

  constructor(device: Device) {
    this.#device = device;
  }

  take(sizeBytes: number, label: string): DeviceBuffer {
    const free = this.#free.get(sizeBytes)?.pop();
    if (free !== undefined) {
      this.#freeBytes -= sizeBytes;
      return free;
    }
    try {
      return this.#device.allocate(sizeBytes, label);
    } catch (error) {
      if (this.#freeBytes === 0) throw error;
      // What is kept of other sizes may be what is missing.
      this.#clear();
      return this.#device.allocate(sizeBytes, label);
    }
  }

  giveBack(buffer: DeviceBuffer): void {
    const { sizeBytes } = buffer;
    if (!this.#isOpen || this.#freeBytes + sizeBytes > mostBytes || this.#device.lost !== undefined) {
      buffer.destroy();
      return;
    }
    this.#freeBytes += sizeBytes;
    const free = this.#free.get(sizeBytes);
    if (free === undefined) this.#free.set(sizeBytes, [buffer]);
    else free.push(buffer);
  }

  dispose(): void {
    this.#isOpen = false;
    this.#clear();
  }

  #clear(): void {
    this.#freeBytes = 0;
    for (const buffers of this.#free.values()) for (const buffer of buffers) buffer.destroy();
    this.#free.clear();
  }
}
