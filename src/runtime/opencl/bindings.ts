/**
 * The part of the OpenCL 1.2 API that Heddle calls, bound by koffi to the system's ICD loader. Handles
 * (platforms, devices, queues, …) are plain integers on this side; arrays and structures are typed arrays
 * passed by address. Nothing here interprets a status code, apart from `describeStatus`.
 */

import { importAtRuntime, isNode } from "../import-at-runtime.ts";
import { findPoclCache } from "./pocl-cache.ts";
import { bindFileMapping, type FileMapping } from "./file-mapping.ts";

/** An OpenCL object, by address; 0 is NULL. Only 64-bit processes are served. */
export type Handle = number | bigint;

/** What may be passed where C takes a pointer to data. */
export type Pointer = ArrayBufferView | ArrayBuffer | string | null;

/** A bound function, also callable on a worker thread of libuv. */
export interface Native<Args extends readonly unknown[], Result> {
  (...args: Args): Result;
  async(...args: [...Args, (error: Error | null, result: Result) => void]): void;
}

type StatusFunction<Args extends readonly unknown[]> = Native<Args, number>;

export interface OpenclApi {
  /** Where `bytes` lies. It stays there as long as `bytes` has an ArrayBuffer of its own and is reachable. */
  readonly addressOf: (bytes: ArrayBufferView) => bigint;
  /** undefined where files cannot be mapped. */
  readonly fileMapping: FileMapping | undefined;
  readonly clGetPlatformIDs: StatusFunction<[number, Pointer, Pointer]>;
  readonly clGetPlatformInfo: StatusFunction<[Handle, number, number, Pointer, Pointer]>;
  readonly clGetDeviceIDs: StatusFunction<[Handle, number, number, Pointer, Pointer]>;
  readonly clGetDeviceInfo: StatusFunction<[Handle, number, number, Pointer, Pointer]>;
  readonly clCreateContext: Native<[Pointer, number, Pointer, null, null, Pointer], Handle>;
  readonly clReleaseContext: StatusFunction<[Handle]>;
  readonly clCreateCommandQueue: Native<[Handle, Handle, number, Pointer], Handle>;
  readonly clReleaseCommandQueue: StatusFunction<[Handle]>;
  readonly clCreateBuffer: Native<[Handle, number, number, Handle, Pointer], Handle>;
  readonly clReleaseMemObject: StatusFunction<[Handle]>;
  readonly clCreateProgramWithSource: Native<[Handle, number, Pointer, Pointer, Pointer], Handle>;
  readonly clCreateProgramWithBinary: Native<
    [Handle, number, Pointer, Pointer, Pointer, Pointer, Pointer],
    Handle
  >;
  readonly clBuildProgram: StatusFunction<[Handle, number, Pointer, string, null, null]>;
  readonly clGetProgramBuildInfo: StatusFunction<[Handle, Handle, number, number, Pointer, Pointer]>;
  readonly clGetProgramInfo: StatusFunction<[Handle, number, number, Pointer, Pointer]>;
  readonly clReleaseProgram: StatusFunction<[Handle]>;
  readonly clCreateKernel: Native<[Handle, string, Pointer], Handle>;
  readonly clSetKernelArg: StatusFunction<[Handle, number, number, Pointer]>;
  readonly clGetKernelInfo: StatusFunction<[Handle, number, number, Pointer, Pointer]>;
  readonly clReleaseKernel: StatusFunction<[Handle]>;
  readonly clEnqueueNDRangeKernel: StatusFunction<
    [Handle, Handle, number, null, Pointer, Pointer, number, null, Pointer]
  >;
  readonly clEnqueueWriteBuffer: StatusFunction<
    [Handle, Handle, number, number, number, Handle, number, null, Pointer]
  >;
  readonly clEnqueueReadBuffer: StatusFunction<
    [Handle, Handle, number, number, number, Handle, number, null, Pointer]
  >;
  readonly clEnqueueCopyBuffer: StatusFunction<
    [Handle, Handle, Handle, number, number, number, number, null, Pointer]
  >;
  readonly clWaitForEvents: StatusFunction<[number, Pointer]>;
  readonly clGetEventProfilingInfo: StatusFunction<[Handle, number, number, Pointer, null]>;
  readonly clReleaseEvent: StatusFunction<[Handle]>;
  readonly clEnqueueMarkerWithWaitList: StatusFunction<[Handle, number, null, Pointer]>;
  readonly clFlush: StatusFunction<[Handle]>;
  readonly clFinish: StatusFunction<[Handle]>;
}

