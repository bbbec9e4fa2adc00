/** Where the machine has no GPU, ONNX Runtime's WebGPU provider runs on the software driver that Heddle's device takes. */
import { listDevices } from "../../src/index.ts";

/** scripts/device-drivers.mjs, which has no types. */
interface DeviceDrivers {
  vulkanDriver(): string | undefined;
}

/** Whether WebGPU is computed in software here, seconds a run; undefined where there is no WebGPU. */
export async function isWebgpuSoftware(): Promise<boolean | undefined> {
  return (await listDevices()).find(({ kind }) => kind === "webgpu")?.target?.software;
}

/** Sets the environment that the Vulkan loader reads. Returns what to add to a description. */
export async function pointToSoftwareVulkan(): Promise<string> {
  if ((await isWebgpuSoftware()) === false) return "";
  const path = "../../scripts/device-drivers.mjs";
  const driver = ((await import(path)) as DeviceDrivers).vulkanDriver();
  if (driver === undefined) return "";
  process.env["VK_DRIVER_FILES"] = process.env["VK_ICD_FILENAMES"] = driver;
  return `, ${driver.split("/").at(-1)}`;
}
