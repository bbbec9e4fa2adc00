/**
 * Device copies of a module's parameters and state, one a device, shared by every program that uses them: what
 * a training step wrote is what the next evaluation reads. Versions tell programs when to prepare again.
 */
import { deviceBytes } from "../codegen/device-bytes.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { graphTensor } from "../ir/trace.ts";
import type { Device, DeviceBuffer } from "./device.ts";

export class DeviceParameter {
  readonly buffer: DeviceBuffer;
  readonly #device: Device;
  readonly #stored: Stored;
  readonly #name: string;
  #hostVersion = -1;
  #version = 0;
  users = 0;

  constructor(device: Device, stored: Stored, name: string, sizeBytes: number) {
    this.buffer = device.allocate(sizeBytes, name);
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

  /** A run has written the device's value. */
  markWritten(): void {
    this.#version++;
  }
}

const stores = new WeakMap<Device, WeakMap<Stored, DeviceParameter>>();

export function acquireParameter(
  device: Device,
  stored: Stored,
  name: string,
  sizeBytes: number,
): DeviceParameter {
  let store = stores.get(device);
  if (store === undefined) stores.set(device, (store = new WeakMap<Stored, DeviceParameter>()));
  let parameter = store.get(stored);
  if (parameter === undefined) {
    parameter = new DeviceParameter(device, stored, name, sizeBytes);
    store.set(stored, parameter);
  }
  parameter.users++;
  return parameter;
}

export function releaseParameter(device: Device, stored: Stored): void {
  const store = stores.get(device);
  const parameter = store?.get(stored);
  if (parameter === undefined || --parameter.users > 0) return;
  parameter.buffer.destroy();
  store!.delete(stored);
}
