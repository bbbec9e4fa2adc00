/** Device memory of OpenCL. Commands that are enqueued keep the memory alive, so it may be released at once. */
import { InternalError } from "../../errors.ts";
import type { DeviceBuffer } from "../device.ts";
import type { Handle, OpenclApi } from "./bindings.ts";

export class OpenclBuffer implements DeviceBuffer {
  readonly #api: OpenclApi;
  readonly #onDestroy: (buffer: OpenclBuffer) => void;
  #handle: Handle | undefined;

  constructor(
    api: OpenclApi,
    handle: Handle,
    readonly sizeBytes: number,
    readonly label: string,
    onDestroy: (buffer: OpenclBuffer) => void,
    /** The device's own memory, where the host may write to it while no command uses it. */
    readonly memory?: Uint8Array,
  ) {
    this.#api = api;
    this.#handle = handle;
    this.#onDestroy = onDestroy;
  }

  get handle(): Handle {
    if (this.#handle === undefined) throw new InternalError(`opencl: buffer '${this.label}' was destroyed`);
    return this.#handle;
  }

  destroy(): void {
    if (this.#handle === undefined) return;
    this.#api.clReleaseMemObject(this.#handle);
    this.#handle = undefined;
    this.#onDestroy(this);
  }

  static of(buffer: DeviceBuffer): OpenclBuffer {
    if (buffer instanceof OpenclBuffer) return buffer;
    throw new InternalError("opencl: the buffer belongs to another device");
  }
}
