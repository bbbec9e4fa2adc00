/** Nodes that give the same kernel are lowered once, those that do not are told apart. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Kernel } from "../../src/codegen/kernel-ir.ts";
import { KernelSet } from "../../src/codegen/kernel-set.ts";
import { WrittenKernels } from "../../src/codegen/written-kernels.ts";
import { float, int } from "../../src/codegen/expressions.ts";
import { lowerNode } from "../../src/codegen/lower/lower-node.ts";
import { makePlan } from "../../src/codegen/plan.ts";
import { wasmTarget } from "../../src/codegen/target.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/ir/parse.ts";

vi.mock("../../src/codegen/lower/lower-node.ts", async (original) => {
  const module = await original<typeof import("../../src/codegen/lower/lower-node.ts")>();
  return { ...module, lowerNode: vi.fn(module.lowerNode) };
});

const nothing: Graph = { name: "nothing", inputs: [], nodes: {}, outputs: [] };

/** The plan of a graph as it is written, without passes. */
function planOf(body: string) {
  const run = parseGraph(`graph g(%x: input "x" f32[2,8], %y: input "y" f32[2,8]) {\n${body}\n}`);
  return planAndKernels(run);
}

function planAndKernels(run: Graph) {
  const set = new KernelSet();
  return { ...makePlan({ prepare: nothing, run }, wasmTarget, set), kernels: set.all };
}

beforeEach(() => {
  vi.mocked(lowerNode).mockClear();
});

describe("nodes that are lowered once", () => {
  it("do the same with other values", () => {
    const plan = planOf(`
      %a = add(%x, %y) : f32[2,8]
      %b = add(%a, %y) : f32[2,8]
      %c = add(%a, %b) : f32[2,8]
      return "c" %c`);
    expect(lowerNode).toHaveBeenCalledTimes(1);
    expect(plan.kernels).toHaveLength(1);
    expect(plan.run.map((command) => command.kind === "dispatch" && command.comment)).toEqual([
      "%a : f32[2,8] from in0 = %x, in1 = %y",
      "%b : f32[2,8] from in0 = %a, in1 = %y",
      "%c : f32[2,8] from in0 = %a, in1 = %b",
    ]);
  });
});

describe("nodes that are lowered apart", () => {
  it.each([
    ["read one value twice", "%a = add(%x, %y) : f32[2,8]", "%b = add(%a, %a) : f32[2,8]"],
    ["have other attributes", "%a = softmax(%x) {axis=0} : f32[2,8]", "%b = softmax(%a) {axis=1} : f32[2,8]"],
    ["have other ops", "%a = relu(%x) : f32[2,8]", "%b = neg(%a) : f32[2,8]"],
    ["have other layouts", "%a = relu(%x) : f32[2,8]", "%b = relu(%a) : f32[2,8]{1,0}"],
    ["have other shapes", "%a = sum(%x) {axes=[0], keepDims=true} : f32[1,8]", "%b = sum(%a) {axes=[0], keepDims=true} : f32[1,8]"],
    ["pad with 0 and −0", "%a = pad(%x) {padding=[[0,0],[0,8]], value=0} : f32[2,16]", "%b = pad(%y) {padding=[[0,0],[0,8]], value=-0} : f32[2,16]"],
    ["pad with NaN and infinity", "%a = pad(%x) {padding=[[0,0],[0,8]], value=nan} : f32[2,16]", "%b = pad(%y) {padding=[[0,0],[0,8]], value=inf} : f32[2,16]"],
  ])("%s", (_, first, second) => {
    const { kernels } = planOf(`${first}\n${second}\nreturn "a" %a\nreturn "b" %b`);
    expect(lowerNode).toHaveBeenCalledTimes(2);
    expect(kernels).toHaveLength(2);
  }); // prettier-ignore

  it("write over what they read, and into a buffer of their own", () => {
    const run = parseGraph(`graph g(%s: state "s" f32[8], %t: state "t" f32[8], %x: input "x" f32[8]) {
      %a = add(%s, %x) : f32[8]
      %b = add(%t, %x) : f32[8]
      return "s" %a updates %s
      return "b" %b
    }`);
    const { kernels } = planAndKernels(run);
    expect(kernels.map(({ buffers }) => buffers.map(({ access }) => access))).toEqual([
      ["read_write", "read"],
      ["read", "read", "write"],
    ]);
  });
});

describe.each([
  ["KernelSet", () => new KernelSet(), (set: KernelSet) => set.all],
  ["WrittenKernels", () => new WrittenKernels(wasmTarget), (set: WrittenKernels) => set.sources],
] as const)("%s", (_, make, all) => {
  const kernel = (name: string, value: number): Kernel => ({
    name,
    comment: name,
    buffers: [{ name: "out0", scalar: "f32", access: "write", elementCount: 1 }],
    shared: [],
    groups: 1,
    groupSize: 1,
    body: [{ kind: "store", buffer: "out0", index: int(0), value: float(value) }],
  });

  it("keeps one of kernels that differ in their number and comment alone", () => {
    const kernels = make();
    expect([kernel("k00_fill_f32", 1), kernel("p07_fill_f32", 1)].map((k) => kernels.add(k))).toEqual([0, 0]);
    expect(all(kernels as never).map(({ name }) => name)).toEqual(["k00_fill_f32"]);
  });

  it("tells kernels apart by the last of their numbers", () => {
    const kernels = make();
    const values = [1, 2, 0, -0, NaN, Infinity, -Infinity, 1e-9, 2e-9, 2 ** 40];
    expect(values.map((value) => kernels.add(kernel("k00_fill_f32", value)))).toEqual(
      values.map((_value, i) => i),
    );
    expect(kernels.add(kernel("k01_copy_f32", 1))).toBe(values.length);
  });

  it("tells kernels apart by how often they run and what they bind, and knows their scratch memory", () => {
    const kernels = make();
    const plain = kernel("k00_fill_f32", 1);
    const [out] = plain.buffers;
    const scratch = { name: "scratch", scalar: "f32", access: "read_write", elementCount: 24 } as const;
    const others: readonly Kernel[] = [
      plain,
      { ...plain, groups: 2 },
      { ...plain, buffers: [{ ...out!, elementCount: 2 }] },
      { ...plain, buffers: [{ ...out!, access: "read_write" }] },
      { ...plain, buffers: [out!, scratch], hasScratch: true },
    ];
    expect(others.map((other) => kernels.add(other))).toEqual([0, 1, 2, 3, 4]);
    expect(others.map((_other, i) => kernels.scratchBytes(i))).toEqual([...Array(4).fill(undefined), 96]);
  });
});
