import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { legalizeForOpencl } from "../../src/codegen/opencl/legal.ts";
import { writeOpenclC } from "../../src/codegen/opencl/write.ts";
import { openDevice } from "../../src/index.ts";
import { openOpenclDevice, probeOpencl } from "../../src/runtime/opencl/open.ts";
import { codeOf, describeDeviceContract, isTested, runKernel, sourceOf } from "./device-contract.ts";
import type { DeviceUnderTest } from "./device-contract.ts";
import { kernelOf, samples } from "./sample-kernels.ts";

const under: DeviceUnderTest = {
  open: () => openOpenclDevice({ cacheFolder: "off" }),
  groupSize: 1,
  write: (kernel, target) => writeOpenclC(legalizeForOpencl(kernel, target), target),
  brokenSource: "__kernel void broken(__global float* a { }",
};
const sample = samples[0] as (typeof samples)[number];

describe.skipIf(!isTested("opencl"))("the OpenCL device", () => {
  describeDeviceContract(under);

  it("is listed with its target", async () => {
    const probe = await probeOpencl();
    expect(probe.missing).toBeUndefined();
    expect(probe.devices[0]?.target.language).toBe("opencl-c");
  });

  it("compiles expressions that nest deeply", async () => {
    const device = await openOpenclDevice({ cacheFolder: "off" });
    const depth = 200;
    const expression = `${"(1.0f + ".repeat(depth)}a[0]${")".repeat(depth)}`;
    const source = `__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void deep(__global float* a) { a[0] = ${expression}; }`;
    const buffers = [{ access: "read_write", sizeBytes: 4 }] as const;
    const kernel = { name: "deep", language: "opencl-c", source, buffers, groups: 1, groupSize: 1 } as const;
    await expect(device.compile([kernel])).resolves.toHaveLength(1);
    await device.dispose();
  });

  it("names the devices there are when the one asked for is not", async () => {
    const { devices } = await probeOpencl();
    const open = (): Promise<unknown> => openOpenclDevice({ name: "no such device" });
    expect(await codeOf(open)).toBe("device-unavailable");
    await expect(open()).rejects.toThrow(devices[0]?.name);
  });

  it("is the caller's own where it is opened with options", async () => {
    const folder = mkdtempSync(join(tmpdir(), "heddle-own-"));
    const { device: shared } = await openDevice("opencl");
    const { device: own } = await openDevice("opencl", {
      cacheFolder: folder,
      name: shared.name.slice(0, 4),
    });
    expect(own).not.toBe(shared);
    expect(own.name).toBe(shared.name);
    await own.compile([sourceOf(kernelOf(sample, 1), own.target, under)]);
    expect(readdirSync(folder)).toHaveLength(1);
    await own.dispose();
    expect(shared.lost).toBeUndefined();
    rmSync(folder, { recursive: true });
    await expect(openDevice("cpu", { cacheFolder: folder })).rejects.toMatchObject({
      code: "argument",
      message: 'cacheFolder: only device "opencl" is opened with it, not "cpu".',
    });
  });

  it("takes kernels from the disk cache, and replaces damaged entries", async () => {
    const folder = mkdtempSync(join(tmpdir(), "heddle-cache-"));
    const compileAfresh = async (): Promise<boolean | undefined> => {
      const device = await openOpenclDevice({ cacheFolder: folder });
      let cached: boolean | undefined;
      await device.compile([sourceOf(kernelOf(sample, 1), device.target, under)], (p) => (cached = p.cached));
      const result = await runKernel(device, kernelOf(sample, 1), sample.inputs, under);
      expect(result["y"]?.[3]).toBe(-1);
      await device.dispose();
      return cached;
    };
    try {
      expect(await compileAfresh()).toBe(false);
      expect(await compileAfresh()).toBe(true);
      const [entry] = readdirSync(folder);
      const file = join(folder, entry ?? "");
      const good = readFileSync(file);
      for (const damaged of [
        good.subarray(0, good.length - 9),
        Buffer.from("other"),
        Buffer.from(good).fill(7, 500, 600),
      ]) {
        writeFileSync(file, damaged);
        expect(await compileAfresh()).toBe(false);
        expect(readFileSync(file).length).toBe(good.length);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("works without a usable cache folder, and says so", async () => {
    const device = await openOpenclDevice({ cacheFolder: "/dev/null/nowhere" });
    const notes: (string | undefined)[] = [];
    await device.compile([sourceOf(kernelOf(sample, 1), device.target, under)], (p) => notes.push(p.note));
    expect(notes[0]).toMatch(/nowhere/);
    await device.dispose();
  });
});
