/** Device memory of WebGPU. Its size is rounded up to four bytes, the unit of copies. */
import { InternalError } from "../../errors.ts";
import type { DeviceBuffer } from "../device.ts";

export class WebgpuBuffer implements DeviceBuffer {
  readonly #gpu: GPUBuffer;
  readonly #onDestroy: (buffer: WebgpuBuffer) => void;
  #destroyed = false;

  constructor(
    gpu: GPUBuffer,
    readonly sizeBytes: number,
    readonly label: string,
    onDestroy: (buffer: WebgpuBuffer) => void,
  ) {
    this.#gpu = gpu;
    this.#onDestroy = onDestroy;
  }

  get gpu(): GPUBuffer {
    if (this.#destroyed) throw new InternalError(`webgpu: buffer '${this.label}' was destroyed`);
    return this.#gpu;
  }

  /** WebGPU keeps the memory until submitted work is done. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#gpu.destroy();
    this.#onDestroy(this);
  }

  static of(buffer: DeviceBuffer): WebgpuBuffer {
    if (buffer instanceof WebgpuBuffer) return buffer;
    throw new InternalError("webgpu: the buffer belongs to another device");
  }
}
