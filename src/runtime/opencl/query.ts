/** Reads properties of OpenCL objects: typed answers out of the API's "size, then bytes" calls. */
import type { Target } from "../../codegen/target.ts";
import type { Lanes } from "../../codegen/target.ts";
import { cl } from "./bindings.ts";
import type { Handle, OpenclApi } from "./bindings.ts";

/** One device of one platform, with what identifies its driver and what a target says of it. */
export interface OpenclDeviceInfo {
  readonly platform: bigint;
  readonly device: bigint;
  readonly name: string;
  /** Everything that must match for a compiled binary to be reusable. */
  readonly driver: string;
  readonly isPocl: boolean;
  readonly correctlyRoundedDivide: boolean;
  readonly target: Target;
}

/** All devices of all platforms, in the order the ICD loader lists them. */
export function listOpenclDevices(api: OpenclApi): readonly OpenclDeviceInfo[] {
  return handles((count, out, total) => api.clGetPlatformIDs(count, out, total)).flatMap((platform) =>
    handles((count, out, total) =>
      api.clGetDeviceIDs(platform, cl.DEVICE_TYPE_ALL, count, out, total),
    ).flatMap((device) => {
      const info = describeDevice(api, platform, device);
      return info === undefined ? [] : [info];
    }),
  );
}

type List = (count: number, out: BigUint64Array | null, total: Uint32Array | null) => number;

function handles(list: List): readonly bigint[] {
  const total = new Uint32Array(1);
  if (list(0, null, total) !== 0) return [];
  const count = total[0] ?? 0;
  const out = new BigUint64Array(count);
  return count === 0 || list(count, out, null) !== 0 ? [] : Array.from(out);
}

type Query = (name: number, size: number, out: Uint8Array | null, needed: BigUint64Array | null) => number;

function bytes(query: Query, name: number): Buffer {
  const needed = new BigUint64Array(1);
  if (query(name, 0, null, needed) !== 0) return Buffer.alloc(0);
  const out = Buffer.alloc(Number(needed[0] ?? 0n));
  return query(name, out.length, out, null) === 0 ? out : Buffer.alloc(0);
}

function text(data: Buffer): string {
  return data.toString("utf8").replace(/\0.*$/s, "").trim();
}

function number(data: Buffer): number {
  if (data.length >= 8) return Number(data.readBigUInt64LE());
  return data.length >= 4 ? data.readUInt32LE() : 0;
}

function describeDevice(api: OpenclApi, platform: bigint, device: bigint): OpenclDeviceInfo | undefined {
  const ofDevice: Query = (name, size, out, needed) => api.clGetDeviceInfo(device, name, size, out, needed);
  const ofPlatform: Query = (name, size, out, needed) =>
    api.clGetPlatformInfo(platform, name, size, out, needed);
  const get = (name: number): number => number(bytes(ofDevice, name));
  if (get(cl.DEVICE_AVAILABLE) === 0) return undefined;
  const platformName = text(bytes(ofPlatform, cl.PLATFORM_NAME));
  const name = text(bytes(ofDevice, cl.DEVICE_NAME));
  const isCpu = (get(cl.DEVICE_TYPE) & cl.DEVICE_TYPE_CPU) !== 0;
  const vectorWidth = isCpu ? cpuVectorWidth(get(cl.DEVICE_NATIVE_VECTOR_WIDTH_FLOAT)) : 4;
  const target: Target = Object.freeze({
    language: "opencl-c",
    family: isCpu ? "cpu" : "gpu",
    vectorWidth,
    // AVX-512 has 32 vector registers, AVX 16, and so have SSE and NEON at least.
    vectorRegisters: vectorWidth === 16 ? 32 : 16,
    // A CPU runs one task a group: work-items of one group would share a core anyway.
    maxGroupSize: isCpu ? 1 : Math.max(1, get(cl.DEVICE_MAX_WORK_GROUP_SIZE)),
    sharedMemoryBytes: isCpu ? 0 : get(cl.DEVICE_LOCAL_MEM_SIZE),
    maxStorageBuffers: Math.max(8, Math.min(64, Math.floor(get(cl.DEVICE_MAX_PARAMETER_SIZE) / 8))),
    maxBufferBytes: get(cl.DEVICE_MAX_MEM_ALLOC_SIZE),
    subgroupSize: 0,
    f16: false,
    computeUnits: Math.max(1, get(cl.DEVICE_MAX_COMPUTE_UNITS)),
    software: false,
    costlyLaunches: isCpu,
  });
  return {
    platform,
    device,
    name,
    driver: [
      platformName,
      text(bytes(ofPlatform, cl.PLATFORM_VERSION)),
      name,
      text(bytes(ofDevice, cl.DEVICE_VERSION)),
      text(bytes(ofDevice, cl.DRIVER_VERSION)),
    ].join("\n"),
    isPocl: /portable computing language/i.test(platformName),
    correctlyRoundedDivide: (get(cl.DEVICE_SINGLE_FP_CONFIG) & cl.FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) !== 0,
    target,
  };
}

/** A width that kernel IR has; drivers that report 1 or nothing still run on a machine with 128-bit vectors. */
function cpuVectorWidth(reported: number): Lanes {
  if (reported >= 16) return 16;
  return reported >= 8 ? 8 : 4;
}

/** The build log of a program that was rejected. */
export function buildLog(api: OpenclApi, program: Handle, device: Handle): string {
  return text(
    bytes(
      (name, size, out, needed) => api.clGetProgramBuildInfo(program, device, name, size, out, needed),
      cl.PROGRAM_BUILD_LOG,
    ),
  );
}