/** C parameter lists: h handle, i 32-bit, z size_t or bit field, p pointer, s string. Results: i status, h handle. */
const signatures: Readonly<Record<Exclude<keyof OpenclApi, "addressOf" | "fileMapping">, string>> = {
  clGetPlatformIDs: "i ipp",
  clGetPlatformInfo: "i hizpp",
  clGetDeviceIDs: "i hzipp",
  clGetDeviceInfo: "i hizpp",
  clCreateContext: "h pipppp",
  clReleaseContext: "i h",
  clCreateCommandQueue: "h hhzp",
  clReleaseCommandQueue: "i h",
  clCreateBuffer: "h hzzhp",
  clReleaseMemObject: "i h",
  clCreateProgramWithSource: "h hippp",
  clCreateProgramWithBinary: "h hippppp",
  clBuildProgram: "i hipspp",
  clGetProgramBuildInfo: "i hhizpp",
  clGetProgramInfo: "i hizpp",
  clReleaseProgram: "i h",
  clCreateKernel: "h hsp",
  clSetKernelArg: "i hizp",
  clGetKernelInfo: "i hizpp",
  clReleaseKernel: "i h",
  clEnqueueNDRangeKernel: "i hhipppipp",
  clEnqueueWriteBuffer: "i hhizzhipp",
  clEnqueueReadBuffer: "i hhizzhipp",
  clEnqueueCopyBuffer: "i hhhzzzipp",
  clWaitForEvents: "i ip",
  clGetEventProfilingInfo: "i hizpp",
  clReleaseEvent: "i h",
  clEnqueueMarkerWithWaitList: "i hipp",
  clFlush: "i h",
  clFinish: "i h",
};

const typeOf: Readonly<Record<string, string>> = {
  i: "int32_t",
  h: "uintptr_t",
  z: "size_t",
  p: "void *",
  s: "str",
};

/** What Heddle needs of koffi; the package is optional, so its own types are not relied on. */
interface Koffi {
  config(): Readonly<Record<string, number>>;
  config(settings: Readonly<Record<string, number>>): unknown;
  load(path: string | null): { func(name: string, result: string, parameters: readonly string[]): unknown };
  address(view: ArrayBufferView): bigint;
}

export type OpenclLoad = { readonly api: OpenclApi } | { readonly missing: string };

const libraryNames: Readonly<Record<string, readonly string[]>> = {
  linux: ["libOpenCL.so.1", "libOpenCL.so"],
  darwin: ["/System/Library/Frameworks/OpenCL.framework/OpenCL"],
  win32: ["OpenCL.dll"],
};

/** Loads koffi and the ICD loader; says what is missing and how to install it if either is not there. */
export async function loadOpencl(): Promise<OpenclLoad> {
  if (!isNode()) return { missing: "OpenCL needs Node.js; in a browser use WebGPU or the embedded CPU" };
  let koffi: Koffi;
  try {
    const module = await importAtRuntime<Koffi & { readonly default?: Koffi }>("koffi");
    koffi = module.default ?? module;
  } catch (cause) {
    return { missing: `the package koffi is not installed (npm install koffi): ${messageOf(cause)}` };
  }
  giveCompilersStack(koffi);
  const names = libraryNames[process.platform] ?? libraryNames["linux"] ?? [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      const library = koffi.load(name);
      const bound = Object.entries(signatures).map(([name, signature]) => {
        const [result = "i", parameters = ""] = signature.split(" ");
        const types = [...parameters].map((letter) => typeOf[letter] ?? "void *");
        return [name, library.func(name, typeOf[result] ?? "int32_t", types)] as const;
      });
      const missing = await configurePocl(koffi);
      if (missing !== undefined) return { missing };
      const addressOf = (bytes: ArrayBufferView): bigint => koffi.address(bytes);
      const fileMapping = bindFileMapping((name, ...rest) => koffi.load(null).func(name, ...rest));
      return { api: { ...Object.fromEntries(bound), addressOf, fileMapping } as unknown as OpenclApi };
    } catch (cause) {
      failures.push(messageOf(cause));
    }
  }
  return {
    missing: `${names[0]} not found: install ocl-icd-libopencl1 and a driver such as pocl-opencl-icd (${failures[0] ?? ""})`,
  };
}

/** A driver's compiler runs on the stack that koffi gives its worker threads, and clang recurses deeply. */
const compilerStackBytes = 8 * 2 ** 20;

/** Grows that stack, unless koffi was set up before: it takes settings only until its first call. */
function giveCompilersStack(koffi: Koffi): void {
  try {
    if (koffi.config()["async_stack_size"]! < compilerStackBytes)
      koffi.config({ async_stack_size: compilerStackBytes });
  } catch {
    // Whoever uses koffi beside Heddle chose the size, then.
  }
}

/**
 * Settings that PoCL reads from the C environment, which `process.env` does not reach from a worker thread. A
 * setting the user made stays.
 *
 * - By default PoCL compiles each kernel again, for the group size and grid, when it is first enqueued. Our
 *   kernels fix their group size, so its general code is as fast (measured), and with this setting the code
 *   that `program.ts` asks for is the code that runs.
 * - Its threads keep a core each. Otherwise Linux often wakes two on one core, and moves one only
 *   milliseconds later: the first runs after a pause take 1.3 times as long (measured).
 * - Its cache lies where it can be written, whatever the user's folder for caches is: see `pocl-cache.ts`.
 *
 * Resolves to what is missing, if anything.
 */
