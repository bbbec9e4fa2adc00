/** Kernels built in other processes are those built in this one, and a process that fails costs nothing but time. */
import { describe, expect, it } from "vitest";
import type { KernelSource } from "../../src/codegen/executable.ts";
import { loadOpencl } from "../../src/runtime/opencl/bindings.ts";
import { BuildProcesses } from "../../src/runtime/opencl/build-processes.ts";
import { openOpenclDevice } from "../../src/runtime/opencl/open.ts";
import { listOpenclDevices } from "../../src/runtime/opencl/query.ts";
import { isTested } from "./device-contract.ts";

const buffers = [{ access: "read_write", sizeBytes: 4 }] as const;

/** Kernels that each add another number, so that no two are equal. */
function kernelsFrom(first: number, count: number): KernelSource[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `add_${first + i}`,
    language: "opencl-c",
    source: `__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void add_${first + i}(__global float* a) { a[0] += ${first + i}.0f; }`,
    buffers,
    groups: 1,
    groupSize: 1,
  }));
}

describe.skipIf(!isTested("opencl"))("kernels built in several processes", () => {
  it("run as they should, whichever process built them", async () => {
    const device = await openOpenclDevice({ cacheFolder: "off" });
    const kernels = await device.compile(kernelsFrom(1, 24));
    const buffer = device.allocate(4, "sum");
    device.write(buffer, Float32Array.of(0));
    await device.submit(
      device.record(kernels.map((kernel) => ({ kind: "dispatch", kernel, buffers: [buffer] }))),
    );
    expect(new Float32Array(await device.read(buffer, 4))[0]).toBe(300);
    await device.dispose();
  });

  it("are refused with the compiler's words, as when this process builds them", async () => {
    const device = await openOpenclDevice({ cacheFolder: "off" });
    const kernels = kernelsFrom(100, 24).map((kernel, i) =>
      i === 20 ? { ...kernel, source: `__kernel void ${kernel.name}(__global float* a { }` } : kernel,
    );
    await expect(device.compile(kernels)).rejects.toThrow(/rejected kernel 'add_120'[^]*error/);
    await device.dispose();
  });
});

describe.skipIf(!isTested("opencl"))("the compiler", () => {
  it("runs in other processes alone, so that its memory is theirs", async () => {
    const loaded = await loadOpencl();
    if ("missing" in loaded) throw new Error(loaded.missing);
    const { driver } = listOpenclDevices(loaded.api)[0]!;
    const processes = new BuildProcesses(driver, 2, kernelsFrom(200, 12));
    const built = kernelsFrom(200, 12).map((kernel) =>
      processes.build(
        kernel,
        () => Promise.reject(new Error("built here")),
        async (binary) => binary.length,
      ),
    );
    for (const length of await Promise.all(built)) expect(length).toBeGreaterThan(0);
    processes.close();
  });
});

describe.skipIf(!isTested("opencl"))("a kernel for large weights", () => {
  it("is built elsewhere though it is alone", async () => {
    const loaded = await loadOpencl();
    if ("missing" in loaded) throw new Error(loaded.missing);
    const { driver } = listOpenclDevices(loaded.api)[0]!;
    const [kernel] = kernelsFrom(300, 1).map((small) => ({
      ...small,
      buffers: [{ access: "read", sizeBytes: 2 ** 24 }] as const,
    }));
    const processes = new BuildProcesses(driver, 2, [kernel!]);
    const here = () => Promise.reject(new Error("built here"));
    expect(await processes.build(kernel!, here, async (binary) => binary.length)).toBeGreaterThan(0);
    processes.close();
  });
});

describe("BuildProcesses", () => {
  it("builds few kernels here, as soon as a process would have started", async () => {
    const processes = new BuildProcesses("no such driver", 4, kernelsFrom(1, 2));
    const built = kernelsFrom(1, 2).map((kernel) =>
      processes.build(
        kernel,
        async () => kernel.name,
        async () => "elsewhere",
      ),
    );
    expect(await Promise.all(built)).toEqual(["add_1", "add_2"]);
    processes.close();
  });

  it("builds everything here where no process may be started", async () => {
    const processes = new BuildProcesses("no such driver", 0, kernelsFrom(1, 12));
    const built = await Promise.all(
      kernelsFrom(1, 12).map((kernel) =>
        processes.build(
          kernel,
          async () => kernel.name,
          async () => "elsewhere",
        ),
      ),
    );
    expect(built).toEqual(kernelsFrom(1, 12).map(({ name }) => name));
    processes.close();
  });

  it("builds here what a process without the driver does not", async () => {
    const processes = new BuildProcesses("no such driver", 1, kernelsFrom(1, 20));
    const slowly = async (kernel: KernelSource) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return kernel.name;
    };
    const built = await Promise.all(
      kernelsFrom(1, 20).map((kernel) =>
        processes.build(
          kernel,
          () => slowly(kernel),
          async () => "elsewhere",
        ),
      ),
    );
    expect(built).toEqual(kernelsFrom(1, 20).map(({ name }) => name));
    processes.close();
  });
});
