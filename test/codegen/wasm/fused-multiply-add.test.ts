/** Multiply-add in one instruction of relaxed SIMD, for engines that have it; Node 20 has it behind a flag. */
import { setFlagsFromString } from "node:v8";
import { afterAll, describe, expect, it } from "vitest";
import { vectorOf, type Kernel, type Stmt } from "../../../src/codegen/kernel-ir.ts";
import { fma, ref } from "../../../src/codegen/legalize/build-expr.ts";
import { chooseTile } from "../../../src/codegen/schedule/tile.ts";
import { wasmTarget, type Target } from "../../../src/codegen/target.ts";
import { writeWasm } from "../../../src/codegen/wasm/write.ts";
import { evaluate } from "../../../src/ir/evaluate.ts";
import { CpuDevice } from "../../../src/runtime/cpu/cpu-device.ts";
import { CpuMemory } from "../../../src/runtime/cpu/cpu-memory.ts";
import { findEngineFeatures } from "../../../src/runtime/cpu/engine-features.ts";
import { runGraph } from "../../devices/run-graph.ts";
import { graphOf, networks } from "../../passes/networks.ts";
import { valuesFor } from "../../passes/rewriting.ts";
import { relativeError } from "../../recordings/compare.ts";

const fused: Target = { ...wasmTarget, fusedMultiplyAdd: true };
const major = Number.parseInt(process.versions.v8);
if (major < 12) setFlagsFromString("--experimental-wasm-relaxed-simd");

/** y = a · b + c, four lanes. */
const type = vectorOf("f32", 4);
const body: readonly Stmt[] = [
  ...["a", "b", "c"].map((buffer): Stmt => ({
    kind: "load",
    name: `v${buffer}`,
    type,
    buffer,
    index: zero(),
  })),
  {
    kind: "store",
    buffer: "y",
    index: zero(),
    value: fma(ref("va", type), ref("vb", type), ref("vc", type)),
  },
];
const kernel: Kernel = {
  name: "multiply_add",
  comment: "",
  buffers: ["a", "b", "c", "y"].map((name) => ({
    name,
    scalar: "f32",
    access: "read_write",
    elementCount: 4,
  })),
  shared: [],
  groups: 1,
  groupSize: 1,
  body,
};

function zero() {
  return { kind: "const", type: vectorOf("i32", 1), value: 0 } as const;
}

function run(target: Target, a: number, b: number, c: number): number {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const module = new WebAssembly.Module(new Uint8Array(writeWasm(kernel, target)));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const addresses = [0, 16, 32, 48].map((offset) => 65536 + offset);
  [a, b, c].forEach((x, i) => new Float32Array(memory.buffer, addresses[i], 4).fill(x));
  (instance.exports["run"] as (...xs: number[]) => void)(0, 1, ...addresses);
  return new Float32Array(memory.buffer, addresses[3], 4)[3]!;
}

describe("a fused multiply-add", () => {
  it("rounds once or twice, as the hardware likes; without it, always twice", () => {
    // (1 + 2⁻¹²)² − (1 + 2⁻¹¹) is 2⁻²⁴, which rounding the square loses.
    const x = 1 + 2 ** -12;
    expect([0, 2 ** -24]).toContain(run(fused, x, x, -(1 + 2 ** -11)));
    expect(run(wasmTarget, x, x, -(1 + 2 ** -11))).toBe(0);
    expect(run(fused, 3, 5, 7)).toBe(22);
  });

  it("is one instruction where two were", () => {
    expect(writeWasm(kernel, wasmTarget).length).toBe(writeWasm(kernel, fused).length + 3);
  });

  it("leaves room for twelve accumulators instead of eight", () => {
    expect(chooseTile(wasmTarget, 4, 2, 56)).toMatchObject({ pixels: 4, vectors: 2 });
    expect(chooseTile(fused, 4, 2, 60)).toMatchObject({ pixels: 6, vectors: 2 });
  });

  it("is used by devices on engines that do it well", () => {
    expect(findEngineFeatures()).toEqual({ simd: true, fusedMultiplyAdd: major >= 13 });
  });
});

describe("networks with fused multiply-add", () => {
  const features = { simd: true, fusedMultiplyAdd: true };
  const device = new CpuDevice(CpuMemory.create(2 ** 28, false), features, {});
  afterAll(() => device.dispose());

  it.each([networks.basicBlock, networks.mlp])("$name agrees with evaluate", async (network) => {
    const graph = graphOf(network);
    const values = valuesFor(graph);
    const { results, built } = await runGraph(device, graph, values);
    const binaries = built.executable.kernels.map((source) => source.binary!);
    expect(binaries.some((binary) => includes(binary, relaxedMadd))).toBe(true);
    for (const [name, value] of Object.entries(evaluate(graph, values)))
      expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(1e-5);
  });
});

const relaxedMadd = [0xfd, 0x85, 0x02];

function includes(bytes: Uint8Array, pattern: readonly number[]): boolean {
  return bytes.some((_, at) => pattern.every((byte, i) => bytes[at + i] === byte));
}
