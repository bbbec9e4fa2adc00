/**
 * Device copies of a module's parameters and state, one a device, shared by every program that uses them: what
 * a training step wrote is what the next evaluation reads. Versions tell programs when to prepare again.
 *
 * A copy takes memory only while someone holds it: programs hold what their runs use, and the rest only while
 * they prepare. What the host's value can replace is freed then; what a device computed is kept.
 */
import { storedBytes } from "../codegen/device-bytes.ts";
import type { ByteSource } from "../ir/byte-source.ts";
import { graphDType } from "../ir/dtype.ts";
import { graphTensor } from "../ir/trace.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import { readTensor } from "./device-tensor.ts";
import type { PassingMemory } from "./passing-memory.ts";

export class DeviceParameter {
  readonly #device: Device;
  readonly #stored: Stored;
  readonly #name: string;
  #buffer: DeviceBuffer | undefined;
  #release: () => void = () => undefined;
  /** The host's version that was last looked at. */
  #hostVersion = -1;
  #version = 0;
  /** The device's value is newer than the host's. */
  #isWritten = false;
  #holders = 0;
  /** Programs that know it. */
  users = 0;

  constructor(device: Device, stored: Stored, name: string) {
    this.#device = device;
    this.#stored = stored;
    this.#name = name;
  }

  /** Grows whenever the value that programs see changes. */
  get version(): number {
    return this.#version;
  }

  /** The host's value as it lies on the device; undefined where a run has written a newer one there. */
  get hostContents(): ByteSource | undefined {
    this.refresh();
    return this.#isWritten ? undefined : storedBytes(this.#stored, this.#name);
  }

  /**
   * A buffer with the current value, until `letGo` is called as often.
   * @param passing where its memory comes from, and goes to, if it has none yet
   */
  hold(passing?: PassingMemory): DeviceBuffer {
    this.refresh();
    if (this.#buffer === undefined) {
      const bytes = storedBytes(this.#stored, this.#name);
      const sizeBytes = Math.max(Math.ceil(bytes.byteLength / 4) * 4, 4);
      const buffer = passing?.take(sizeBytes, this.#name) ?? this.#device.allocate(sizeBytes, this.#name);
      this.#buffer = buffer;
      this.#release = () => (passing === undefined ? buffer.destroy() : passing.giveBack(buffer));
      this.#write(buffer, bytes);
    }
    this.#holders++;
    return this.#buffer;
  }

  letGo(): void {
    this.#holders--;
    if (this.#holders === 0 && !this.#isWritten) this.free();
  }

  /** Takes over the host's value if it was assigned since the last look. */
  refresh(): void {
    if (this.#stored.version === this.#hostVersion) return;
    if (this.#holders === 0) this.free();
    if (this.#buffer !== undefined) this.#write(this.#buffer, storedBytes(this.#stored, this.#name));
    this.#isWritten = false;
    this.#hostVersion = this.#stored.version;
    this.#version++;
  }

  /** The value that programs see, in memory of its own; f16 as it is, all else with the dtype it has in graphs. */
  async read(): Promise<HostTensor> {
    const { dtype, shape } = this.#stored;
    // No run writes f16, so the host's value is the device's.
    if (dtype === "f16") return { dtype, shape, data: this.#stored.value.data.slice() } as HostTensor;
    if (this.#buffer !== undefined) return readTensor(this.#device, this.#buffer, graphDType(dtype), shape);
    const known = graphTensor(this.#stored.value, this.#name);
    return { ...known, data: known.data.slice() } as HostTensor;
  }

  /** A run has written the device's value. */
  markWritten(): void {
    this.#version++;
    this.#isWritten = true;
  }

  free(): void {
    this.#release();
    this.#release = () => undefined;
    this.#buffer = undefined;
  }

  #write(buffer: DeviceBuffer, bytes: ByteSource): void {
    let offset = 0;
    for (const part of bytes.parts()) {
      if (part.byteLength > 0) this.#device.write(buffer, part, offset);
      offset += part.byteLength;
    }
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
  parameter.free();
  store!.delete(stored);
}
