/**
 * What every device must do, as tests over its public interface: run legalised kernels as the interpreter
 * says, compute functions as Math does, keep order, and fail with the right errors.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KernelSource } from "../../src/codegen/executable.ts";
import type { Kernel } from "../../src/codegen/kernel-ir.ts";
import type { Target } from "../../src/codegen/target.ts";
import { UserError } from "../../src/errors.ts";
import type { UserErrorCode } from "../../src/errors.ts";
import type { CommandList, CompiledKernel, Device, DeviceBuffer } from "../../src/runtime/device.ts";
import { interpretKernel } from "../codegen/interpret-kernel.ts";
import type { BufferData } from "../codegen/interpret-kernel.ts";
import { functionSamples } from "./function-samples.ts";
import { kernelOf, samples } from "./sample-kernels.ts";

export interface DeviceUnderTest {
  readonly open: () => Promise<Device>;
  readonly groupSize: number;
  /** Legalises and writes. */
  readonly write: (kernel: Kernel, target: Target) => string;
  /** A source that the compiler must reject. */
  readonly brokenSource: string;
}

/** Whether the tests of a device run: they do unless it was left out by name, and then they say so. */
export function isTested(device: string): boolean {
  const named = process.env["HEDDLE_TEST_DEVICES"];
  const tested = named === undefined || named.split(",").includes(device);
  if (!tested) console.log(`tests on ${device} are left out: HEDDLE_TEST_DEVICES=${named}`);
  return tested;
}

export function sourceOf(kernel: Kernel, target: Target, under: DeviceUnderTest): KernelSource {
  return {
    name: kernel.name,
    language: target.language,
    source: under.write(kernel, target),
    buffers: kernel.buffers.map((b) => ({ access: b.access, sizeBytes: b.elementCount * 4 })),
    groups: kernel.groups,
    groupSize: kernel.groupSize,
  };
}

export async function codeOf(work: () => unknown): Promise<UserErrorCode | string> {
  try {
    await work();
    return "nothing was thrown";
  } catch (error) {
    return error instanceof UserError ? error.code : String(error);
  }
}

