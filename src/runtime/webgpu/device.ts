/**
 * The WebGPU device: one `GPUDevice` and its queue, the same in browsers and in Node. What the implementation
 * reports later than the call that caused it (validation errors, failed allocations, loss) is kept and thrown
 * by the next call that waits, so that nothing fails silently.
 */
import type { KernelSource } from "../../codegen/executable.ts";
import type { Target } from "../../codegen/target.ts";
import { InternalError, UserError } from "../../errors.ts";
import type {
  Command,
  CommandList,
  CompiledKernel,
  CompileProgress,
  Device,
  DeviceBuffer,
  DispatchTiming,
} from "../device.ts";
import { KernelCache } from "../kernel-cache.ts";
import { WebgpuBuffer } from "./buffer.ts";
import { WebgpuCommandList } from "./command-list.ts";
import { compilePipeline, WebgpuKernel } from "./kernel.ts";
import type { WebgpuPipeline } from "./kernel.ts";
import { DispatchTimestamps } from "./timestamps.ts";
import { bufferUsage, mapModeRead } from "./usage.ts";

/** What there is to say of the adapter that a device comes from. */
export type AdapterDescription = Pick<Device, "name" | "driver" | "target">;

export class WebgpuDevice implements Device {
  readonly kind = "webgpu";
  readonly name: string;
  readonly driver: string;
  readonly target: Target;
  /** For callers that share the device with code of their own; destroying it makes this device `lost`. */
  readonly gpu: GPUDevice;
  /** Only held: see `AdapterSearch`. */
  readonly instance: GPU;
  readonly #kernels = new KernelCache<KernelSource, WebgpuPipeline>();
  readonly #buffers = new Set<WebgpuBuffer>();
  #lost: { readonly code: "device-lost" | "disposed"; readonly reason: string } | undefined;
  #failure: Error | undefined;

  constructor(gpu: GPUDevice, { name, driver, target }: AdapterDescription, instance: GPU) {
    this.gpu = gpu;
    this.instance = instance;
    this.name = name;
    this.driver = driver;
    this.target = target;
    void gpu.lost.then((info) => {
      this.#lost ??= { code: "device-lost", reason: `the device was lost (${info.reason}): ${info.message}` };
    });
    gpu.onuncapturederror = ({ error }) => {
      this.#failure ??= new InternalError(`webgpu: ${error.message}`);
    };
  }

  get lost(): string | undefined {
    return this.#lost?.reason;
  }

  allocate(sizeBytes: number, label: string): DeviceBuffer {
    this.#usable();
    const limit = this.target.maxBufferBytes;
    const size = Math.max(4, Math.ceil(sizeBytes / 4) * 4);
    const failure = (why: string): UserError =>
      new UserError(
        "out-of-memory",
        `webgpu: cannot allocate ${sizeBytes} bytes for '${label}' on ${this.name}: ${why}`,
      );
    if (size > limit) throw failure(`one buffer may have ${limit} bytes`);
    this.gpu.pushErrorScope("out-of-memory");
    const usage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination;
    const gpu = this.gpu.createBuffer({ size, usage, label });
    this.gpu.popErrorScope().then(
      (error) => {
        if (error !== null) this.#failure ??= failure(`${error.message} (limit ${limit} bytes a buffer)`);
      },
      () => undefined, // The device is lost, which is reported as such.
    );
    const buffer = new WebgpuBuffer(gpu, sizeBytes, label, (gone) => this.#buffers.delete(gone));
    this.#buffers.add(buffer);
    return buffer;
  }

  write(buffer: DeviceBuffer, data: ArrayBufferView, offset = 0): void {
    this.#usable();
    const target = WebgpuBuffer.of(buffer);
    const size = data.byteLength;
    if (offset + size > target.sizeBytes)
      throw new InternalError(
        `webgpu: ${size} bytes written to '${target.label}' of ${target.sizeBytes}, from ${offset}`,
      );
    if (size === 0) return;
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, size);
    if (size % 4 === 0) {
      this.gpu.queue.writeBuffer(target.gpu, offset, bytes);
    } else {
      const padded = new Uint8Array(Math.ceil(size / 4) * 4);
      padded.set(bytes);
      this.gpu.queue.writeBuffer(target.gpu, offset, padded);
    }
  }

