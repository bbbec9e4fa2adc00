import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import type { KernelSource } from "../../src/codegen/executable.ts";
import { f32, i32, type Kernel } from "../../src/codegen/kernel-ir.ts";
import { add, binary, constant, ref } from "../../src/codegen/legalize/build-expr.ts";
import { printKernel } from "../../src/codegen/print-kernel.ts";
import { wasmTarget } from "../../src/codegen/target.ts";
import { legalizeForWasm } from "../../src/codegen/wasm/legalize.ts";
import { writeWasm } from "../../src/codegen/wasm/write.ts";
import { MemoryAllocator, alignmentBytes } from "../../src/runtime/cpu/memory-allocator.ts";
import { openCpuDevice } from "../../src/runtime/cpu/open-cpu-device.ts";

const count = 100;

/** y[i] = y[i] + addend. */
function addKernel(addend: number, name = "add"): KernelSource {
  const group = { kind: "group", type: i32 } as const;
  const kernel: Kernel = {
    name,
    comment: `adds ${addend}`,
    buffers: [{ name: "y", scalar: "f32", access: "read_write", elementCount: count }],
    shared: [],
    groups: count,
    groupSize: 1,
    body: [
      { kind: "load", name: "v", type: f32, buffer: "y", index: group },
      { kind: "store", buffer: "y", index: group, value: add(ref("v", f32), addend) },
    ],
  };
  return sourceOf(kernel);
}

function sourceOf(kernel: Kernel): KernelSource {
  const legal = legalizeForWasm(kernel, wasmTarget);
  return {
    name: kernel.name,
    language: "wasm",
    source: printKernel(legal),
    binary: writeWasm(legal, wasmTarget),
    buffers: kernel.buffers.map(({ access, elementCount }) => ({ access, sizeBytes: elementCount * 4 })),
    groups: kernel.groups,
    groupSize: kernel.groupSize,
  };
}

async function floats(result: Promise<ArrayBuffer>): Promise<number[]> {
  return [...new Float32Array(await result)];
}

describe("the embedded CPU device", () => {
  it("runs dispatches and copies in order, and reports one timing a dispatch", async () => {
    const device = await openCpuDevice();
    const [one, two] = [device.allocate(count * 4, "one"), device.allocate(count * 4, "two")];
    const kernels = await device.compile([addKernel(1), addKernel(10)]);
    const list = device.record([
      { kind: "dispatch", kernel: kernels[0]!, buffers: [one] },
      { kind: "copy", source: one, destination: two, sizeBytes: count * 4 },
      { kind: "dispatch", kernel: kernels[1]!, buffers: [two] },
    ]);
    device.write(
      one,
      Float32Array.from({ length: count }, (_, i) => i),
    );
    const timings = await device.submit(list, { profile: true });
    expect(timings.map(({ kernel }) => kernel)).toEqual(["add", "add"]);
    expect(timings.every(({ elapsedMs }) => elapsedMs >= 0)).toBe(true);
    expect(await floats(device.read(one, 16))).toEqual([1, 2, 3, 4]);
    expect((await floats(device.read(two, count * 4))).at(-1)).toBe(count - 1 + 11);
    expect(await device.submit(list)).toEqual([]);
    expect(await floats(device.read(one, 8))).toEqual([2, 3]);
    await device.finish();
  });

  it("takes effect in call order without awaiting", async () => {
    const device = await openCpuDevice();
    const buffer = device.allocate(count * 4, "y");
    const [kernel] = await device.compile([addKernel(1)]);
    const list = device.record([{ kind: "dispatch", kernel: kernel!, buffers: [buffer] }]);
    const results = [5, 6].map((x) => {
      device.write(buffer, new Float32Array(count).fill(x));
      void device.submit(list);
      return floats(device.read(buffer, 4));
    });
    expect(await Promise.all(results)).toEqual([[6], [7]]);
  });

  it("compiles identical kernels once and says so", async () => {
    const device = await openCpuDevice();
    const progress: string[] = [];
    const kernels = await device.compile([addKernel(1, "p"), addKernel(1, "q"), addKernel(2, "r")], (p) =>
      progress.push(`${p.kernel} ${p.cached} ${p.total}`),
    );
    expect(kernels.map(({ source }) => source.name)).toEqual(["p", "q", "r"]);
    expect(progress.sort()).toEqual(["p false 3", "q true 3", "r false 3"]);
  });

  it("keeps contents when memory grows", async () => {
    const device = await openCpuDevice();
    const first = device.allocate(16, "first");
    device.write(first, Float32Array.of(1, 2, 3, 4));
    const large = device.allocate(200 * 2 ** 20, "large");
    device.write(large, Float32Array.of(9));
    expect(await floats(device.read(first, 16))).toEqual([1, 2, 3, 4]);
    expect(await floats(device.read(large, 4))).toEqual([9]);
  });

  it("runs kernels on buffers above 2 GiB", async () => {
    const device = await openCpuDevice();
    device.allocate(2 ** 31 - 64, "filler");
    const buffer = device.allocate(count * 4, "y");
    const [kernel] = await device.compile([addKernel(1)]);
    device.write(buffer, new Float32Array(count).fill(41));
    await device.submit(device.record([{ kind: "dispatch", kernel: kernel!, buffers: [buffer] }]));
    expect(await floats(device.read(buffer, 4))).toEqual([42]);
    await device.dispose();
  });

  it("frees memory for others to use", async () => {
    const device = await openCpuDevice({ maxMemoryBytes: 2 ** 20 });
    for (let i = 0; i < 10; i++) {
      const buffer = device.allocate(2 ** 20, "all");
      buffer.destroy();
      buffer.destroy();
    }
  });
});

