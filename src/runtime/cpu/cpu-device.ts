/**
 * The embedded CPU device. `submit` runs its commands before it returns, on all threads of its pool where it
 * has one; so the queue is always empty, and order is call order.
 */
import { wasmTarget, type Target } from "../../codegen/target.ts";
import type { KernelSource } from "../../codegen/executable.ts";
import { UserError } from "../../errors.ts";
import type {
  Command,
  CommandList,
  CompiledKernel,
  CompileProgress,
  Device,
  DeviceBuffer,
  DispatchTiming,
} from "../device.ts";
import { Breather } from "../event-loop.ts";
import { KernelCache } from "../kernel-cache.ts";
import type { CpuMemory } from "./cpu-memory.ts";
import type { EngineFeatures } from "./engine-features.ts";
import {
  CpuBuffer,
  CpuCommandList,
  CpuKernel,
  type NumberedFunction,
  type PreparedDispatch,
} from "./cpu-objects.ts";
import { KernelBatch } from "./kernel-batch.ts";
import { compileKernels } from "./kernel-function.ts";
import type { ThreadPool } from "./thread-pool.ts";

/**
 * A dispatch whose buffers have fewer bytes than this runs on the calling thread: its work is a few
 * microseconds, about what other cores take to fetch what it reads.
 */
const smallDispatchBytes = 16384;

export interface CpuThreads {
  readonly pool?: ThreadPool | undefined;
  /** Why there is no pool, where one was wanted. */
  readonly without?: string | undefined;
}

