/**
 * A device: where buffers live and kernels run. Three implementations (WebGPU, OpenCL, embedded CPU) and
 * one executor that drives them through this interface alone.
 *
 * Order: `write`, `submit` and `read` take effect in the order they are called, whether or not earlier
 * ones were awaited (one in-order queue). So a caller that enqueues its write, submit and read without
 * awaiting in between may run concurrently with others on the same buffers.
 */
import type { KernelSource } from "../codegen/executable.ts";
import type { Target } from "../codegen/target.ts";
import type { WeightFiles } from "./weight-files.ts";

/** The embedded CPU (WebAssembly), WebGPU or OpenCL. */
export type DeviceKind = "cpu" | "webgpu" | "opencl";

/** Memory on a device. */
export interface DeviceBuffer {
  /** As asked for; the device may have rounded up. */
  readonly sizeBytes: number;
  /** Frees the memory once work enqueued before has finished. Calling it again does nothing. */
  destroy(): void;
}

/** What a device may want to know of a buffer. */
export interface BufferUse {
  /** The host writes it before most runs: worth having it where the host can write without asking. */
  readonly input?: boolean;
}

/** A kernel ready to run; made by and only usable with the same device. */
export interface CompiledKernel {
  readonly source: KernelSource;
  /**
   * Does ahead what would otherwise make the caller wait: `record` for the driver to take the code, the first runs
   * for code that an engine optimises as it runs, which is worth it only for kernels that run `often`.
   */
  load?(use: KernelUse): Promise<void>;
  /** Gives back what the driver holds for the kernel, until it is loaded again. Work recorded before may still run. */
  unload?(): void;
}

export type KernelUse = "once" | "often";

export type Command =
  | { readonly kind: "dispatch"; readonly kernel: CompiledKernel; readonly buffers: readonly DeviceBuffer[] }
  | {
      readonly kind: "copy";
      readonly source: DeviceBuffer;
      readonly destination: DeviceBuffer;
      readonly sizeBytes: number;
    };

/** Commands with everything that can be set up ahead (arguments, bind groups) set up; submitted any number of times. */
export interface CommandList {
  readonly commands: readonly Command[];
  /** Gives everything back; what was compiled for the device fails from then on. */
  dispose(): void;
}

/** Time of one dispatch on the device, in command order (copies are left out). */
export interface DispatchTiming {
  /** The kernel's name. */
  readonly kernel: string;
  /** On the device. */
  readonly elapsedMs: number;
}

/** How far compiling has come. */
export interface CompileProgress {
  /** Kernels that are ready. */
  readonly completed: number;
  /** All kernels. */
  readonly total: number;
  /** The one that became ready. */
  readonly kernel: string;
  /** The kernel came from a cache. */
  readonly cached: boolean;
  /** What went wrong without harm, e.g. that the cache on disk could not be written. */
  readonly note?: string | undefined;
}

/** Where a buffer lies in a file. */
export interface FilePart {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly label: string;
}

/** Of a device whose memory is the host's: buffers may lie in files. */
export interface DeviceFiles {
  readonly store: WeightFiles;
  /** Hands out a buffer's first bytes in parts, each good until the next, after everything enqueued before. */
  copyOut(buffer: DeviceBuffer, sizeBytes: number, take: (part: Uint8Array) => void): void;
  /**
   * Buffers over parts of an open file, which may be closed and deleted then, but not changed. They take memory
   * once something reads them, and what is written to them is seen by this device alone. undefined where the
   * system refuses. Offsets are multiples of 128.
   */
  map(descriptor: number, sizeBytes: number, parts: readonly FilePart[]): readonly DeviceBuffer[] | undefined;
}

/** An open device. `openDevice` gives one; `compile` takes it. */
export interface Device {
  /** Which of the three it is. */
  readonly kind: DeviceKind;
  /** As its driver names it. */
  readonly name: string;
  /** What besides the name decides how fast kernels are: the driver or engine and its version, a line of text. */
  readonly driver: string;
  /** What the compiler knows of it. */
  readonly target: Target;
  /** Set once the device is lost or disposed; every later call throws a `device-lost` or `disposed` UserError with this reason. */
  readonly lost: string | undefined;
  /**
   * undefined where buffers cannot lie in files, or nothing is to be kept.
   * @internal
   */
  readonly files?: DeviceFiles | undefined;
  /** Fails with an `out-of-memory` UserError naming the size and the limit. Contents start undefined. */
  allocate(sizeBytes: number, label: string, use?: BufferUse): DeviceBuffer;
  /** Copies `data` to `buffer`, from byte `offset` (0 unless given; a multiple of 4); `data` may be reused at once. */
  write(buffer: DeviceBuffer, data: ArrayBufferView, offset?: number): void;
  /** The first `sizeBytes` bytes, as they are after everything enqueued before. */
  read(buffer: DeviceBuffer, sizeBytes: number): Promise<ArrayBuffer>;
  /**
   * Compiles all kernels, in parallel where the driver allows, identical ones once. Fails with a
   * `kernel-rejected` UserError that carries the driver's log, the kernel's name and its source.
   */
  compile(
    kernels: readonly KernelSource[],
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<readonly CompiledKernel[]>;
  /** @internal */
  record(commands: readonly Command[]): CommandList;
  /** Enqueues the list as one submission. With `profile`, resolves when it has finished, with one timing a dispatch; without, at once, with none. */
  submit(list: CommandList, options?: { readonly profile?: boolean }): Promise<readonly DispatchTiming[]>;
  /** Resolves when everything enqueued has finished. */
  finish(): Promise<void>;
  /** Gives everything back; what was compiled for the device fails from then on. */
  dispose(): Promise<void>;
}
