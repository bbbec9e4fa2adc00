import { describe, expect, it } from "vitest";
import type { Kernel } from "../../src/codegen/kernel-ir.ts";
import { f32, i32, vectorOf } from "../../src/codegen/kernel-ir.ts";
import { legalizeForWgsl } from "../../src/codegen/wgsl/legal.ts";
import { writeWgsl } from "../../src/codegen/wgsl/write.ts";
import type { CompiledKernel } from "../../src/runtime/device.ts";
import { openWebgpuDevice, probeWebgpu } from "../../src/runtime/webgpu/open.ts";
import { targetOfAdapter } from "../../src/runtime/webgpu/target.ts";
import { codeOf, describeDeviceContract, isTested, runKernel, sourceOf } from "./device-contract.ts";
import type { DeviceUnderTest } from "./device-contract.ts";
import { add, constant, eq, lt, mul, ref } from "./expressions.ts";
import { kernelOf, samples } from "./sample-kernels.ts";

const under: DeviceUnderTest = {
  open: () => openWebgpuDevice(),
  groupSize: 64,
  write: (kernel, target) => writeWgsl(legalizeForWgsl(kernel, target), target),
  brokenSource: "@compute @workgroup_size(1) fn broken( {",
};
const sample = samples[0] as (typeof samples)[number];
const local = { kind: "local", type: i32 } as const;
const group = { kind: "group", type: i32 } as const;

/** y[g] = sum of the 64 elements of group g, by halving in workgroup memory; the first step is in vectors. */
const reduction: Kernel = {
  name: "group_sum",
  comment: "y = sum of rows of x",
  buffers: [
    { name: "x", scalar: "f32", access: "read", elementCount: 256 },
    { name: "y", scalar: "f32", access: "write", elementCount: 4 },
  ],
  shared: [
    { name: "rows", scalar: "f32", elementCount: 64 },
    { name: "sums", scalar: "f32", elementCount: 16 },
  ],
  groups: 4,
  groupSize: 16,
  body: [
    {
      kind: "load",
      name: "v",
      type: vectorOf("f32", 4),
      buffer: "x",
      index: add(mul(group, 64), mul(local, 4)),
    },
    { kind: "store", buffer: "rows", index: mul(local, 4), value: ref("v", vectorOf("f32", 4)) },
    { kind: "barrier" },
    { kind: "var", name: "sum", value: constant(f32, 0) },
    {
      kind: "if",
      cond: lt(local, 16),
      then: [
        { kind: "load", name: "w", type: vectorOf("f32", 4), buffer: "rows", index: mul(local, 4) },
        ...[0, 1, 2, 3].map(
          (lane) =>
            ({
              kind: "assign",
              name: "sum",
              value: add(ref("sum", f32), { kind: "lane", type: f32, x: ref("w", vectorOf("f32", 4)), lane }),
            }) as const,
        ),
      ],
      else: [],
    },
    { kind: "store", buffer: "sums", index: local, value: ref("sum", f32) },
    { kind: "barrier" },
    {
      kind: "for",
      name: "step",
      start: 0,
      end: 1,
      step: 1,
      body: [
        {
          kind: "if",
          cond: eq(local, 0),
          then: [
            { kind: "var", name: "total", value: constant(f32, 0) },
            {
              kind: "for",
              name: "i",
              start: 0,
              end: 16,
              step: 1,
              body: [
                { kind: "load", name: "s", type: f32, buffer: "sums", index: ref("i", i32) },
                { kind: "assign", name: "total", value: add(ref("total", f32), ref("s", f32)) },
              ],
            },
            { kind: "store", buffer: "y", index: group, value: ref("total", f32) },
          ],
          else: [],
        },
        { kind: "barrier" },
      ],
    },
  ],
};

