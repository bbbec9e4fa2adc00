/** Buffers of a device that is this process (PoCL), in files that are mapped. */
import type { DeviceBuffer, DeviceFiles, FilePart } from "../device.ts";
import type { WeightFiles } from "../weight-files.ts";
import type { FileMapping } from "./file-mapping.ts";

/** Copied out of a buffer at a time. */
const partBytes = 2 ** 18;

/** Memory of this process that a buffer lies in. */
export interface HostMemory {
  readonly address: bigint;
  /** Where the host may write to it while no command uses it. */
  readonly memory?: Uint8Array;
  /** Called when the buffer is gone and no command uses its memory any more. */
  readonly release: () => void;
}

/** What it takes of the device. */
export interface FilesHost {
  /** Fills `bytes` from the buffer, after everything enqueued before. */
  readNow(buffer: DeviceBuffer, offset: number, bytes: Uint8Array): void;
  createBuffer(sizeBytes: number, label: string, host: HostMemory): DeviceBuffer;
}

export class OpenclFiles implements DeviceFiles {
  readonly #mapping: FileMapping;
  readonly #host: FilesHost;

  constructor(
    readonly store: WeightFiles,
    mapping: FileMapping,
    host: FilesHost,
  ) {
    this.#mapping = mapping;
    this.#host = host;
  }

  copyOut(buffer: DeviceBuffer, sizeBytes: number, take: (part: Uint8Array) => void): void {
    const memory = new Uint8Array(new ArrayBuffer(Math.min(sizeBytes, partBytes)));
    for (let offset = 0; offset < sizeBytes; offset += memory.length) {
      const part = memory.subarray(0, Math.min(memory.length, sizeBytes - offset));
      this.#host.readNow(buffer, offset, part);
      take(part);
    }
  }

  map(
    descriptor: number,
    sizeBytes: number,
    parts: readonly FilePart[],
  ): readonly DeviceBuffer[] | undefined {
    const start = this.#mapping.map(descriptor, sizeBytes);
    if (start === undefined) return undefined;
    let users = 1;
    const release = (): void => {
      if (--users === 0) this.#mapping.unmap(start, sizeBytes);
    };
    const buffers: DeviceBuffer[] = [];
    try {
      for (const { offset, sizeBytes: size, label } of parts) {
        const host = { address: start + BigInt(offset), release };
        buffers.push(this.#host.createBuffer(size, label, host));
        users++;
      }
      return buffers;
    } catch (error) {
      for (const buffer of buffers) buffer.destroy();
      throw error;
    } finally {
      release();
    }
  }
}
