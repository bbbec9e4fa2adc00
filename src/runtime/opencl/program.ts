/**
 * In: a kernel source. Out: a built program whose machine code exists, so that no compiler runs at its first
 * dispatch. A driver may build lazily (PoCL turns bitcode into machine code when a kernel is first enqueued);
 * asking for the program's binary makes it do all the work, and a program made of that binary needs none.
 * The same binary is what the disk cache keeps.
 */
import type { KernelSource } from "../../codegen/executable.ts";
import { UserError } from "../../errors.ts";
import type { DiskCache } from "../disk-cache.ts";
import type { BuildProcesses } from "./build-processes.ts";
import { cl, describeStatus, onWorker } from "./bindings.ts";
import type { Handle, OpenclApi } from "./bindings.ts";
import { buildLog } from "./query.ts";
import type { OpenclDeviceInfo } from "./query.ts";

export interface OpenclProgram {
  readonly program: Handle;
  /** Its binary came from the disk cache. */
  readonly cached: boolean;
  /** What went wrong without harm, e.g. a cache that could not be written. */
  readonly note: string | undefined;
}

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

export async function buildProgram(on: ProgramContext, kernel: KernelSource): Promise<OpenclProgram> {
  const key = ["opencl", on.info.driver, buildOptions(on.info), kernel.name, kernel.source].join("\0");
  const stored = await on.cache?.load(key);
  if (stored !== undefined) {
    const program = await programOfBinary(on, stored);
    if (program !== undefined) return { program, cached: true, note: undefined };
  }
  let note: string | undefined;
  const here = async (): Promise<Handle> => {
    const compiled = await programOfSource(on, kernel);
    const binary = await binaryOf(on, compiled);
    if (binary === undefined) return compiled;
    note = await on.cache?.store(key, binary);
    const eager = on.info.isPocl ? await programOfBinary(on, binary) : undefined;
    if (eager === undefined) return compiled;
    on.api.clReleaseProgram(compiled);
    return eager;
  };
  if (on.processes === undefined) return { program: await here(), cached: false, note };
  const program = await on.processes.build(kernel, here, async (binary) => {
    note = await on.cache?.store(key, binary);
    return programOfBinary(on, binary);
  });
  return { program, cached: false, note };
}

/** The binary of a kernel; undefined where the driver has none. */
export async function compileToBinary(
  on: BuildContext,
  kernel: Pick<KernelSource, "name" | "source">,
): Promise<Uint8Array | undefined> {
  const program = await programOfSource(on, kernel);
  const binary = await binaryOf(on, program);
  on.api.clReleaseProgram(program);
  return binary;
}

async function programOfSource(
  on: BuildContext,
  kernel: Pick<KernelSource, "name" | "source">,
): Promise<Handle> {
  const { api, context, info } = on;
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
  const built = await onWorker(
    api.clBuildProgram,
    program,
    1,
    sizes(info.device),
    buildOptions(info),
    null,
    null,
  );
  if (built !== 0) {
    const log = buildLog(api, program, info.device);
    api.clReleaseProgram(program);
    throw rejected(kernel, `${describeStatus(built)}\n${log}`);
  }
  return program;
}

async function programOfBinary(on: BuildContext, binary: Uint8Array): Promise<Handle | undefined> {
  const { api, context, info } = on;
  const bytes = stableBytes(binary);
  const status = new Int32Array(1);
  const device = sizes(info.device);
  const program = api.clCreateProgramWithBinary(
    context,
    1,
    device,
    sizes(bytes.length),
    pointerTo(api, bytes),
    new Int32Array(1),
    status,
  );
  if (status[0] !== 0) return undefined;
  if ((await onWorker(api.clBuildProgram, program, 1, device, buildOptions(info), null, null)) === 0)
    return program;
  api.clReleaseProgram(program);
  return undefined;
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

function rejected(kernel: Pick<KernelSource, "name" | "source">, log: string): UserError {
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