describe.skipIf(!isTested("webgpu"))("the WebGPU device", () => {
  describeDeviceContract(under);

  it("is listed with its target", async () => {
    const probe = await probeWebgpu();
    expect(probe.missing).toBeUndefined();
    expect(probe.devices[0]?.target).toMatchObject({ language: "wgsl", family: "gpu" });
  });

  it("shares workgroup memory between barriers", async () => {
    const device = await under.open();
    const x = Float32Array.from({ length: 256 }, (_, i) => i);
    const { y } = await runKernel(device, reduction, { x }, under);
    expect([...(y as Float32Array)]).toEqual([2016, 6112, 10208, 14304]);
    await device.dispose();
  });

  it("runs more groups than one dimension of a dispatch has", async () => {
    const device = await under.open();
    const groups = 70_001;
    const kernel: Kernel = {
      ...kernelOf(sample, 1),
      name: "many_groups",
      buffers: [{ name: "y", scalar: "i32", access: "write", elementCount: groups }],
      groups,
      body: [{ kind: "store", buffer: "y", index: group, value: add(group, 1) }],
    };
    const { y } = await runKernel(device, kernel, {}, under);
    expect([y?.[0], y?.[65_535], y?.[groups - 1]]).toEqual([1, 65_536, groups]);
    await device.dispose();
  });

  it("refuses a buffer that one dispatch reads and writes", async () => {
    const device = await under.open();
    const [kernel] = await device.compile([sourceOf(kernelOf(sample, 64), device.target, under)]);
    const [a, y] = [device.allocate(4000, "a"), device.allocate(4000, "y")];
    const record = (buffers: readonly (typeof a)[]) => (): unknown =>
      device.record([{ kind: "dispatch", kernel: kernel as CompiledKernel, buffers }]);
    expect(record([a, a, y])).not.toThrow();
    expect(record([a, y, y])).toThrow(/binds buffer 'y' twice/);
    await device.dispose();
  });

  it("says that it was lost, in work under way and ever after", async () => {
    const device = await openWebgpuDevice();
    const buffer = device.allocate(16, "b");
    const reading = codeOf(() => device.read(buffer, 16));
    device.gpu.destroy();
    expect(["device-lost", "nothing was thrown"]).toContain(await reading);
    await device.gpu.lost;
    expect(device.lost).toMatch(/destroyed/);
    expect(await codeOf(() => device.allocate(16, "c"))).toBe("device-lost");
    expect(await codeOf(() => device.compile([sourceOf(kernelOf(sample, 64), device.target, under)]))).toBe(
      "device-lost",
    );
    await device.dispose();
  });

  it("survives the collection of devices that were dropped", async () => {
    for (let i = 0; i < 3; i++) {
      const device = await under.open();
      const result = await runKernel(device, kernelOf(sample, 64), sample.inputs, under);
      expect(result["y"]?.[3]).toBe(-1);
      if (i % 2 === 0) await device.dispose();
    }
  });
});

describe("the target of a WebGPU adapter", () => {
  const facts = (
    info: Partial<GPUAdapterInfo>,
    features: readonly string[],
  ): Parameters<typeof targetOfAdapter>[0] => ({
    limits: { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupSizeX: 128, maxComputeWorkgroupStorageSize: 16384, maxStorageBuffersPerShaderStage: 10, maxStorageBufferBindingSize: 1003, maxBufferSize: 2000 } as GPUSupportedLimits, // prettier-ignore
    features: new Set(features) as unknown as GPUSupportedFeatures,
    info: { vendor: "", architecture: "", description: "", device: "", subgroupMinSize: 0, subgroupMaxSize: 0, isFallbackAdapter: false, ...info } as GPUAdapterInfo, // prettier-ignore
  });

  it("keeps within every limit", () => {
    const target = targetOfAdapter(facts({}, []), 8);
    expect(target).toMatchObject({
      maxGroupSize: 128,
      maxStorageBuffers: 10,
      maxBufferBytes: 1000,
      subgroupSize: 0,
    });
  });

  it("is software when subgroups have four lanes, or the adapter says so", () => {
    const software = (info: Partial<GPUAdapterInfo>): boolean =>
      targetOfAdapter(facts(info, ["subgroups"]), 8).software;
    expect(software({ subgroupMinSize: 4, subgroupMaxSize: 4 })).toBe(true);
    expect(software({ isFallbackAdapter: true })).toBe(true);
    expect(software({ subgroupMinSize: 32, subgroupMaxSize: 32 })).toBe(false);
  });

  it("plans with subgroups only of a known size", () => {
    const size = (min: number, max: number): number =>
      targetOfAdapter(facts({ subgroupMinSize: min, subgroupMaxSize: max }, ["subgroups"]), 8).subgroupSize;
    expect(size(32, 32)).toBe(32);
    expect(size(8, 32)).toBe(0);
  });
});
