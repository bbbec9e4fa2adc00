/** In: the facts an adapter states. Out: the target that schedules may plan with. */
import type { Target } from "../../codegen/target.ts";

/** WebGPU tells no number of compute units; a middling GPU, so that schedules neither starve nor flood. */
const assumedComputeUnits = 32;

export type AdapterFacts = Pick<GPUAdapter, "limits" | "features" | "info">;

export function targetOfAdapter(adapter: AdapterFacts, processors: number): Target {
  const { limits, features, info } = adapter;
  const subgroups = features.has("subgroups");
  const software = isSoftware(info, subgroups);
  return Object.freeze({
    language: "wgsl",
    family: "gpu",
    vectorWidth: 4,
    vectorRegisters: 64,
    maxGroupSize: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
    sharedMemoryBytes: limits.maxComputeWorkgroupStorageSize,
    maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
    // Bindings are whole buffers, so neither limit may be passed; sizes are multiples of four bytes.
    maxBufferBytes: Math.floor(Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) / 4) * 4,
    subgroupSize: subgroups && info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : 0,
    f16: features.has("shader-f16"),
    computeUnits: software ? Math.max(1, processors) : assumedComputeUnits,
    software,
  });
}

/** By facts where there are any: no GPU has subgroups of four lanes or fewer. */
function isSoftware(info: GPUAdapterInfo, subgroups: boolean): boolean {
  if (info.isFallbackAdapter) return true;
  if (subgroups && info.subgroupMaxSize > 0 && info.subgroupMaxSize <= 4) return true;
  return /swiftshader|llvmpipe|lavapipe|basic render/i.test(
    `${info.architecture} ${info.description} ${info.device}`,
  );
}

export function nameOfAdapter(info: GPUAdapterInfo): string {
  return (
    info.description || [info.vendor, info.architecture].filter((part) => part !== "").join(" ") || "WebGPU"
  );
}

/** All that WebGPU tells of what is behind an adapter; some implementations put the driver's version in. */
export function driverOfAdapter({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const words = [vendor, architecture, device, description].filter((word) => word !== "");
  return words.length === 0 ? "unknown" : words.join(", ");
}
