/**
 * Device memory for what passes through while weights are prepared: buffers are used again for values of about
 * their size, and destroyed before any other is allocated. Allocators (glibc's, under OpenCL on CPUs) need more
 * than the hole that an aligned block left to place one of the same size, so freeing and allocating in turns
 * would take twice the memory.
 */
import type { Device, DeviceBuffer } from "./device.ts";

/** An idle buffer serves what fills at least this part of it. */
const leastFill = 1 / 2;

export class PassingMemory {
  readonly #device: Device;
  #idle: DeviceBuffer[] = [];
  #disposed = false;

  constructor(device: Device) {
    this.#device = device;
  }

  /** A buffer of at least `sizeBytes`; its contents are undefined. */
  take(sizeBytes: number, label: string): DeviceBuffer {
    const fits = this.#idle.filter(
      (buffer) => buffer.sizeBytes >= sizeBytes && buffer.sizeBytes * leastFill <= sizeBytes,
    );
    const [best] = fits.sort((a, b) => a.sizeBytes - b.sizeBytes);
    if (best !== undefined) {
      this.#idle = this.#idle.filter((buffer) => buffer !== best);
      return best;
    }
    this.#destroyIdle();
    return this.#device.allocate(sizeBytes, label);
  }

  /** Work that was enqueued may still use the buffer. */
  giveBack(buffer: DeviceBuffer): void {
    if (this.#disposed) buffer.destroy();
    else this.#idle.push(buffer);
  }

  /** Frees what is idle now, and what is given back later as soon as it is. */
  dispose(): void {
    this.#disposed = true;
    this.#destroyIdle();
  }

  #destroyIdle(): void {
    for (const buffer of this.#idle) buffer.destroy();
    this.#idle = [];
  }
}
