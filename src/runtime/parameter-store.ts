/**
 * Device copies of a module's parameters and state, one a device, shared by every program that uses them: what
 * a training step wrote is what the next evaluation reads. Versions tell programs when to prepare again.
 */
import { deviceBytes } from "../codegen/device-bytes.ts";
import type { DType } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { elementCount } from "../ir/shape.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { graphDType, graphTensor } from "../ir/trace.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import { readTensor } from "./device-tensor.ts";

export class DeviceParameter {
  readonly buffer: DeviceBuffer;
  readonly #device: Device;
  readonly #stored: Stored;
  readonly #name: string;
  #hostVersion = -1;
  #version = 0;
  users = 0;

  constructor(device: Device, stored: Stored, name: string) {
    this.buffer = device.allocate(Math.max(elementCount(stored.shape) * 4, 4), name);
    this.#device = device;
    this.#stored = stored;
    this.#name = name;
  }

  /** Grows whenever the device's value changes. */
  get version(): number {
    return this.#version;
  }

  /** Uploads the host's value if it was assigned since the last upload. */
  refresh(): void {
    if (this.#stored.version === this.#hostVersion) return;
    this.#device.write(this.buffer, deviceBytes(graphTensor(this.#stored.value, this.#name)));
    this.#hostVersion = this.#stored.version;
    this.#version++;
  }

  /** The value as it is on the device, with the dtype it has there. */
  async read(): Promise<HostTensor<DType>> {
    return readTensor(this.#device, this.buffer, graphDType(this.#stored.dtype), this.#stored.shape);
  }

  /** A run has written the device's value. */
  markWritten(): void {
    this.#version++;
  }
}

const stores = new WeakMap<Device, WeakMap<Stored, DeviceParameter>>();

/** The device's copy of `stored`, for one more user; `name` is for error messages. */
export function acquireParameter(device: Device, stored: Stored, name: string): DeviceParameter {
  let store = stores.get(device);
  if (store === undefined) stores.set(device, (store = new WeakMap<Stored, DeviceParameter>()));
  let parameter = store.get(stored);
  if (parameter === undefined) {
    parameter = new DeviceParameter(device, stored, name);
    store.set(stored, parameter);
  }
  parameter.users++;
  return parameter;
}

/** The device's copy, if any program there uses `stored`. */
export function findParameter(device: Device, stored: Stored): DeviceParameter | undefined {
  return stores.get(device)?.get(stored);
}

/** Frees the device's copy with its last user. What a device computed and nobody read is lost then. */
export function releaseParameter(device: Device, stored: Stored): void {
  const store = stores.get(device);
  const parameter = store?.get(stored);
  if (parameter === undefined || --parameter.users > 0) return;
  parameter.buffer.destroy();
  store!.delete(stored);
}
