/**
 * What the machine can do at most, measured on the device with kernels of Heddle's own: one that does nothing but
 * fused multiply-adds in registers, and one that does nothing but read memory that no cache holds.
 */
import { i32, vectorOf, type Expr, type Kernel, type KernelType, type Stmt } from "../../src/codegen/kernel-ir.ts"; // prettier-ignore
import type { Target } from "../../src/codegen/target.ts";
import { writeKernel } from "../../src/codegen/write.ts";
import type { Device } from "../../src/index.ts";
import { workOf } from "./work.ts";

export interface Peaks {
  /** Floating-point operations a second; a multiply-add is two. */
  readonly operationsPerSecond: number;
  readonly bytesPerSecond: number;
}

const repeats = 15;

export async function measurePeaks(device: Device): Promise<Peaks> {
  const { target } = device;
  // What holds all accumulators in registers differs between compilers: the best of several counts.
  const arithmetic = [8, 10, 12, 16, 20].map((accumulators) => multiplyAdd(target, accumulators));
  const rates: number[] = [];
  for (const kernel of arithmetic)
    rates.push(workOf(kernel).operations / (await fastestSeconds(device, kernel)));
  const stream = readStream(target);
  return {
    operationsPerSecond: Math.max(...rates),
    bytesPerSecond: workOf(stream).bytes / (await fastestSeconds(device, stream)),
  };
}

/** Of two measurements of one device. */
export function higherPeaks(a: Peaks, b: Peaks): Peaks {
  return {
    operationsPerSecond: Math.max(a.operationsPerSecond, b.operationsPerSecond),
    bytesPerSecond: Math.max(a.bytesPerSecond, b.bytesPerSecond),
  };
}

