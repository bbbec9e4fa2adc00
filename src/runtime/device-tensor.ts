/** A result that stays on its device, to be read later or fed to another run on the same device. */
import { UserError } from "../errors.ts";
import { declaredTensor } from "../ir/declared-tensor.ts";
import { deviceElementBytes, graphDType, type DType, type HostDType } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { elementCount, type Shape } from "../ir/shape.ts";
import type { Device, DeviceBuffer } from "./device.ts";

/** A result that stays on its device, of a run with `keepOnDevice`: an input of other runs on the same device, or to be read. Whoever got it disposes it. */
export class DeviceTensor {
  #memory: SharedMemory | undefined;

  /** @internal */
  constructor(
    /** Where it is. */
    readonly device: Device,
    memory: DeviceBuffer | SharedMemory,
    /** On the device elements are f32, i32, u32 or bool; `read` gives this dtype. */
    readonly dtype: HostDType,
    /** Sizes of its dimensions. */
    readonly shape: Shape,
  ) {
    this.#memory =
      memory instanceof SharedMemory ? memory : new SharedMemory(memory, (buffer) => buffer.destroy());
    this.#memory.users++;
  }

  /**
   * @throws UserError (`disposed`) after dispose()
   * @internal
   */
  get buffer(): DeviceBuffer {
    return this.#inUse.buffer;
  }

  /**
   * The same memory under another name, which keeps it when this one is disposed of.
   * @internal
   */
  shared(): DeviceTensor {
    return new DeviceTensor(this.device, this.#inUse, this.dtype, this.shape);
  }

  get #inUse(): SharedMemory {
    if (this.#memory === undefined)
      throw new UserError("disposed", "This device tensor was disposed; run again to get a new one.");
    return this.#memory;
  }

  /** A copy in host memory. */
  async read(): Promise<HostTensor> {
    return readTensor(this.device, this.buffer, this.dtype, this.shape);
  }

  /**
   * Gives the memory back. Runs that were given it before are not disturbed. The program that made it keeps up to 64 MiB
   * of such memory for its next results, until it is disposed of itself.
   */
  dispose(): void {
    this.#memory?.leave();
    this.#memory = undefined;
  }

  /** `using y = …` gives the memory back at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A buffer and those who use it; the last one gives it back. */
export class SharedMemory {
  users = 0;
  constructor(
    readonly buffer: DeviceBuffer,
    readonly giveBack: (buffer: DeviceBuffer) => void,
  ) {}

  leave(): void {
    if (--this.users === 0) this.giveBack(this.buffer);
  }
}

/** The host copy of a device buffer, in the dtype that was declared for it. The read is enqueued before this returns. */
export async function readTensor(
  device: Device,
  buffer: DeviceBuffer,
  dtype: HostDType,
  shape: Shape,
): Promise<HostTensor> {
  const count = elementCount(shape);
  const bytes = count === 0 ? new ArrayBuffer(0) : await device.read(buffer, count * deviceElementBytes);
  return declaredTensor(graphTensorOf(bytes, graphDType(dtype), shape), dtype);
}

function graphTensorOf(bytes: ArrayBuffer, dtype: DType, shape: Shape): HostTensor<DType> {
  switch (dtype) {
    case "f32":
      return { dtype, shape, data: new Float32Array(bytes) };
    case "i32":
      return { dtype, shape, data: new Int32Array(bytes) };
    case "u32":
      return { dtype, shape, data: new Uint32Array(bytes) };
    case "bool":
      return { dtype, shape, data: Uint8Array.from(new Uint32Array(bytes)) };
    default:
      return dtype satisfies never;
  }
}
