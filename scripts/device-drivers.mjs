// What the WebGPU and OpenCL tests need on this machine: finds it, or installs it where that is possible.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Debian packages that give each device. */
const packages = {
  opencl: ["pocl-opencl-icd", "ocl-icd-libopencl1"],
  webgpu: ["libvulkan1", "chromium"],
};

const swiftshaderFiles = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
  "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
  "/opt/google/chrome/vk_swiftshader_icd.json",
];

/** The Vulkan driver file that the tests use: the one configured, else SwiftShader's. */
export function vulkanDriver() {
  return process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? swiftshaderFiles.find(existsSync);
}

const present = {
  opencl: () => hasLibrary("libOpenCL.so.1") && hasEntries("/etc/OpenCL/vendors"),
  webgpu: () => hasLibrary("libvulkan.so.1") && vulkanDriver() !== undefined,
};

/** Makes sure that the drivers of `devices` are there. Returns what is still missing, as lines to print. */
export function provideDrivers(devices) {
  // Elsewhere than on Linux the drivers come with the system, and the tests tell.
  const absent = () =>
    devices.filter((device) => device in present && process.platform === "linux" && !present[device]());
  if (absent().length === 0) return [];
  const wanted = absent().flatMap((device) => packages[device]);
  if (canInstall()) install("drivers", wanted);
  return absent().map(
    (device) =>
      `${device}: no driver found. Install: apt-get install ${packages[device].join(" ")}` +
      ` (or leave this device out: npm test -- --skip ${device})`,
  );
}

/** Whether packages can be installed here. */
export function canInstall() {
  return process.getuid?.() === 0 && isDebian();
}

/** Installs Debian packages, and says so. */
export function install(what, names) {
  console.log(`installing ${what}: ${names.join(" ")}`);
  apt(["update"]);
  apt(["install", "-y", "--no-install-recommends", ...names]);
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["-q", ...args], { stdio: ["ignore", "inherit", "inherit"], env });
}

function hasLibrary(name) {
  const listed = spawnSync("ldconfig", ["-p"], { encoding: "utf8" }).stdout ?? "";
  return listed.includes(name);
}

function hasEntries(folder) {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

function isDebian() {
  if (!existsSync("/etc/os-release")) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync("/etc/os-release", "utf8"));
}
