/**
 * In: a kernel source. Out: a built program whose machine code exists, so that no compiler runs at its first
 * dispatch. A driver may build lazily (PoCL turns bitcode into machine code when a kernel is first enqueued);
 * asking for the program's binary makes it do all the work, and a program made of that binary needs none.
 * The same binary is what the disk cache keeps.
 *
 * A driver holds far more for a program than its binary (PoCL some 400 KiB for 50), so programs are loaded when they
 * are needed, and need not stay.
 */
import type { KernelSource } from "../../codegen/executable.ts";
import { UserError } from "../../errors.ts";
import type { KernelUse } from "../device.ts";
import type { DiskCache } from "../disk-cache.ts";
import type { BuildProcesses } from "./build-processes.ts";
import { cl, describeStatus, onWorker } from "./bindings.ts";
import type { Handle, OpenclApi } from "./bindings.ts";
import { buildLog } from "./query.ts";
import type { OpenclDeviceInfo } from "./query.ts";

type Kernel = Pick<KernelSource, "name" | "source">;

/** What programs are built with. */
export interface BuildContext {
  readonly api: OpenclApi;
  readonly context: Handle;
  readonly info: OpenclDeviceInfo;
}

export interface ProgramContext extends BuildContext {
  readonly cache: DiskCache | undefined;
  /** Other processes that build, too. */
  readonly processes: BuildProcesses | undefined;
}

export function buildOptions(info: OpenclDeviceInfo): string {
  // Never fast-math: NaN and infinity mean what they mean in IEEE 754.
  return info.correctlyRoundedDivide
    ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt"
    : "-cl-std=CL1.2";
}

export class OpenclProgram {
  readonly #on: BuildContext;
  readonly #kernel: KernelSource;
  readonly #onUnusable: () => void;
  /** Undefined for a program that stays loaded: one that runs often, or whose driver gives no binary. */
  #binary: Uint8Array | undefined;
  #handle: Handle | undefined;
  #loading: Promise<void> | undefined;

  /**
   * @param cached its binary came from the disk cache
   * @param note what went wrong without harm, e.g. a cache that could not be written
   * @param onUnusable called where the binary turns out to be none of this kernel, which is built from its source then
   */
  constructor(
    on: BuildContext,
    kernel: KernelSource,
    built: { readonly binary: Uint8Array } | { readonly handle: Handle },
    readonly cached: boolean,
    readonly note: string | undefined,
    onUnusable: () => void = () => undefined,
  ) {
    this.#onUnusable = onUnusable;
    this.#on = on;
    this.#kernel = kernel;
    this.#binary = "binary" in built ? built.binary : undefined;
    this.#handle = "handle" in built ? built.handle : undefined;
  }

  /** The driver's program, loaded here and now if it is not. */
  get handle(): Handle {
    if (this.#handle === undefined) {
      this.#handle = programOfBinaryNow(this.#on, this.#kernel, this.#binary!);
      this.#handle ??= this.#withoutBinary(programOfSourceNow(this.#on, this.#kernel));
    }
    return this.#handle;
  }

