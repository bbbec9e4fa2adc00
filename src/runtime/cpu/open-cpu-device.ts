/**
 * The embedded CPU device: kernels as WebAssembly in the calling thread, all buffers in one WebAssembly
 * memory. It needs no driver and nothing of its host but WebAssembly, so it runs wherever JavaScript does.
 *
 * `submit` runs its commands before it returns; so the queue is always empty, and order is call order.
 */
import { wasmTarget, type Target } from "../../codegen/target.ts";
import { guardBytes, pageBytes } from "../../codegen/wasm/abi.ts";
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
import { compileKernelFunction, type KernelFunction } from "./kernel-function.ts";
import { MemoryAllocator } from "./memory-allocator.ts";

export interface CpuDeviceOptions {
  /** Most memory that all buffers together may take; at most 4 GiB, which is the default. */
  readonly maxMemoryBytes?: number;
}

/** WebAssembly addresses have 32 bits. */
const largestMemoryPages = 65536;
/** Memory grows by at least this, because each growth replaces the array buffer. */
const growthPages = 256;

/**
 * Opens the embedded CPU device. Fails with `device-unavailable` where the host has no WebAssembly SIMD.
 *
 *     const device = await openCpuDevice();
 *     const buffer = device.allocate(1024, "input");
 */
export async function openCpuDevice(options: CpuDeviceOptions = {}): Promise<Device> {
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(simdProbe))
    throw new UserError(
      "device-unavailable",
      "The embedded CPU device needs WebAssembly with 128-bit SIMD, which this JavaScript engine lacks. Update it (Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or later) or choose another device.",
    );
  const wantedPages = Math.ceil((options.maxMemoryBytes ?? Infinity) / pageBytes) + guardBytes / pageBytes;
  return new CpuDevice(createMemory(Math.min(wantedPages, largestMemoryPages)));
}

/** A function that makes a vector and drops it: `v128.const 0; drop`. */
const simdProbe = Uint8Array.from([
  0x00,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  0x60,
  0,
  0,
  3,
  2,
  1,
  0,
  10,
  23,
  1,
  21,
  0,
  0xfd,
  0x0c,
  ...Array<number>(16).fill(0),
  0x1a,
  0x0b,
]);

/** Hosts may refuse to reserve the whole range (32-bit ones do); half of it may do. */
function createMemory(maximumPages: number): {
  readonly memory: WebAssembly.Memory;
  readonly maximumPages: number;
} {
  const initial = Math.min(guardBytes / pageBytes + 1, maximumPages);
  for (let maximum = maximumPages; ; maximum = Math.floor(maximum / 2)) {
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum }), maximumPages: maximum };
    } catch (error) {
      if (maximum / 2 < initial)
        throw new UserError(
          "out-of-memory",
          "The host refused a WebAssembly memory of any size.",
          {},
          { cause: error },
        );
    }
  }
}

interface PreparedDispatch {
  readonly kernel: CpuKernel;
  readonly buffers: readonly CpuBuffer[];
  readonly addresses: readonly number[];
}