async function fastestSeconds(device: Device, kernel: Kernel): Promise<number> {
  const [compiled] = await device.compile([writeKernel(kernel, device.target)]);
  const buffers = kernel.buffers.map(({ name, elementCount }) => device.allocate(elementCount * 4, name));
  try {
    // Zeros: what a buffer holds at first may be NaN or denormal, and denormals are slow.
    buffers.forEach((buffer) => device.write(buffer, new Float32Array(buffer.sizeBytes / 4)));
    const list = device.record([{ kind: "dispatch", kernel: compiled!, buffers }]);
    const times: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++)
      times.push((await device.submit(list, { profile: true }))[0]!.elapsedMs);
    list.dispose();
    return Math.min(...times) / 1000;
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

/** Enough groups that every core has many, and the last to finish does not count; that many a unit on a real GPU. */
function shape(
  target: Target,
  gpuGroupsPerUnit: number,
): { readonly groups: number; readonly groupSize: number } {
  const perUnit = target.family === "gpu" && !target.software ? gpuGroupsPerUnit : 16;
  return {
    groups: Math.min(Math.max(target.computeUnits, 1) * perUnit, 65535),
    groupSize: target.family === "gpu" ? Math.min(64, target.maxGroupSize) : 1,
  };
}

/** Chains of multiply-adds that do not wait for each other: `acc[n] = acc[n] · x + y`. */
function multiplyAdd(target: Target, accumulators: number): Kernel {
  const type = vectorOf("f32", target.vectorWidth);
  const { groups, groupSize } = shape(target, 256);
  const ref = (name: string): Expr => ({ kind: "ref", type, name });
  const names = Array.from({ length: accumulators }, (_, n) => `acc${n}`);
  const step = names.map((name): Stmt => ({ kind: "assign", name, value: { kind: "fma", type, a: ref(name), b: ref("x"), c: ref("y") } })); // prettier-ignore
  // Long enough that every thread has woken, short enough that a driver does not think the GPU hangs.
  const steps = target.software ? 256 : target.family === "gpu" ? 4096 : 2 ** 21 / type.lanes;
  return {
    name: `multiply_add_${accumulators}`,
    comment: "peak of arithmetic",
    buffers: [
      { name: "input", scalar: "f32", access: "read", elementCount: 2 * type.lanes },
      { name: "output", scalar: "f32", access: "write", elementCount: groups * groupSize * type.lanes },
    ],
    shared: [],
    groups,
    groupSize,
    body: [
      load("x", type, constant(0)),
      load("y", type, constant(type.lanes)),
      ...names.map((name, n): Stmt => ({ kind: "var", name, value: { kind: "const", type, value: n } })),
      { kind: "for", name: "i", start: 0, end: steps, step: 1, body: step },
      ...sumInto(names, type),
      {
        kind: "store",
        buffer: "output",
        index: times(flatIndex(groupSize), type.lanes),
        value: { kind: "ref", type, name: names[0]! },
      },
    ],
  };
}

/** Each invocation adds up a stretch of its own (CPU), or neighbours read neighbours (GPU). */
function readStream(target: Target): Kernel {
  const type = vectorOf("f32", target.vectorWidth);
  const { groups, groupSize } = shape(target, 16);
  const invocations = groups * groupSize;
  const unroll = 4;
  const wanted = Math.min(target.software ? 2 ** 24 : 2 ** 28, target.maxBufferBytes) / 4;
  const stretch = Math.floor(wanted / (invocations * type.lanes * unroll)) * type.lanes * unroll;
  const elementCount = stretch * invocations;
  const names = Array.from({ length: unroll }, (_, n) => `sum${n}`);
  const flat = flatIndex(groupSize);
  const isGpu = target.family === "gpu";
  const stride = isGpu ? invocations * type.lanes : type.lanes;
  const start = isGpu ? times(flat, type.lanes) : times(flat, stretch);
  const at: Expr = { kind: "ref", type: i32, name: "i" };
  const body = names.flatMap((name, n): Stmt[] => [
    load(`value${n}`, type, plus(plus({ kind: "ref", type: i32, name: "start" }, at), constant(n * stride))),
    { kind: "assign", name, value: add(name, `value${n}`, type) },
  ]);
  return {
    name: "read_stream",
    comment: "peak of memory",
    buffers: [
      { name: "input", scalar: "f32", access: "read", elementCount },
      { name: "output", scalar: "f32", access: "write", elementCount: invocations * type.lanes },
    ],
    shared: [],
    groups,
    groupSize,
    body: [
      { kind: "let", name: "start", value: start },
      ...names.map((name): Stmt => ({ kind: "var", name, value: { kind: "const", type, value: 0 } })),
      {
        kind: "for",
        name: "i",
        start: 0,
        end: isGpu ? elementCount : stretch,
        step: stride * unroll,
        body,
      },
      ...sumInto(names, type),
      {
        kind: "store",
        buffer: "output",
        index: times(flat, type.lanes),
        value: { kind: "ref", type, name: names[0]! },
      },
    ],
  };
}

/** Adds all others to the first, so that none of them is computed in vain. */
function sumInto([first, ...others]: readonly string[], type: KernelType): readonly Stmt[] {
  return others.map((other) => ({ kind: "assign", name: first!, value: add(first!, other, type) }));
}

function add(a: string, b: string, type: KernelType): Expr {
  return {
    kind: "binary",
    type,
    op: "add",
    a: { kind: "ref", type, name: a },
    b: { kind: "ref", type, name: b },
  };
}

function load(name: string, type: KernelType, index: Expr): Stmt {
  return { kind: "load", name, type, buffer: "input", index };
}

function flatIndex(groupSize: number): Expr {
  const group: Expr = { kind: "group", type: i32 };
  return groupSize === 1 ? group : plus(times(group, groupSize), { kind: "local", type: i32 });
}

function constant(value: number): Expr {
  return { kind: "const", type: i32, value };
}

function plus(a: Expr, b: Expr): Expr {
  return { kind: "binary", type: i32, op: "add", a, b };
}

function times(a: Expr, factor: number): Expr {
  return { kind: "binary", type: i32, op: "mul", a, b: constant(factor) };
}