/** Runs a kernel on zeroed or given buffers; gives all buffers back. */
export async function runKernel(
  device: Device,
  kernel: Kernel,
  inputs: Readonly<Record<string, BufferData>>,
  under: DeviceUnderTest,
): Promise<Record<string, BufferData>> {
  const [compiled] = await device.compile([sourceOf(kernel, device.target, under)]);
  const buffers = kernel.buffers.map((buffer) => {
    const allocated = device.allocate(buffer.elementCount * 4, buffer.name);
    device.write(allocated, inputs[buffer.name] ?? new Uint8Array(buffer.elementCount * 4));
    return allocated;
  });
  const list = device.record([{ kind: "dispatch", kernel: compiled as CompiledKernel, buffers }]);
  void device.submit(list);
  const entries = kernel.buffers.map(async (buffer, i) => {
    const data = await device.read(buffers[i] as DeviceBuffer, buffer.elementCount * 4);
    const array = { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[buffer.scalar];
    return [buffer.name, new array(data)] as const;
  });
  const result = Object.fromEntries(await Promise.all(entries));
  list.dispose();
  for (const buffer of buffers) buffer.destroy();
  return result;
}

export function describeDeviceContract(under: DeviceUnderTest): void {
  let device: Device;
  beforeAll(async () => {
    device = await under.open();
  });
  afterAll(async () => {
    await device.dispose();
  });

  describe("runs kernels as kernel IR means them", () => {
    for (const sample of samples)
      it(sample.name, async () => {
        const actual = await runKernel(device, kernelOf(sample, under.groupSize), sample.inputs, under);
        const expected: Record<string, BufferData> = Object.fromEntries(
          sample.buffers.map((b) => {
            const array = { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[b.scalar];
            return [b.name, sample.inputs[b.name]?.slice() ?? new array(b.elementCount)];
          }),
        );
        interpretKernel(kernelOf(sample, 1), expected, { fused: true });
        for (const { name } of sample.buffers)
          expect(mismatches(actual[name] as BufferData, expected[name] as BufferData), name).toEqual([]);
      });
  });

  describe("computes functions within 2e-6 of Math", () => {
    for (const f of functionSamples)
      it(f.label, async () => {
        const { sample, expected, absolute } = f;
        const actual = await runKernel(device, kernelOf(sample, under.groupSize), sample.inputs, under);
        expect(mismatches(actual["y"] as BufferData, expected, 2e-6, absolute)).toEqual([]);
      });
  });

  const add = samples[0] as (typeof samples)[number];
  const source = (): KernelSource => sourceOf(kernelOf(add, under.groupSize), device.target, under);

  it("names itself and its driver in a line each", () => {
    expect(device.name).toMatch(/^\S.*\S$/);
    expect(device.driver).toMatch(/^\S.*\S$/);
  });

  it("compiles identical kernels once and reports progress", async () => {
    const progress: { completed: number; total: number; cached: boolean }[] = [];
    const renamed = { ...source(), source: `${source().source}\n// other\n` };
    await device.compile([renamed, renamed, renamed], ({ completed, total, cached }) => {
      progress.push({ completed, total, cached });
    });
    expect(progress.map((p) => p.completed)).toEqual([1, 2, 3]);
    expect(progress.every((p) => p.total === 3)).toBe(true);
    expect(progress.filter((p) => !p.cached).length).toBeLessThanOrEqual(1);
  });

  it("runs a kernel that was loaded, unloaded and loaded again, and lists from before", async () => {
    const [kernel] = (await device.compile([source()])) as [CompiledKernel];
    const [a, b, y] = ["a", "b", "y"].map((label) => device.allocate(4000, label)) as [DeviceBuffer, DeviceBuffer, DeviceBuffer]; // prettier-ignore
    device.write(a, new Float32Array(1000).fill(1));
    const record = (): CommandList => device.record([{ kind: "dispatch", kernel, buffers: [a, b, y] }]);
    const sumWith = async (list: CommandList, value: number): Promise<number> => {
      device.write(b, new Float32Array(1000).fill(value));
      void device.submit(list);
      return new Float32Array(await device.read(y, 4000))[999]!;
    };
    await Promise.all([kernel.load?.("once"), kernel.load?.("once")]);
    const first = record();
    kernel.unload?.();
    expect(await sumWith(first, 2)).toBe(3);
    expect(await sumWith(record(), 3)).toBe(4);
    kernel.unload?.();
    await kernel.load?.("often");
    kernel.unload?.();
    expect(await sumWith(record(), 4)).toBe(5);
    expect(await sumWith(first, 5)).toBe(6);
  });

  it("replays a recorded list of dispatches and copies, in call order", async () => {
    const [kernel] = await device.compile([source()]);
    const [a, b, y] = ["a", "b", "y"].map((label) => device.allocate(4000, label)) as [DeviceBuffer, DeviceBuffer, DeviceBuffer]; // prettier-ignore
    device.write(a, new Float32Array(1000).fill(1));
    device.write(b, new Float32Array(1000).fill(2));
    const list = device.record([
      { kind: "dispatch", kernel: kernel as CompiledKernel, buffers: [a, b, y] },
      { kind: "copy", source: y, destination: a, sizeBytes: 4000 },
    ]);
    for (let i = 0; i < 50; i++) void device.submit(list);
    // The write comes between two reads, and neither is awaited.
    const before = device.read(a, 8);
    const data = new Float32Array(1000).fill(-5);
    device.write(a, data);
    data.fill(99);
    const after = device.read(a, 8);
    void device.submit(list);
    const last = device.read(a, 8);
    const values = await Promise.all([before, after, last].map(async (r) => new Float32Array(await r)[1]));
    expect(values).toEqual([101, -5, -3]);
    const timings = await device.submit(list, { profile: true });
    expect(timings.map((t) => t.kernel)).toEqual(["vector_add"]);
    expect(timings[0]?.elapsedMs).toBeGreaterThan(0);
    await device.finish();
    list.dispose();
  });

  it("writes parts of a buffer, short and long, in call order with what runs", async () => {
    const count = 1_000_003;
    const buffer = device.allocate(4 * count, "parts");
    const expected = new Float32Array(count).fill(1);
    device.write(buffer, expected);
    for (const [offset, length] of [
      [0, 3],
      [4, 600_000],
      [600_004, 399_999],
      [500_000, 2],
    ] as const) {
      const part = Float32Array.from({ length }, (_, i) => offset + i);
      device.write(buffer, part, 4 * offset);
      expected.set(part, offset);
      part.fill(-1);
    }
    device.write(buffer, Uint8Array.of(1, 2, 3), 4 * (count - 1));
    const read = new Uint8Array(await device.read(buffer, 4 * count));
    expect(Buffer.compare(read.subarray(0, -4), new Uint8Array(expected.buffer, 0, 4 * (count - 1)))).toBe(0);
    expect([...read.subarray(-4, -1)]).toEqual([1, 2, 3]);
    expect(() => device.write(buffer, new Float32Array(4), 4 * (count - 3))).toThrow();
    buffer.destroy();
  });

  it("serves concurrent callers on the same buffers", async () => {
    const [kernel] = await device.compile([source()]);
    const [a, b, y] = ["a", "b", "y"].map((label) => device.allocate(4000, label)) as [DeviceBuffer, DeviceBuffer, DeviceBuffer]; // prettier-ignore
    const list = device.record([{ kind: "dispatch", kernel: kernel as CompiledKernel, buffers: [a, b, y] }]);
    device.write(b, new Float32Array(1000).fill(0.5));
    const call = async (value: number): Promise<number | undefined> => {
      device.write(a, new Float32Array(1000).fill(value));
      void device.submit(list);
      return new Float32Array(await device.read(y, 4000))[999];
    };
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => call(i)));
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i + 0.5));
  });

  it("rejects a broken kernel with its name, the log and the source, and goes on working", async () => {
    const broken = { ...source(), name: "broken", source: under.brokenSource };
    expect(await codeOf(() => device.compile([broken]))).toBe("kernel-rejected");
    await expect(device.compile([broken])).rejects.toThrow(/'broken'[^]*(error|expected)[^]*--- source ---/);
    const result = await runKernel(device, kernelOf(add, under.groupSize), add.inputs, under);
    expect(result["y"]?.[1]).toBeCloseTo(1 / 3 + 6, 5);
  });

  it("refuses an allocation over the limit, naming size and limit", async () => {
    const tooLarge = device.target.maxBufferBytes + 4;
    expect(await codeOf(() => device.allocate(tooLarge, "huge"))).toBe("out-of-memory");
    expect(() => device.allocate(tooLarge, "huge")).toThrow(new RegExp(`${tooLarge}.*huge.*${device.target.maxBufferBytes}`)); // prettier-ignore
  });

  it("refuses to bind too few buffers, or a destroyed one", async () => {
    const [kernel] = await device.compile([source()]);
    const buffer = device.allocate(4000, "gone");
    const record = (buffers: readonly DeviceBuffer[]) => (): unknown =>
      device.record([{ kind: "dispatch", kernel: kernel as CompiledKernel, buffers }]);
    expect(record([buffer])).toThrow(/takes 3 buffers, got 1/);
    buffer.destroy();
    buffer.destroy();
    expect(record([buffer, buffer, buffer])).toThrow(/'gone' was destroyed|twice/);
  });

  it("says that it was disposed, ever after", async () => {
    const other = await under.open();
    const buffer = other.allocate(16, "b");
    expect(other.lost).toBeUndefined();
    await other.dispose();
    await other.dispose();
    expect(other.lost).toMatch(/disposed/);
    const calls = [
      () => other.allocate(16, "c"),
      () => other.write(buffer, new Float32Array(4)),
      () => other.read(buffer, 16),
      () => other.compile([source()]),
      () => other.record([]),
      () => other.finish(),
    ];
    for (const call of calls) expect(await codeOf(call)).toBe("disposed");
  });
}

/** The first places where results differ by more than the tolerance: relative, or to `absolute`. */
function mismatches(
  actual: BufferData,
  expected: BufferData,
  relative = 1e-6,
  absolute = 0,
): readonly string[] {
  const found: string[] = [];
  for (let i = 0; i < expected.length && found.length < 5; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    const same = Object.is(a, e) || a === e || Math.abs(a - e) <= Math.max(absolute, relative * Math.abs(e));
    if (!same) found.push(`[${i}] is ${a}, not ${e}`);
  }
  return found;
}