describe("errors of the embedded CPU device", () => {
  it("out of memory names the size, the label and the limit", async () => {
    const device = await openCpuDevice({ maxMemoryBytes: 2 ** 20 });
    device.allocate(2 ** 19, "half");
    expect(() => device.allocate(2 ** 19 + 64, "activations")).toThrow(
      /cannot allocate 524352 bytes for 'activations': of at most 1048576 bytes 524288 are in use/,
    );
    expect(() => device.allocate(2 ** 32, "huge")).toThrow(/one buffer may have 1048576 bytes/);
    expect(codeOf(() => device.allocate(2 ** 32, "huge"))).toBe("out-of-memory");
    expect(codeOf(() => device.allocate(-1, "negative"))).toBe("argument");
  });

  it("a rejected kernel carries the engine's message, its name and its source", async () => {
    const device = await openCpuDevice();
    const bad: KernelSource = { ...addKernel(1, "broken"), binary: Uint8Array.of(0, 1, 2, 3) };
    await expect(device.compile([bad])).rejects.toThrow(/rejected kernel 'broken': CompileError[^]*# adds 1/);
    await expect(device.compile([{ ...bad, language: "wgsl" }])).rejects.toThrow(/'broken' is wgsl/);
  });

  it.each([
    ["is no module", () => Uint8Array.of(0, 1, 2, 3)],
    ["has an instruction that does not exist", (good: Uint8Array) => good.with(-2, 0xff)],
  ])("a kernel that %s does not take others with it", async (_, damage) => {
    const device = await openCpuDevice();
    const good = addKernel(1, "broken");
    const bad: KernelSource = { ...good, binary: damage(good.binary!) };
    await expect(device.compile([addKernel(1), bad, addKernel(2, "two")])).rejects.toThrow(/'broken'/);
    const again: boolean[] = [];
    const kernels = await device.compile([addKernel(1), addKernel(2)], ({ cached }) => again.push(cached));
    expect(again).toEqual([true, true]);
    const buffer = device.allocate(count * 4, "y");
    device.write(buffer, new Float32Array(count).fill(40));
    const dispatches = kernels.map((kernel) => ({ kind: "dispatch" as const, kernel, buffers: [buffer] }));
    await device.submit(device.record(dispatches));
    expect(await floats(device.read(buffer, 4))).toEqual([43]);
  });

  it("buffers that are too small, destroyed, too few or of another device", async () => {
    const device = await openCpuDevice();
    const other = await openCpuDevice();
    const [kernel] = await device.compile([addKernel(1)]);
    const small = device.allocate(8, "small");
    const record =
      (...buffers: ReturnType<typeof device.allocate>[]) =>
      () =>
        device.record([{ kind: "dispatch", kernel: kernel!, buffers }]);
    expect(record(small)).toThrow(/'small' has 8 bytes, 400 were asked for/);
    expect(record()).toThrow(/takes 1 buffers, got 0/);
    expect(record(other.allocate(400, "foreign"))).toThrow(/another device/);
    expect(() => other.record([{ kind: "dispatch", kernel: kernel!, buffers: [] }])).toThrow(
      /another device/,
    );
    const buffer = device.allocate(400, "gone");
    const list = record(buffer)();
    buffer.destroy();
    await expect(device.submit(list)).rejects.toThrow(/'gone' was destroyed/);
    expect(() => device.write(buffer, new Float32Array(1))).toThrow(/'gone' was destroyed/);
    expect(() => device.write(small, new Float32Array(3))).toThrow(/'small' has 8 bytes, 12 were asked for/);
    list.dispose();
    await expect(device.submit(list)).rejects.toThrow(/command list was disposed/);
  });

  it("a trap rejects the promise of submit", async () => {
    const device = await openCpuDevice();
    const kernel: Kernel = {
      name: "far",
      comment: "",
      buffers: [{ name: "y", scalar: "f32", access: "write", elementCount: 1 }],
      shared: [],
      groups: 1,
      groupSize: 1,
      body: [
        {
          kind: "store",
          buffer: "y",
          index: binary("mul", constant(i32, 2 ** 14), constant(i32, 2 ** 14)),
          value: constant(f32, 1),
        },
      ],
    };
    const [compiled] = await device.compile([sourceOf(kernel)]);
    const list = device.record([{ kind: "dispatch", kernel: compiled!, buffers: [device.allocate(4, "y")] }]);
    await expect(device.submit(list)).rejects.toThrow(/out of bounds/);
  });

  it("use after dispose", async () => {
    const device = await openCpuDevice();
    const buffer = device.allocate(16, "y");
    const list = device.record([]);
    expect(device.lost).toBeUndefined();
    await device.dispose();
    await device.dispose();
    expect(device.lost).toMatch(/disposed/);
    buffer.destroy();
    for (const use of [
      () => device.allocate(4, "z"),
      () => device.write(buffer, new Float32Array(1)),
      () => device.record([]),
    ])
      expect(codeOf(use)).toBe("disposed");
    for (const use of [device.read(buffer, 4), device.compile([]), device.submit(list), device.finish()])
      await expect(use).rejects.toMatchObject({ code: "disposed" });
  });
});

function codeOf(use: () => unknown): string {
  try {
    use();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return "nothing thrown";
}

describe("MemoryAllocator", () => {
  it("never hands out overlapping or unaligned blocks, and everything comes back", () => {
    const allocator = new MemoryAllocator(100, 100_000);
    const blocks = new Map<number, number>();
    let state = 7;
    const next = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
    for (let step = 0; step < 5000; step++) {
      if (next(3) > 0) {
        const sizeBytes = next(4000);
        const address = allocator.allocate(sizeBytes);
        if (address === undefined) {
          if (allocator.end < 300_000) allocator.growTo(allocator.end + allocator.shortageBytes(sizeBytes));
          continue;
        }
        expect(address % alignmentBytes).toBe(0);
        expect(address).toBeGreaterThanOrEqual(100);
        expect(address + sizeBytes).toBeLessThanOrEqual(allocator.end);
        for (const [start, size] of blocks)
          expect(address >= start + size || address + sizeBytes <= start).toBe(true);
        blocks.set(address, sizeBytes);
      } else {
        const addresses = [...blocks.keys()];
        const address = addresses[next(Math.max(1, addresses.length))];
        if (address === undefined) continue;
        allocator.free(address);
        blocks.delete(address);
      }
    }
    for (const address of blocks.keys()) allocator.free(address);
    expect(allocator.usedBytes).toBe(0);
    expect(allocator.allocate(allocator.end - 128)).toBe(128);
  });

  it("takes the smallest block that is large enough", () => {
    const allocator = new MemoryAllocator(0, 64 * 10);
    const blocks = [64 * 3, 64, 64 * 2, 64, 64 * 3].map((sizeBytes) => allocator.allocate(sizeBytes)!);
    allocator.free(blocks[0]!);
    allocator.free(blocks[2]!);
    expect(allocator.allocate(100)).toBe(blocks[2]);
  });

  it("lets the end move just as far as needed", () => {
    const allocator = new MemoryAllocator(0, 640);
    allocator.allocate(320);
    expect(allocator.allocate(640)).toBeUndefined();
    expect(allocator.shortageBytes(640)).toBe(320);
    allocator.growTo(960);
    expect(allocator.allocate(640)).toBe(320);
  });

  it("refuses to free what is not allocated", () => {
    expect(() => new MemoryAllocator(0, 640).free(64)).toThrow(/nothing is allocated at 64/);
  });
});
