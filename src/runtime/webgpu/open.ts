/**
 * Opens the WebGPU device with every limit and feature that schedules can use; anything else stays at the
 * specification's defaults.
 */
import { UserError } from "../../errors.ts";
import type { DeviceProbe } from "../device-probe.ts";
import { importAtRuntime, isNode } from "../import-at-runtime.ts";
import { findAdapter } from "./adapter.ts";
import type { AdapterOptions, FoundAdapter } from "./adapter.ts";
import { WebgpuDevice } from "./device.ts";
import { driverOfAdapter, nameOfAdapter, targetOfAdapter } from "./target.ts";

export type WebgpuOptions = AdapterOptions;

const wantedLimits = [
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
] as const;

const wantedFeatures = ["timestamp-query", "subgroups", "shader-f16"] as const;

/** What WebGPU adapter there is, or why there is none. */
export async function probeWebgpu(options: WebgpuOptions = {}): Promise<DeviceProbe> {
  const found = await findAdapter(options);
  if ("missing" in found) return { devices: [], missing: found.missing };
  const { adapter } = found;
  const target = targetOfAdapter(adapter, await countProcessors());
  return {
    devices: [{ name: nameOfAdapter(adapter.info), target }],
    missing: undefined,
    open: () => openFound(found),
  };
}

/** Opens the WebGPU device; fails with a `device-unavailable` UserError that says what to install. */
export async function openWebgpuDevice(options: WebgpuOptions = {}): Promise<WebgpuDevice> {
  const found = await findAdapter(options);
  if ("missing" in found) throw new UserError("device-unavailable", `webgpu: ${found.missing}`);
  return openFound(found);
}

async function openFound(found: FoundAdapter): Promise<WebgpuDevice> {
  const { adapter } = found;
  const target = targetOfAdapter(adapter, await countProcessors());
  const name = nameOfAdapter(adapter.info);
  try {
    const gpu = await adapter.requestDevice({
      requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]])),
      requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    });
    return new WebgpuDevice(gpu, { name, driver: driverOfAdapter(adapter.info), target }, found.gpu);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UserError("device-unavailable", `webgpu: ${name} gives no device: ${why}`, {}, { cause });
  }
}

async function countProcessors(): Promise<number> {
  if (typeof navigator !== "undefined" && navigator.hardwareConcurrency) return navigator.hardwareConcurrency;
  if (!isNode()) return 1;
  return (await importAtRuntime<typeof import("node:os")>("node:os")).availableParallelism();
}