  /** Loads the program on a worker thread; one that runs often stays. */
  async load(use: KernelUse): Promise<void> {
    if (this.#handle === undefined)
      await (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
    if (use === "often" && this.#handle !== undefined) this.#binary = undefined;
  }

  unload(): void {
    if (this.#binary !== undefined) this.release();
  }

  release(): void {
    if (this.#handle !== undefined) this.#on.api.clReleaseProgram(this.#handle);
    this.#handle = undefined;
  }

  async #load(): Promise<void> {
    const loaded =
      (await programOfBinary(this.#on, this.#kernel, this.#binary!)) ??
      this.#withoutBinary(await programOfSource(this.#on, this.#kernel));
    if (this.#handle === undefined) this.#handle = loaded;
    else this.#on.api.clReleaseProgram(loaded);
  }

  /** The program that was built from the source, which stays loaded. */
  #withoutBinary(program: Handle): Handle {
    this.#binary = undefined;
    this.#onUnusable();
    return program;
  }
}

/** Builds the kernel unless its binary is known; not loaded yet where the driver gives binaries. */
export async function buildProgram(on: ProgramContext, kernel: KernelSource): Promise<OpenclProgram> {
  const key = ["opencl", on.info.driver, buildOptions(on.info), kernel.name, kernel.source].join("\0");
  const stored = await on.cache?.load(key);
  if (stored !== undefined) {
    const forget = (): void => void on.cache?.remove(key);
    return new OpenclProgram(on, kernel, { binary: stored }, true, undefined, forget);
  }
  const fromBinary = async (binary: Uint8Array): Promise<OpenclProgram> =>
    new OpenclProgram(on, kernel, { binary }, false, await on.cache?.store(key, binary));
  const here = async (): Promise<OpenclProgram> => {
    const handle = await programOfSource(on, kernel);
    const binary = await binaryOf(on, handle);
    // Only PoCL builds lazily; what other drivers have built is ready, and stays.
    if (binary === undefined || !on.info.isPocl) {
      const note = binary && (await on.cache?.store(key, binary));
      return new OpenclProgram(on, kernel, { handle }, false, note);
    }
    on.api.clReleaseProgram(handle);
    return fromBinary(binary);
  };
  return on.processes?.build(kernel, here, fromBinary) ?? here();
}

/** The binary of a kernel; undefined where the driver has none. */
export async function compileToBinary(on: BuildContext, kernel: Kernel): Promise<Uint8Array | undefined> {
  const program = await programOfSource(on, kernel);
  const binary = await binaryOf(on, program);
  on.api.clReleaseProgram(program);
  return binary;
}

async function programOfSource(on: BuildContext, kernel: Kernel): Promise<Handle> {
  const program = createWithSource(on, kernel);
  const status = await onWorker(on.api.clBuildProgram, ...buildArguments(on, program));
  return accepted(on, kernel, program, status);
}

async function programOfBinary(
  on: BuildContext,
  kernel: KernelSource,
  binary: Uint8Array,
): Promise<Handle | undefined> {
  const program = createWithBinary(on, binary);
  if (program === undefined) return undefined;
  const status = await onWorker(on.api.clBuildProgram, ...buildArguments(on, program));
  return acceptedOrReleased(on, kernel, program, status);
}

/** The program of a binary, if the driver takes it; the caller waits. */
function programOfBinaryNow(on: BuildContext, kernel: KernelSource, binary: Uint8Array): Handle | undefined {
  const program = createWithBinary(on, binary);
  if (program === undefined) return undefined;
  const status = on.api.clBuildProgram(...buildArguments(on, program));
  return acceptedOrReleased(on, kernel, program, status);
}

function programOfSourceNow(on: BuildContext, kernel: Kernel): Handle {
  const program = createWithSource(on, kernel);
  return accepted(on, kernel, program, on.api.clBuildProgram(...buildArguments(on, program)));
}

function createWithSource({ api, context }: BuildContext, kernel: Kernel): Handle {
  const source = stableBytes(new TextEncoder().encode(kernel.source));
  const status = new Int32Array(1);
  const program = api.clCreateProgramWithSource(
    context,
    1,
    pointerTo(api, source),
    sizes(source.length),
    status,
  );
  if (status[0] !== 0) throw rejected(kernel, describeStatus(status[0] ?? 0));
  return program;
}

/** undefined where the driver does not take it. */
function createWithBinary({ api, context, info }: BuildContext, binary: Uint8Array): Handle | undefined {
  const bytes = stableBytes(binary);
  const status = new Int32Array(1);
  const program = api.clCreateProgramWithBinary(
    context,
    1,
    sizes(info.device),
    sizes(bytes.length),
    pointerTo(api, bytes),
    new Int32Array(1),
    status,
  );
  return status[0] === 0 ? program : undefined;
}

function buildArguments({ info }: BuildContext, program: Handle) {
  return [program, 1, sizes(info.device), buildOptions(info), null, null] as const;
}

/** The program if it was built; throws what the driver says otherwise. */
function accepted({ api, info }: BuildContext, kernel: Kernel, program: Handle, status: number): Handle {
  if (status === 0) return program;
  const log = buildLog(api, program, info.device);
  api.clReleaseProgram(program);
  throw rejected(kernel, `${describeStatus(status)}\n${log}`);
}

/** The program of a binary if it was built and is one of this kernel: it may have come from anywhere. */
function acceptedOrReleased(
  { api }: BuildContext,
  kernel: KernelSource,
  program: Handle,
  status: number,
): Handle | undefined {
  if (status === 0 && isOf(api, program, kernel)) return program;
  api.clReleaseProgram(program);
  return undefined;
}

/** Whether a program has a kernel of this name that takes as many buffers. */
function isOf(api: OpenclApi, program: Handle, { name, buffers }: KernelSource): boolean {
  const status = new Int32Array(1);
  const kernel = api.clCreateKernel(program, name, status);
  if (status[0] !== 0) return false;
  const count = new Uint32Array(1);
  const known = api.clGetKernelInfo(kernel, cl.KERNEL_NUM_ARGS, 4, count, null);
  api.clReleaseKernel(kernel);
  return known === 0 && count[0] === buffers.length;
}

async function binaryOf({ api }: BuildContext, program: Handle): Promise<Uint8Array | undefined> {
  const size = sizes(0);
  if ((await onWorker(api.clGetProgramInfo, program, cl.PROGRAM_BINARY_SIZES, 8, size, null)) !== 0)
    return undefined;
  const bytes = stableBytes(Number(size[0] ?? 0n));
  if (bytes.length === 0) return undefined;
  const status = await onWorker(
    api.clGetProgramInfo,
    program,
    cl.PROGRAM_BINARIES,
    8,
    pointerTo(api, bytes),
    null,
  );
  return status === 0 ? bytes : undefined;
}

function rejected(kernel: Kernel, log: string): UserError {
  return new UserError(
    "kernel-rejected",
    `opencl: the driver rejected kernel '${kernel.name}': ${log}\n--- source ---\n${kernel.source}`,
  );
}

function sizes(value: number | bigint): BigUint64Array {
  return new BigUint64Array([BigInt(value)]);
}

/** Shorter arrays may lie in V8's heap, where the collector moves them. */
const leastStableBytes = 4096;

/** Bytes at an address that stays, which an ArrayBuffer of its own has. */
function stableBytes(content: Uint8Array | number): Uint8Array {
  if (typeof content !== "number" && content.length >= leastStableBytes) return content;
  const bytes = new Uint8Array(new ArrayBuffer(typeof content === "number" ? content : content.length));
  if (typeof content !== "number") bytes.set(content);
  return bytes;
}

function pointerTo(api: OpenclApi, bytes: Uint8Array): BigUint64Array {
  return sizes(api.addressOf(bytes));
}