class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly name = "WebAssembly on the calling thread";
  readonly target: Target;
  #lost: string | undefined;
  readonly #memory: WebAssembly.Memory;
  readonly #maximumPages: number;
  readonly #allocator: MemoryAllocator;
  /** By the module's bytes. */
  readonly #functions = new Map<string, Promise<KernelFunction>>();

  constructor({ memory, maximumPages }: ReturnType<typeof createMemory>) {
    this.#memory = memory;
    this.#maximumPages = maximumPages;
    this.#allocator = new MemoryAllocator(guardBytes, memory.buffer.byteLength);
    this.target = Object.freeze({
      ...wasmTarget,
      maxBufferBytes: Math.min(wasmTarget.maxBufferBytes, maximumPages * pageBytes - guardBytes),
    });
  }

  get lost(): string | undefined {
    return this.#lost;
  }

  allocate(sizeBytes: number, label: string): DeviceBuffer {
    this.#requireOpen();
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0)
      throw new UserError("argument", `allocate: buffer '${label}' cannot have ${sizeBytes} bytes`);
    if (sizeBytes > this.target.maxBufferBytes)
      throw this.#outOfMemory(sizeBytes, label, `one buffer may have ${this.target.maxBufferBytes} bytes`);
    const address = this.#allocator.allocate(sizeBytes) ?? this.#allocateGrown(sizeBytes);
    if (address === undefined) {
      const limitBytes = this.#maximumPages * pageBytes - guardBytes;
      const used = this.#allocator.usedBytes;
      throw this.#outOfMemory(sizeBytes, label, `of at most ${limitBytes} bytes ${used} are in use`);
    }
    return new CpuBuffer(this, address, sizeBytes, label, () => {
      if (this.#lost === undefined) this.#allocator.free(address);
    });
  }

  write(buffer: DeviceBuffer, data: ArrayBufferView): void {
    this.#requireOpen();
    const { address } = this.#requireBuffer(buffer, data.byteLength, "write");
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.#memory.buffer, address, data.byteLength).set(bytes);
  }

  async read(buffer: DeviceBuffer, sizeBytes: number): Promise<ArrayBuffer> {
    this.#requireOpen();
    const { address } = this.#requireBuffer(buffer, sizeBytes, "read");
    const result = new ArrayBuffer(sizeBytes);
    new Uint8Array(result).set(new Uint8Array(this.#memory.buffer, address, sizeBytes));
    return result;
  }

  async compile(
    kernels: readonly KernelSource[],
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<readonly CompiledKernel[]> {
    this.#requireOpen();
    let completed = 0;
    return Promise.all(
      kernels.map(async (source) => {
        const { kernelFunction, cached } = this.#functionOf(source);
        const kernel = new CpuKernel(this, source, await kernelFunction);
        completed++;
        onProgress?.({ completed, total: kernels.length, kernel: source.name, cached });
        return kernel;
      }),
    );
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
      const { source, kernelFunction } = dispatch.kernel;
      const start = options.profile === true ? performance.now() : 0;
      kernelFunction.dispatch(source.groups, dispatch.addresses);
      if (options.profile === true)
        timings.push({ kernel: source.name, elapsedMs: performance.now() - start });
    });
    return timings;
  }

  async finish(): Promise<void> {
    this.#requireOpen();
  }

  async dispose(): Promise<void> {
    this.#lost ??= "it was disposed";
    this.#functions.clear();
  }

  #requireOpen(): void {
    if (this.#lost !== undefined)
      throw new UserError("disposed", `The embedded CPU device cannot be used any more: ${this.#lost}.`);
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
    return { kernel, buffers, addresses: buffers.map(({ address }) => address) };
  }

  #checkCopy(command: Command & { readonly kind: "copy" }): undefined {
    this.#requireBuffer(command.source, command.sizeBytes, "copy from");
    this.#requireBuffer(command.destination, command.sizeBytes, "copy to");
  }

  #copy(command: Command & { readonly kind: "copy" }): void {
    const { sizeBytes } = command;
    const source = this.#requireBuffer(command.source, sizeBytes, "copy from").address;
    const destination = this.#requireBuffer(command.destination, sizeBytes, "copy to").address;
    new Uint8Array(this.#memory.buffer).copyWithin(destination, source, source + sizeBytes);
  }

  #allocateGrown(sizeBytes: number): number | undefined {
    const needed = Math.ceil(this.#allocator.shortageBytes(sizeBytes) / pageBytes);
    const available = this.#maximumPages - this.#allocator.end / pageBytes;
    if (needed > available) return undefined;
    for (const pages of [Math.min(Math.max(needed, growthPages), available), needed]) {
      try {
        this.#memory.grow(pages);
      } catch {
        continue; // The host has no memory left for this much.
      }
      this.#allocator.growTo(this.#memory.buffer.byteLength);
      return this.#allocator.allocate(sizeBytes);
    }
    return undefined;
  }

  #outOfMemory(sizeBytes: number, label: string, limit: string): UserError {
    return new UserError(
      "out-of-memory",
      `The embedded CPU device cannot allocate ${sizeBytes} bytes for '${label}': ${limit}. Use a smaller batch, or dispose of what is no longer needed.`,
    );
  }

  #functionOf(source: KernelSource): {
    readonly kernelFunction: Promise<KernelFunction>;
    readonly cached: boolean;
  } {
    const { binary } = source;
    if (source.language !== "wasm" || binary === undefined)
      throw new UserError(
        "kernel-rejected",
        `Kernel '${source.name}' is ${source.language}; the embedded CPU device runs WebAssembly. Compile for its target.`,
      );
    const key = textOf(binary);
    const known = this.#functions.get(key);
    if (known !== undefined) return { kernelFunction: known, cached: true };
    const kernelFunction = compileKernelFunction(binary, this.#memory).catch((error: unknown) => {
      this.#functions.delete(key);
      throw new UserError(
        "kernel-rejected",
        `The WebAssembly engine rejected kernel '${source.name}': ${String(error)}\n${source.source}`,
        {},
        { cause: error },
      );
    });
    this.#functions.set(key, kernelFunction);
    return { kernelFunction, cached: false };
  }
}

/** All the bytes as a string, one character each: equal exactly where the bytes are. */
function textOf(binary: Uint8Array): string {
  const pieces: string[] = [];
  for (let start = 0; start < binary.length; start += 4096)
    pieces.push(String.fromCharCode(...binary.subarray(start, start + 4096)));
  return pieces.join("");
}

class CpuBuffer implements DeviceBuffer {
  #destroyed = false;

  constructor(
    readonly device: CpuDevice,
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

class CpuKernel implements CompiledKernel {
  constructor(
    readonly device: CpuDevice,
    readonly source: KernelSource,
    readonly kernelFunction: KernelFunction,
  ) {}
}

class CpuCommandList implements CommandList {
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
