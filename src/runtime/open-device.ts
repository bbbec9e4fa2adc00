/**
 * Finds and opens devices. One open device of each kind is shared by all who ask for it by name, so that
 * parameters and compiled kernels are shared, too; a device that was lost or disposed is replaced.
 */
import { UserError } from "../errors.ts";
import { checkOptions, nearestName, type KnownOptions, type OptionKind } from "../ir/check-options.ts";
import { shortText } from "../ir/short-text.ts";
import { wasmTarget, type Target } from "../codegen/target.ts";
import { chooseThreadCount } from "./cpu/thread-count.ts";
import { openCpuDevice } from "./cpu/open-cpu-device.ts";
import type { Device, DeviceKind } from "./device.ts";
import type { DeviceProbe } from "./device-probe.ts";
import { isNode } from "./import-at-runtime.ts";
import { openOpenclDevice, probeOpencl, type OpenclOptions } from "./opencl/open.ts";
import { openWebgpuDevice, probeWebgpu } from "./webgpu/open.ts";

/** `auto` takes the fastest device there is. */
export type DeviceChoice = DeviceKind | "auto" | Device;

/** A device that there is, or one that is missing. */
export interface DeviceListing {
  /** Which of the three. */
  readonly kind: DeviceKind;
  /** undefined where the device is missing. */
  readonly name?: string;
  /** What the compiler knows of it; undefined where it is missing. */
  readonly target?: Target;
  /** Why it is missing, and what to install. */
  readonly missing?: string;
}

/** What `openDevice` gives. */
export interface OpenedDevice {
  /** The device. */
  readonly device: Device;
  /** Why this device, for reports. */
  readonly reason: string;
}

const probes: Readonly<Record<DeviceKind, () => Promise<DeviceProbe>>> = {
  webgpu: () => probeWebgpu(),
  opencl: () => probeOpencl(),
  cpu: async () => {
    const { threads } = await chooseThreadCount(undefined);
    const target = { ...wasmTarget, computeUnits: threads };
    return { devices: [{ name: "embedded CPU (WebAssembly)", target }], missing: undefined };
  },
};

const openers: Readonly<Record<DeviceKind, () => Promise<Device>>> = {
  webgpu: async () => {
    const { missing, open = openWebgpuDevice } = await lookFor("webgpu");
    if (missing !== undefined) throw new UserError("device-unavailable", `webgpu: ${missing}`);
    return open();
  },
  opencl: () => openOpenclDevice(),
  cpu: () => openCpuDevice(),
};

const kindOf: Readonly<Record<keyof OpenDeviceOptions, DeviceKind>> = {
  threads: "cpu",
  name: "opencl",
  cacheFolder: "opencl",
  cacheMaxBytes: "opencl",
  weightsMaxBytes: "opencl",
};

/** Every device, with its target; for every kind that is missing, why. */
export async function listDevices(): Promise<readonly DeviceListing[]> {
  const listings: DeviceListing[] = [];
  for (const kind of ["webgpu", "opencl", "cpu"] as const) {
    const { devices, missing } = await lookFor(kind);
    for (const { name, target } of devices) listings.push({ kind, name, target });
    if (devices.length === 0) listings.push({ kind, missing: missing ?? "none was found" });
  }
  return listings;
}

/** Each is for one kind of device; those of OpenCL are described there. */
export interface OpenDeviceOptions extends OpenclOptions {
  /** Threads of the embedded CPU device; by default `HEDDLE_CPU_THREADS`, else as many as the hardware has. */
  readonly threads?: number;
}

/**
 * The shared device of a kind. With options, a device of the caller's own, who disposes it:
 *
 *     const { device } = await openDevice("cpu", { threads: 2 });
 *     const { device } = await openDevice("opencl", { name: "pocl", weightsMaxBytes: 0 });
 */
export async function openDevice(
  choice: DeviceChoice,
  options: OpenDeviceOptions = {},
): Promise<OpenedDevice> {
  const anyKind = (name: keyof OpenDeviceOptions): OptionKind =>
    name === "name" || name === "cacheFolder" ? "string" : "number";
  const known = Object.fromEntries(
    (Object.keys(kindOf) as (keyof OpenDeviceOptions)[]).map((name) => [name, anyKind(name)]),
  ) as KnownOptions<OpenDeviceOptions>;
  checkOptions<OpenDeviceOptions>("openDevice", options, known);
  const given = (Object.keys(kindOf) as (keyof OpenDeviceOptions)[]).filter(
    (name) => options[name] !== undefined,
  );
  for (const name of given) {
    if (kindOf[name] === choice) continue;
    const asked = typeof choice === "object" ? choice.name : JSON.stringify(choice);
    throw new UserError(
      "argument",
      `${name}: only device "${kindOf[name]}" is opened with it, not ${asked}.`,
    );
  }
  if (given.length > 0) {
    const device = await (choice === "cpu" ? openCpuDevice(options) : openOpenclDevice(options));
    return { device, reason: "asked for" };
  }
  if (typeof choice === "object") return { device: choice, reason: "given by the caller" };
  if (choice !== "auto") {
    if (!Object.hasOwn(openers, choice)) {
      const near = nearestName(String(choice), ["auto", ...Object.keys(openers)]);
      const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
      throw new UserError(
        "argument",
        `device: expected "auto", "cpu", "webgpu", "opencl" or a Device, got ${shortText(choice)}.${hint}`,
      );
    }
    return { device: await sharedDevice(choice), reason: "asked for" };
  }
  return openFastest();
}

/** A real GPU, else OpenCL, else the embedded CPU; software WebGPU is slower than that and never chosen. */
async function openFastest(): Promise<OpenedDevice> {
  const passedOver: string[] = [];
  for (const kind of ["webgpu", "opencl"] as const) {
    const { devices, missing, open } = await lookFor(kind);
    const usable = devices.find(({ target }) => !target.software);
    if (usable !== undefined) {
      const because =
        usable.target.family === "gpu" ? "a GPU" : "OpenCL compiles for this processor's full vector width";
      try {
        return { device: await sharedDevice(kind, open), reason: [because, ...passedOver].join("; ") };
      } catch (error) {
        passedOver.push(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
    }
    passedOver.push(`${kind}: ${missing ?? "only a software adapter, slower than the embedded CPU"}`);
  }
  return { device: await sharedDevice("cpu"), reason: `always there; ${passedOver.join("; ")}` };
}

/** Looking now, or found missing by a browser: that stays so, and asking again only puts a warning on its console. */
const looking = new Map<DeviceKind, Promise<DeviceProbe>>();

async function lookFor(kind: DeviceKind): Promise<DeviceProbe> {
  const known = looking.get(kind);
  if (known !== undefined) return known;
  const search = probes[kind]();
  looking.set(kind, search);
  const stays = await search.then(
    ({ missing }) => missing !== undefined && !isNode(),
    () => false,
  );
  if (!stays) looking.delete(kind);
  return search;
}

/** Devices are resources with identity; this is the one place that remembers them. */
const shared = new Map<DeviceKind, Promise<Device>>();

async function sharedDevice(kind: DeviceKind, open = openers[kind]): Promise<Device> {
  for (;;) {
    const current = shared.get(kind);
    if (current === undefined) {
      const opening = open();
      shared.set(kind, opening);
      return opening;
    }
    const device = await current.catch(() => undefined);
    if (device !== undefined && device.lost === undefined) return device;
    // Whoever waited with us may have replaced it already.
    if (shared.get(kind) === current) shared.delete(kind);
  }
}
