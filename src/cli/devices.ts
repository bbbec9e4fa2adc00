/** `heddle devices`: every device with the facts that decide what is compiled for it, and why others are missing. */
import type { Target } from "../codegen/target.ts";
import { formatBytes } from "../report.ts";
import { listDevices } from "../runtime/open-device.ts";

export async function devicesCommand(json: boolean): Promise<void> {
  if (json) return console.log(JSON.stringify(await listDevices(), undefined, 2));
  for (const { kind, name, target, missing } of await listDevices()) {
    console.log(`${kind.padEnd(7)} ${missing === undefined ? name : `missing: ${missing}`}`);
    if (target !== undefined) for (const line of describeTarget(target)) console.log(`        ${line}`);
  }
}

function describeTarget(target: Target): string[] {
  const { language, family, vectorWidth, computeUnits, subgroupSize } = target;
  const units = `${computeUnits} compute unit${computeUnits === 1 ? "" : "s"}`;
  return [
    `kernels in ${language}, scheduled for a ${family}${target.software ? " (in software)" : ""}; ${units}, vectors of ${vectorWidth}${target.f16 ? ", f16" : ""}`,
    `groups of up to ${target.maxGroupSize}, ${formatBytes(target.sharedMemoryBytes)} of shared memory, ${subgroupSize === 0 ? "no subgroups" : `subgroups of ${subgroupSize}`}`,
    `up to ${target.maxStorageBuffers} buffers a kernel, of up to ${formatBytes(target.maxBufferBytes)}`,
  ];
}