async function configurePocl(koffi: Koffi): Promise<string | undefined> {
  if (process.platform === "win32") return undefined;
  const setenv = koffi.load(null).func("setenv", "int", ["str", "str", "int"]) as Native<
    [string, string, number],
    number
  >;
  setenv("POCL_WORK_GROUP_SPECIALIZATION", "0", 0);
  if (await mayUseEveryCore()) setenv("POCL_AFFINITY", "1", 0);
  const getenv = koffi.load(null).func("getenv", "str", ["str"]) as (name: string) => string | null;
  const cache = await findPoclCache((name) => getenv(name) ?? undefined);
  if (cache.kind === "private") setenv("POCL_CACHE_DIR", cache.folder, 1);
  return cache.kind === "none"
    ? "there is no folder to compile in: neither the user's for caches nor those for temporary files can be written, or all are full"
    : undefined;
}

/** PoCL numbers cores from 0 and gives up where it may not use one of them, as in some containers. */
async function mayUseEveryCore(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const { readFile } = await importAtRuntime<typeof import("node:fs/promises")>("node:fs/promises");
  const { cpus } = await importAtRuntime<typeof import("node:os")>("node:os");
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  return cpus().length > 1 && allowed === `0-${cpus().length - 1}`;
}

/** Runs a bound function on a worker thread, so that the event loop goes on. */
export function onWorker<Args extends readonly unknown[], Result>(
  native: Native<Args, Result>,
  ...args: Args
): Promise<Result> {
  return new Promise((resolve, reject) => {
    native.async(...args, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/** Numbers of the OpenCL headers, under their names without the prefix. */
export const cl = {
  PLATFORM_VERSION: 0x0901,
  PLATFORM_NAME: 0x0902,
  DEVICE_TYPE_ALL: 0xffffffff,
  DEVICE_TYPE: 0x1000,
  DEVICE_TYPE_CPU: 2,
  DEVICE_MAX_COMPUTE_UNITS: 0x1002,
  DEVICE_MAX_WORK_GROUP_SIZE: 0x1004,
  DEVICE_MAX_MEM_ALLOC_SIZE: 0x1010,
  DEVICE_MAX_PARAMETER_SIZE: 0x1017,
  DEVICE_SINGLE_FP_CONFIG: 0x101b,
  DEVICE_GLOBAL_MEM_SIZE: 0x101f,
  DEVICE_LOCAL_MEM_SIZE: 0x1023,
  DEVICE_AVAILABLE: 0x1027,
  DEVICE_NAME: 0x102b,
  DRIVER_VERSION: 0x102d,
  DEVICE_VERSION: 0x102f,
  DEVICE_EXTENSIONS: 0x1030,
  DEVICE_NATIVE_VECTOR_WIDTH_FLOAT: 0x103a,
  CONTEXT_PLATFORM: 0x1084,
  QUEUE_PROFILING_ENABLE: 2,
  MEM_READ_WRITE: 1,
  MEM_USE_HOST_PTR: 8,
  PROGRAM_BINARY_SIZES: 0x1165,
  PROGRAM_BINARIES: 0x1166,
  KERNEL_NUM_ARGS: 0x1191,
  PROGRAM_BUILD_LOG: 0x1183,
  PROFILING_COMMAND_START: 0x1282,
  PROFILING_COMMAND_END: 0x1283,
  FP_CORRECTLY_ROUNDED_DIVIDE_SQRT: 1 << 7,
} as const;

const statusNames: Readonly<Record<number, string>> = {
  [-1]: "CL_DEVICE_NOT_FOUND",
  [-2]: "CL_DEVICE_NOT_AVAILABLE",
  [-4]: "CL_MEM_OBJECT_ALLOCATION_FAILURE",
  [-5]: "CL_OUT_OF_RESOURCES",
  [-6]: "CL_OUT_OF_HOST_MEMORY",
  [-11]: "CL_BUILD_PROGRAM_FAILURE",
  [-30]: "CL_INVALID_VALUE",
  [-38]: "CL_INVALID_MEM_OBJECT",
  [-42]: "CL_INVALID_BINARY",
  [-44]: "CL_INVALID_PROGRAM",
  [-45]: "CL_INVALID_PROGRAM_EXECUTABLE",
  [-46]: "CL_INVALID_KERNEL_NAME",
  [-48]: "CL_INVALID_KERNEL",
  [-52]: "CL_INVALID_KERNEL_ARGS",
  [-54]: "CL_INVALID_WORK_GROUP_SIZE",
  [-61]: "CL_INVALID_BUFFER_SIZE",
  [-1001]: "CL_PLATFORM_NOT_FOUND_KHR",
};

/** Statuses that mean memory ran out. */
export function isOutOfMemory(status: number): boolean {
  return status === -4 || status === -5 || status === -6 || status === -61;
}

export function describeStatus(status: number): string {
  return `${statusNames[status] ?? "OpenCL error"} (${status})`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