export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly name: string;
  readonly driver: string;
  readonly target: Target;
  #disposed = false;
  readonly #memory: CpuMemory;
  readonly #pool: ThreadPool | undefined;
  readonly #breather = new Breather();
  /** By the module's bytes. */
  readonly #functions = new KernelCache<Uint8Array, NumberedFunction>();
  #functionCount = 0;

  constructor(memory: CpuMemory, features: EngineFeatures, threads: CpuThreads, engine = "unknown") {
    this.#memory = memory;
    this.#pool = threads.pool;
    this.name = nameOf(features, threads);
    this.driver = engine;
    this.target = Object.freeze({
      ...wasmTarget,
      maxBufferBytes: Math.min(wasmTarget.maxBufferBytes, memory.limitBytes),
      fusedMultiplyAdd: features.fusedMultiplyAdd,
      computeUnits: threads.pool?.threads ?? 1,
    });
  }

  get lost(): string | undefined {
    return this.#disposed ? "it was disposed" : this.#pool?.failure;
  }

  allocate(sizeBytes: number, label: string): DeviceBuffer {
    this.#requireOpen();
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0)
      throw new UserError("argument", `allocate: buffer '${label}' cannot have ${sizeBytes} bytes`);
    if (sizeBytes > this.target.maxBufferBytes)
      throw this.#outOfMemory(sizeBytes, label, `one buffer may have ${this.target.maxBufferBytes} bytes`);
    const address = this.#memory.allocate(sizeBytes);
    if (address === undefined) {
      const { limitBytes, usedBytes } = this.#memory;
      throw this.#outOfMemory(sizeBytes, label, `of at most ${limitBytes} bytes ${usedBytes} are in use`);
    }
    return new CpuBuffer(this, address, sizeBytes, label, () => {
      if (this.lost === undefined) this.#memory.free(address);
    });
  }

  write(buffer: DeviceBuffer, data: ArrayBufferView, offset = 0): void {
    this.#requireOpen();
    const { address } = this.#requireBuffer(buffer, offset + data.byteLength, "write");
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#memory.bytesAt(address + offset, data.byteLength).set(bytes);
  }

  async read(buffer: DeviceBuffer, sizeBytes: number): Promise<ArrayBuffer> {
    this.#requireOpen();
    const { address } = this.#requireBuffer(buffer, sizeBytes, "read");
    const result = new ArrayBuffer(sizeBytes);
    new Uint8Array(result).set(this.#memory.bytesAt(address, sizeBytes));
    return result;
  }

  async compile(
    kernels: readonly KernelSource[],
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<readonly CompiledKernel[]> {
    this.#requireOpen();
    let completed = 0;
    const batch = new KernelBatch((binaries) => this.#load(binaries));
    const compiling = kernels.map(async (source) => {
      const { compiled, shared } = await this.#functionOf(source, batch);
      completed++;
      onProgress?.({ completed, total: kernels.length, kernel: source.name, cached: shared });
      return new CpuKernel(this, source, compiled);
    });
    batch.start();
    return Promise.all(compiling);
  }

  record(commands: readonly Command[]): CommandList {
    this.#requireOpen();
    return new CpuCommandList(
      commands,
      commands.map((command) =>
        command.kind === "dispatch" ? this.#prepare(command) : this.#checkCopy(command),
      ),
    );
  }

  async submit(
    list: CommandList,
    options: { readonly profile?: boolean } = {},
  ): Promise<readonly DispatchTiming[]> {
    this.#requireOpen();
    if (!(list instanceof CpuCommandList) || list.disposed)
      throw new UserError("disposed", "submit: the command list was disposed or belongs to another device");
    const timings: DispatchTiming[] = [];
    list.commands.forEach((command, index) => {
      const dispatch = list.prepared[index];
      if (dispatch === undefined) {
        if (command.kind === "copy") this.#copy(command);
        return;
      }
      for (const buffer of dispatch.buffers) this.#requireBuffer(buffer, 0, dispatch.kernel.source.name);
      const start = options.profile === true ? performance.now() : 0;
      this.#run(dispatch);
      if (options.profile === true)
        timings.push({ kernel: dispatch.kernel.source.name, elapsedMs: performance.now() - start });
    });
    // The work is done: awaiting runs one after the other would never let a timer fire.
    await this.#breather.breathe();
    return timings;
  }

  async finish(): Promise<void> {
    this.#requireOpen();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#functions.clear();
    await this.#pool?.dispose();
  }

  #run({ kernel, addresses, divided }: PreparedDispatch): void {
    const { groups } = kernel.source;
    const { number, kernelFunction } = kernel.numbered;
    if (!divided || this.#pool === undefined) return kernelFunction.dispatch(groups, addresses);
    if (!kernel.isForPreparing) this.#pool.summonAll();
    this.#pool.run(number, kernelFunction.run, groups, addresses);
  }

  #requireOpen(): void {
    if (this.lost === undefined) return;
    const code = this.#disposed ? "disposed" : "device-lost";
    throw new UserError(code, `The embedded CPU device cannot be used any more: ${this.lost}.`);
  }

  #requireBuffer(buffer: DeviceBuffer, sizeBytes: number, user: string): CpuBuffer {
    if (!(buffer instanceof CpuBuffer) || buffer.device !== this)
      throw new UserError("argument", `${user}: the buffer belongs to another device`);
    if (buffer.destroyed) throw new UserError("disposed", `${user}: buffer '${buffer.label}' was destroyed`);
    if (sizeBytes > buffer.sizeBytes)
      throw new UserError(
        "argument",
        `${user}: buffer '${buffer.label}' has ${buffer.sizeBytes} bytes, ${sizeBytes} were asked for`,
      );
    return buffer;
  }

  #prepare(command: Command & { readonly kind: "dispatch" }): PreparedDispatch {
    const { kernel } = command;
    if (!(kernel instanceof CpuKernel) || kernel.device !== this)
      throw new UserError("argument", `record: kernel '${kernel.source.name}' belongs to another device`);
    const { name, buffers: expected } = kernel.source;
    if (expected.length !== command.buffers.length)
      throw new UserError(
        "argument",
        `record: kernel '${name}' takes ${expected.length} buffers, got ${command.buffers.length}`,
      );
    const buffers = command.buffers.map((buffer, k) =>
      this.#requireBuffer(buffer, expected[k]?.sizeBytes ?? 0, `kernel '${name}', buffer ${k}`),
    );
    const sizeBytes = expected.reduce((sum, buffer) => sum + buffer.sizeBytes, 0);
    const divided = kernel.source.groups > 1 && sizeBytes >= smallDispatchBytes;
    return { kernel, buffers, addresses: buffers.map(({ address }) => address), divided };
  }

  #checkCopy(command: Command & { readonly kind: "copy" }): undefined {
    this.#requireBuffer(command.source, command.sizeBytes, "copy from");
    this.#requireBuffer(command.destination, command.sizeBytes, "copy to");
  }

  #copy(command: Command & { readonly kind: "copy" }): void {
    const { sizeBytes } = command;
    const source = this.#requireBuffer(command.source, sizeBytes, "copy from").address;
    const destination = this.#requireBuffer(command.destination, sizeBytes, "copy to").address;
    this.#memory.copy(source, destination, sizeBytes);
  }

  #outOfMemory(sizeBytes: number, label: string, limit: string): UserError {
    return new UserError(
      "out-of-memory",
      `The embedded CPU device cannot allocate ${sizeBytes} bytes for '${label}': ${limit}. Use a smaller batch, or dispose of what is no longer needed.`,
    );
  }

  #functionOf(
    source: KernelSource,
    batch: KernelBatch,
  ): Promise<{
    readonly compiled: NumberedFunction;
    readonly shared: boolean;
  }> {
    const { binary } = source;
    if (source.language !== "wasm" || binary === undefined)
      throw new UserError(
        "kernel-rejected",
        `Kernel '${source.name}' is ${source.language}; the embedded CPU device runs WebAssembly. Compile for its target.`,
      );
    return this.#functions.compile(binary, async () => {
      try {
        return await batch.add(binary);
      } catch (cause) {
        this.#requireOpen();
        const message = `The WebAssembly engine rejected kernel '${source.name}': ${String(cause)}\n${source.source}`;
        throw new UserError("kernel-rejected", message, {}, { cause });
      }
    });
  }

  /** Ready when all threads have them. */
  async #load(binaries: readonly Uint8Array[]): Promise<readonly NumberedFunction[]> {
    const { module, functions } = await compileKernels(binaries, this.#memory);
    const numbered = functions.map((kernelFunction) => ({ number: this.#functionCount++, kernelFunction }));
    const names = numbered.map(({ number, kernelFunction }) => [number, kernelFunction.exportName] as const);
    await this.#pool?.addModule(module, names);
    return numbered;
  }
}

function nameOf({ fusedMultiplyAdd }: EngineFeatures, { pool, without }: CpuThreads): string {
  const threads = pool === undefined ? "the calling thread" : `${pool.threads} threads`;
  const reason = without === undefined ? "" : ` (${without})`;
  return `WebAssembly on ${threads}${fusedMultiplyAdd ? " with fused multiply-add" : ""}${reason}`;
}
