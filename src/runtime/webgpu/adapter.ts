/**
 * Finds a WebGPU adapter: `navigator.gpu` where there is one, else the `webgpu` package (Dawn) in Node. On a
 * Linux machine without a usable Vulkan driver the SwiftShader that comes with Chromium serves. The only file
 * of this folder that reads or touches the environment.
 */
import { importAtRuntime, isNode } from "../import-at-runtime.ts";

export interface AdapterOptions {
  readonly powerPreference?: GPUPowerPreference;
  /** Asks for a software adapter. */
  readonly forceFallbackAdapter?: boolean;
}

/** `gpu` must stay reachable as long as anything made from the adapter: Dawn in Node crashes otherwise. */
export interface FoundAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
}

export type AdapterSearch = FoundAdapter | { readonly missing: string };

export async function findAdapter(options: AdapterOptions = {}): Promise<AdapterSearch> {
  if (typeof navigator !== "undefined" && navigator.gpu !== undefined) {
    const found = await request(navigator.gpu, options);
    return (
      found ?? { missing: "this browser has WebGPU but offers no adapter for this machine's graphics driver" }
    );
  }
  if (!isNode()) return { missing: "this browser has no WebGPU (navigator.gpu is missing)" };
  let dawn: Dawn;
  try {
    dawn = await importAtRuntime<Dawn>("webgpu");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { missing: `the package webgpu is not installed or does not load (npm install webgpu): ${why}` };
  }
  return findInNode(dawn, options);
}

async function request(gpu: GPU, options: AdapterOptions): Promise<FoundAdapter | undefined> {
  const adapter = await gpu.requestAdapter(options);
  return adapter === null ? undefined : { gpu, adapter };
}

interface Dawn {
  readonly create: (flags: string[]) => GPU;
}

/** Exact timestamps, for `profile`. */
const dawnFlags = ["disable-dawn-features=timestamp_quantization"];

/** Folders in which the Vulkan loader looks for drivers, and where Chromium and Chrome keep SwiftShader. */
const vulkanFolders = ["/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
const swiftshaderFolders = [
  "/usr/lib/chromium",
  "/usr/lib64/chromium-browser",
  "/usr/lib/chromium-browser",
  "/opt/google/chrome",
];
const vulkanVariables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] as const;

async function findInNode(dawn: Dawn, options: AdapterOptions): Promise<AdapterSearch> {
  const search = (): ReturnType<typeof request> => request(dawn.create([...dawnFlags]), options);
  const { existsSync, readdirSync } = await importAtRuntime<typeof import("node:fs")>("node:fs");
  const isLinux = process.platform === "linux";
  const configured = vulkanVariables.some((name) => process.env[name] !== undefined);
  // Without any driver installed Dawn would only print warnings.
  const installed = vulkanFolders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
  if (configured || installed || !isLinux) {
    const found = await search();
    if (found !== undefined) return found;
    if (configured)
      return {
        missing: `no WebGPU adapter for the Vulkan driver that ${vulkanVariables.join(" or ")} names`,
      };
  }
  const driver = swiftshaderFolders.map((folder) => `${folder}/vk_swiftshader_icd.json`).find(existsSync);
  if (!isLinux || driver === undefined)
    return {
      missing:
        "no WebGPU adapter: install libvulkan1 and a Vulkan driver, or chromium for its software driver",
    };
  // The Vulkan loader reads the variables while the adapter is looked up, and not afterwards.
  for (const name of vulkanVariables) process.env[name] = driver;
  try {
    const found = await search();
    if (found !== undefined) return found;
    return { missing: `the software driver ${driver} gives no adapter: is libvulkan1 installed?` };
  } finally {
    for (const name of vulkanVariables) delete process.env[name];
  }
}
