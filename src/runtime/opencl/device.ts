/**
 * The OpenCL device: one context and one in-order queue on the first device that fits. Work is enqueued
 * synchronously, in call order. Waiting happens on worker threads, so the event loop goes on meanwhile, unless
 * the wait is known to be shorter than half a frame, or much copied data is waiting already in `write`.
 */
import type { KernelSource } from "../../codegen/executable.ts";
import type { Target } from "../../codegen/target.ts";
import { InternalError, UserError } from "../../errors.ts";
import type {
  BufferUse,
  Command,
  CommandList,
  CompiledKernel,
  CompileProgress,
  Device,
  DeviceBuffer,
  DeviceFiles,
  DispatchTiming,
} from "../device.ts";
import type { DiskCache } from "../disk-cache.ts";
import { importAtRuntime } from "../import-at-runtime.ts";
import { KernelCache, mapConcurrently } from "../kernel-cache.ts";
import type { WeightFiles } from "../weight-files.ts";
import { cl, describeStatus, isOutOfMemory, onWorker } from "./bindings.ts";
import type { Handle, OpenclApi } from "./bindings.ts";
import { OpenclBuffer } from "./buffer.ts";
import { BuildProcesses } from "./build-processes.ts";
import { OpenclCommandList } from "./command-list.ts";
import { expectAvailable, openOpenclContext } from "./context.ts";
import { OpenclFiles, type HostMemory } from "./files.ts";
import { Forecast } from "./forecast.ts";
import { OpenclKernel } from "./kernel.ts";
import { buildProgram } from "./program.ts";
import { Staging } from "./staging.ts";
import type { OpenclProgram } from "./program.ts";
import type { OpenclDeviceInfo } from "./query.ts";

/** Shorter writes are copied, and the caller goes on. Copies of longer ones would be memory beside that of weights. */
const largeWriteBytes = 2 ** 16;
/** Shorter waits are not worth a worker thread, which takes a tenth of a millisecond: half a frame of 60 a second. */
const shortWaitMs = 8;
/** Builds under way or waiting at a time. */
const buildWidth = 8;
/** Processes that build, at most: each takes up to 400 MB while it runs. */
const mostBuildProcesses = 4;

/** What a device keeps on disk. */
export interface OpenclStores {
  readonly kernels?: DiskCache;
  readonly weights?: WeightFiles;
}

export class OpenclDevice implements Device {
  readonly kind = "opencl";
  readonly name: string;
  readonly driver: string;
  readonly target: Target;
  readonly #api: OpenclApi;
  readonly #info: OpenclDeviceInfo;
  readonly #cache: DiskCache | undefined;
  readonly files: DeviceFiles | undefined;
  readonly #context: Handle;
  readonly #queue: Handle;
  readonly #kernels = new KernelCache<KernelSource, OpenclProgram>();
  readonly #buffers = new Set<OpenclBuffer>();
  readonly #lists = new Set<OpenclCommandList>();
  readonly #staging = new Staging();
  readonly #forecast = new Forecast();
  /** Commands are numbered: the last one of all, the last that runs kernels, the last known to be done. */
  #enqueued = 0;
  #submitted = 0;
  #finished = 0;
  #lost: string | undefined;

  constructor(api: OpenclApi, info: OpenclDeviceInfo, { kernels, weights }: OpenclStores = {}) {
    this.#api = api;
    this.#info = info;
    this.#cache = kernels;
    this.name = info.name;
    this.driver = info.driver.replaceAll("\n", ", ");
    this.target = info.target;
    const status = new Int32Array(1);
    this.#context = openOpenclContext(api, info);
    this.#queue = api.clCreateCommandQueue(this.#context, info.device, cl.QUEUE_PROFILING_ENABLE, status);
    expectAvailable(status, info, "command queue");
    if (info.isPocl && weights !== undefined && api.fileMapping !== undefined)
      this.files = new OpenclFiles(weights, api.fileMapping, {
        readNow: (...args) => this.#readNow(...args),
        createBuffer: (...args) => this.#createBuffer(...args),
      });
  }

  get lost(): string | undefined {
    return this.#lost;
  }

  allocate(sizeBytes: number, label: string, use: BufferUse = {}): DeviceBuffer {
    this.#usable();
    // PoCL's device is this process: kernels and the host see the same memory, and a write is a plain copy.
    if (use.input !== true || !this.#info.isPocl) return this.#createBuffer(sizeBytes, label);
    const memory = alignedMemory(this.#api, roundedSize(sizeBytes));
    return this.#createBuffer(sizeBytes, label, {
      address: this.#api.addressOf(memory),
      memory,
      release: () => void memory,
    });
  }