  async read(buffer: DeviceBuffer, sizeBytes: number): Promise<ArrayBuffer> {
    this.#usable();
    const source = WebgpuBuffer.of(buffer);
    if (sizeBytes > source.sizeBytes)
      throw new InternalError(
        `webgpu: ${sizeBytes} bytes read from '${source.label}' of ${source.sizeBytes}`,
      );
    if (sizeBytes === 0) return new ArrayBuffer(0);
    const size = Math.ceil(sizeBytes / 4) * 4;
    const readable = this.gpu.createBuffer({
      size,
      usage: bufferUsage.mapRead | bufferUsage.copyDestination,
    });
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(source.gpu, 0, readable, 0, size);
    this.gpu.queue.submit([encoder.finish()]);
    try {
      await this.#settle(readable.mapAsync(mapModeRead));
      return readable.getMappedRange().slice(0, sizeBytes);
    } finally {
      readable.destroy();
    }
  }

  async compile(
    kernels: readonly KernelSource[],
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<readonly CompiledKernel[]> {
    this.#usable();
    let completed = 0;
    const one = async (source: KernelSource): Promise<CompiledKernel> => {
      if (source.language !== "wgsl")
        throw new InternalError(`webgpu: kernel '${source.name}' is written in ${source.language}`);
      const { compiled, shared } = await this.#kernels.compile(source, (s) =>
        this.#settle(compilePipeline(this.gpu, s)),
      );
      onProgress?.({ completed: ++completed, total: kernels.length, kernel: source.name, cached: shared });
      return new WebgpuKernel(source, compiled);
    };
    return this.#settle(Promise.all(kernels.map(one)));
  }

  record(commands: readonly Command[]): CommandList {
    this.#usable();
    return new WebgpuCommandList(this.gpu, commands);
  }

  async submit(
    list: CommandList,
    options: { readonly profile?: boolean } = {},
  ): Promise<readonly DispatchTiming[]> {
    this.#usable();
    const recorded = WebgpuCommandList.of(list);
    const encoder = this.gpu.createCommandEncoder();
    const { kernels } = recorded;
    const profile = options.profile === true && kernels.length > 0;
    if (profile && !this.gpu.features.has("timestamp-query"))
      throw new UserError(
        "unsupported",
        `webgpu: ${this.name} cannot be profiled: it lacks the feature timestamp-query`,
      );
    const timestamps = profile ? new DispatchTimestamps(this.gpu, kernels.length) : undefined;
    recorded.encode(encoder, timestamps?.of);
    timestamps?.resolve(encoder);
    this.gpu.queue.submit([encoder.finish()]);
    if (timestamps === undefined) {
      if (options.profile === true) await this.finish();
      return [];
    }
    const elapsed = await this.#settle(timestamps.read());
    return kernels.map((kernel, i) => ({ kernel, elapsedMs: elapsed[i] ?? 0 }));
  }

  async finish(): Promise<void> {
    this.#usable();
    await this.#settle(this.gpu.queue.onSubmittedWorkDone());
  }

  async dispose(): Promise<void> {
    if (this.#lost?.code === "disposed") return;
    const alive = this.#lost === undefined;
    this.#lost = { code: "disposed", reason: "the device was disposed" };
    if (alive) await this.gpu.queue.onSubmittedWorkDone().catch(() => undefined);
    await this.#kernels.drain();
    for (const buffer of [...this.#buffers]) buffer.destroy();
    this.gpu.destroy();
    await this.gpu.lost;
  }

  /** Waits, then prefers the reason why the device is gone, or an earlier failure, to what the wait says. */
  async #settle<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.#usable();
      return result;
    } catch (error) {
      // Loss is announced by a promise of its own, which may settle a moment after the work's.
      await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, 10))]);
      this.#usable();
      throw error;
    }
  }

  #usable(): void {
    if (this.#lost !== undefined)
      throw new UserError(this.#lost.code, `webgpu device ${this.name}: ${this.#lost.reason}`);
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      throw failure;
    }
  }
}
