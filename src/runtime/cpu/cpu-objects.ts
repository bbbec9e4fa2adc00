/** What the embedded CPU device hands out: buffers, kernels, recorded commands. All of it belongs to one device. */
import type { KernelSource } from "../../codegen/executable.ts";
import type { Command, CommandList, CompiledKernel, Device, DeviceBuffer, KernelUse } from "../device.ts";
import type { KernelFunction } from "./kernel-function.ts";

export class CpuBuffer implements DeviceBuffer {
  #destroyed = false;

  constructor(
    readonly device: Device,
    readonly address: number,
    readonly sizeBytes: number,
    readonly label: string,
    readonly release: () => void,
  ) {}

  get destroyed(): boolean {
    return this.#destroyed;
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.release();
  }
}

/** Threads know a function by its number. */
export interface NumberedFunction {
  readonly number: number;
  readonly kernelFunction: KernelFunction;
}

export class CpuKernel implements CompiledKernel {
  #use: KernelUse | undefined;

  constructor(
    readonly device: Device,
    readonly source: KernelSource,
    readonly numbered: NumberedFunction,
  ) {}

  /** Nothing but the preparation of weights has asked for it. */
  get isForPreparing(): boolean {
    return this.#use === "once";
  }

  async load(use: KernelUse): Promise<void> {
    if (this.#use !== "often") this.#use = use;
    if (use === "often") this.numbered.kernelFunction.warm();
  }
}

export interface PreparedDispatch {
  readonly kernel: CpuKernel;
  readonly buffers: readonly CpuBuffer[];
  readonly addresses: readonly number[];
  /** All threads take part. */
  readonly divided: boolean;
}

export class CpuCommandList implements CommandList {
  #disposed = false;

  /** `prepared[i]` is undefined where `commands[i]` is a copy. */
  constructor(
    readonly commands: readonly Command[],
    readonly prepared: readonly (PreparedDispatch | undefined)[],
  ) {}

  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
  }
}