  write(buffer: DeviceBuffer, data: ArrayBufferView, offset = 0): void {
    this.#usable();
    const target = OpenclBuffer.of(buffer);
    const size = data.byteLength;
    if (offset + size > target.sizeBytes)
      throw new InternalError(
        `opencl: ${size} bytes written to '${target.label}' of ${target.sizeBytes}, from ${offset}`,
      );
    if (size === 0) return;
    let bytes = new Uint8Array(data.buffer, data.byteOffset, size);
    if (target.memory !== undefined && this.#enqueued === this.#finished)
      return target.memory.set(bytes, offset);
    // Where nothing runs a blocking write waits for copies alone; for a short one even that is long.
    const isIdle = this.#submitted <= this.#finished;
    const blocking = (isIdle && size >= largeWriteBytes) || !this.#staging.hasRoomFor(size);
    if (!blocking) bytes = this.#staging.copy(bytes, this.#enqueued + 1);
    const address = this.#api.addressOf(bytes);
    check(
      this.#api.clEnqueueWriteBuffer(
        this.#queue,
        target.handle,
        blocking ? 1 : 0,
        offset,
        size,
        address,
        0,
        null,
        null,
      ),
      "write",
    );
    this.#enqueued++;
    if (blocking) this.#markFinished(this.#enqueued);
    else this.#api.clFlush(this.#queue);
  }

  async read(buffer: DeviceBuffer, sizeBytes: number): Promise<ArrayBuffer> {
    this.#usable();
    const source = OpenclBuffer.of(buffer);
    if (sizeBytes > source.sizeBytes)
      throw new InternalError(
        `opencl: ${sizeBytes} bytes read from '${source.label}' of ${source.sizeBytes}`,
      );
    const result = new ArrayBuffer(sizeBytes);
    if (sizeBytes === 0) return result;
    const bytes = new Uint8Array(result);
    const event = new BigUint64Array(1);
    const address = this.#api.addressOf(bytes);
    check(
      this.#api.clEnqueueReadBuffer(this.#queue, source.handle, 0, 0, sizeBytes, address, 0, null, event),
      "read",
    );
    await this.#reached(event);
    return bytes.buffer;
  }

