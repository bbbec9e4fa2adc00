/** Finds OpenCL devices and opens one. */
import { UserError } from "../../errors.ts";
import { userCacheFolder } from "../cache-folder.ts";
import type { DeviceProbe } from "../device-probe.ts";
import { DiskCache } from "../disk-cache.ts";
import { WeightFiles } from "../weight-files.ts";
import { loadOpencl } from "./bindings.ts";
import { OpenclDevice, type OpenclStores } from "./device.ts";
import { listOpenclDevices } from "./query.ts";

export interface OpenclOptions {
  /** A part of the device's name, any case; default: the first GPU, else the first device. */
  readonly name?: string;
  /** Folder of the disk cache, or `"off"`. Default: `heddle/` in the user's cache folder. */
  readonly cacheFolder?: string;
  /** Bound on the size of the kernels in it. Default 256 MiB. */
  readonly cacheMaxBytes?: number;
  /** Bound on the size of the prepared weights in it. Default 2 GiB; 0 for none. */
  readonly weightsMaxBytes?: number;
}

/** What OpenCL devices there are, or why there are none. */
export async function probeOpencl(): Promise<DeviceProbe> {
  const loaded = await loadOpencl();
  if ("missing" in loaded) return { devices: [], missing: loaded.missing };
  const devices = listOpenclDevices(loaded.api).map(({ name, target }) => ({ name, target }));
  return { devices, missing: devices.length > 0 ? undefined : noDriver };
}

/** Opens an OpenCL device; fails with a `device-unavailable` UserError that says what to install. */
export async function openOpenclDevice(options: OpenclOptions = {}): Promise<OpenclDevice> {
  const loaded = await loadOpencl();
  if ("missing" in loaded) throw new UserError("device-unavailable", `opencl: ${loaded.missing}`);
  const found = listOpenclDevices(loaded.api);
  if (found.length === 0) throw new UserError("device-unavailable", `opencl: ${noDriver}`);
  const wanted = options.name?.toLowerCase();
  const chosen =
    wanted === undefined
      ? (found.find((info) => info.target.family === "gpu") ?? found[0])
      : found.find((info) => info.name.toLowerCase().includes(wanted));
  if (chosen === undefined)
    throw new UserError(
      "device-unavailable",
      `opencl: no device's name contains '${options.name}'; there are: ${found.map((info) => info.name).join(", ")}`,
    );
  return new OpenclDevice(loaded.api, chosen, await openStores(options));
}

const noDriver = "the ICD loader lists no device: install a driver such as pocl-opencl-icd";

/** What the device keeps on disk, if anything. */
async function openStores(options: OpenclOptions): Promise<OpenclStores> {
  const { cacheFolder, cacheMaxBytes, weightsMaxBytes } = options;
  const folder = cacheFolder === "off" ? undefined : (cacheFolder ?? (await userCacheFolder()));
  if (folder === undefined) return {};
  const [kernels, weights] = await Promise.all([
    DiskCache.open({ folder, ...(cacheMaxBytes === undefined ? {} : { maxBytes: cacheMaxBytes }) }),
    WeightFiles.open({ folder, ...(weightsMaxBytes === undefined ? {} : { maxBytes: weightsMaxBytes }) }),
  ]);
  return { kernels, ...(weights === undefined ? {} : { weights }) };
}