  async compile(
    kernels: readonly KernelSource[],
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<readonly CompiledKernel[]> {
    this.#usable();
    let completed = 0;
    // Other drivers than PoCL build in parallel threads by themselves.
    const processes = this.#info.isPocl ? await buildProcesses(this.#info, kernels) : undefined;
    const on = { api: this.#api, context: this.#context, info: this.#info, cache: this.#cache, processes };
    const programs = mapConcurrently(kernels, buildWidth, async (source) => {
      if (source.language !== "opencl-c")
        throw new InternalError(`opencl: kernel '${source.name}' is written in ${source.language}`);
      const { compiled, shared } = await this.#kernels.compile(source, (s) => buildProgram(on, s));
      this.#usable();
      onProgress?.({
        completed: ++completed,
        total: kernels.length,
        kernel: source.name,
        cached: shared || compiled.cached,
        note: shared ? undefined : compiled.note,
      });
      return new OpenclKernel(source, compiled);
    });
    return programs.finally(() => processes?.close());
  }

  record(commands: readonly Command[]): CommandList {
    this.#usable();
    const list = new OpenclCommandList(this.#api, commands, (gone) => this.#lists.delete(gone));
    this.#lists.add(list);
    return list;
  }

  async submit(
    list: CommandList,
    options: { readonly profile?: boolean } = {},
  ): Promise<readonly DispatchTiming[]> {
    this.#usable();
    const recorded = OpenclCommandList.of(list);
    const events: { readonly kernel: string; readonly event: bigint }[] = [];
    recorded.enqueue(
      this.#queue,
      options.profile ? (kernel, event) => events.push({ kernel, event }) : undefined,
    );
    this.#submitted = ++this.#enqueued;
    this.#forecast.submitted(list, this.#submitted);
    check(this.#api.clFlush(this.#queue), "flush");
    if (!options.profile) return [];
    await this.finish();
    return events.map(({ kernel, event }) => {
      const elapsedMs =
        Number(
          this.#stamp(event, cl.PROFILING_COMMAND_END) - this.#stamp(event, cl.PROFILING_COMMAND_START),
        ) / 1e6;
      this.#api.clReleaseEvent(event);
      return { kernel, elapsedMs };
    });
  }

  async finish(): Promise<void> {
    this.#usable();
    const event = new BigUint64Array(1);
    check(this.#api.clEnqueueMarkerWithWaitList(this.#queue, 0, null, event), "finish");
    await this.#reached(event);
  }

  async dispose(): Promise<void> {
    if (this.#lost !== undefined) return;
    this.#lost = "the device was disposed";
    await onWorker(this.#api.clFinish, this.#queue);
    const programs = await this.#kernels.drain();
    for (const list of [...this.#lists]) list.dispose();
    for (const program of programs) program.release();
    for (const buffer of [...this.#buffers]) buffer.destroy();
    this.#staging.clear();
    this.#api.clReleaseCommandQueue(this.#queue);
    this.#api.clReleaseContext(this.#context);
  }

  /** @param host memory of this process for the buffer to lie in; `release` is called when no command uses it any more */
  #createBuffer(sizeBytes: number, label: string, host?: HostMemory): OpenclBuffer {
    const limit = this.target.maxBufferBytes;
    const failure = (why: string): UserError =>
      new UserError(
        "out-of-memory",
        `opencl: cannot allocate ${sizeBytes} bytes for '${label}' on ${this.name}: ${why}`,
      );
    if (sizeBytes > limit) throw failure(`one buffer may have ${limit} bytes`);
    const status = new Int32Array(1);
    const flags = cl.MEM_READ_WRITE | (host === undefined ? 0 : cl.MEM_USE_HOST_PTR);
    const size = roundedSize(sizeBytes);
    const handle = this.#api.clCreateBuffer(this.#context, flags, size, host?.address ?? 0, status);
    const code = status[0] ?? 0;
    if (isOutOfMemory(code))
      throw failure(`the device's memory is full (${describeStatus(code)}; limit ${limit} a buffer)`);
    check(code, `create buffer '${label}'`);
    const forget = (gone: OpenclBuffer): void => {
      this.#buffers.delete(gone);
      if (host === undefined) return;
      if (this.#enqueued > this.#finished) this.#staging.releaseAfter(this.#enqueued, host.release);
      else host.release();
    };
    const buffer = new OpenclBuffer(this.#api, handle, sizeBytes, label, forget, host?.memory);
    this.#buffers.add(buffer);
    return buffer;
  }

  /** Waits for it, and for everything enqueued before. */
  #readNow(buffer: DeviceBuffer, offset: number, bytes: Uint8Array): void {
    this.#usable();
    const { handle } = OpenclBuffer.of(buffer);
    const address = this.#api.addressOf(bytes);
    check(
      this.#api.clEnqueueReadBuffer(this.#queue, handle, 1, offset, bytes.length, address, 0, null, null),
      "read",
    );
    this.#markFinished(++this.#enqueued);
  }

  /** Waits for a command just enqueued; everything enqueued before it has finished then, too. */
  async #reached(event: BigUint64Array): Promise<void> {
    const number = ++this.#enqueued;
    check(this.#api.clFlush(this.#queue), "flush");
    // First whoever else wants to submit something in this turn.
    if (this.#forecast.remainingMs < shortWaitMs) await new Promise(setImmediate);
    const status =
      this.#forecast.remainingMs < shortWaitMs
        ? this.#api.clWaitForEvents(1, event)
        : await onWorker(this.#api.clWaitForEvents, 1, event);
    this.#api.clReleaseEvent(event[0] ?? 0n);
    check(status, "wait");
    this.#markFinished(number);
  }

  #markFinished(number: number): void {
    this.#finished = Math.max(this.#finished, number);
    this.#staging.release(this.#finished);
    this.#forecast.finished(this.#finished);
  }

  #stamp(event: bigint, which: number): bigint {
    const value = new BigUint64Array(1);
    check(this.#api.clGetEventProfilingInfo(event, which, 8, value, null), "profiling");
    return value[0] ?? 0n;
  }

  #usable(): void {
    if (this.#lost !== undefined)
      throw new UserError("disposed", `opencl device ${this.name}: ${this.#lost}`);
  }
}

/** Sizes of buffers are whole words. */
function roundedSize(sizeBytes: number): number {
  return Math.max(4, Math.ceil(sizeBytes / 4) * 4);
}

/** Memory of the process that starts where vectors are aligned and a cache line begins. */
function alignedMemory(api: OpenclApi, sizeBytes: number): Uint8Array {
  const alignment = 128;
  const whole = new Uint8Array(new ArrayBuffer(sizeBytes + alignment));
  const misaligned = Number(api.addressOf(whole) % BigInt(alignment));
  return whole.subarray(alignment - misaligned).subarray(0, sizeBytes);
}

async function buildProcesses(
  info: OpenclDeviceInfo,
  kernels: readonly KernelSource[],
): Promise<BuildProcesses> {
  const { availableParallelism } = await importAtRuntime<typeof import("node:os")>("node:os");
  return new BuildProcesses(info.driver, Math.min(availableParallelism(), mostBuildProcesses), kernels);
}

function check(status: number, what: string): void {
  if (status === 0) return;
  if (isOutOfMemory(status))
    throw new UserError("out-of-memory", `opencl: ${what}: ${describeStatus(status)}`);
  throw new InternalError(`opencl: ${what}: ${describeStatus(status)}`);
}
