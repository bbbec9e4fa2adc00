/** Writing at computed positions and putting in order: every device as `evaluate` says, whose ties and order are exact. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { seededRandom } from "../../src/nn/init.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

const shown = (shape: readonly number[]) => `[${shape.join(",")}]`;

function filled(dtype: DType, shape: readonly number[], value: () => number): HostTensor {
  const data = Array.from({ length: elementCount(shape) }, value);
  if (dtype === "f32") return tensor(Float32Array.from(data), shape);
  if (dtype === "i32") return tensor(Int32Array.from(data), shape, "i32");
  if (dtype === "u32") return tensor(Uint32Array.from(data), shape, "u32");
  return { dtype: "bool", shape, data: Uint8Array.from(data, (x) => x & 1) };
}

interface Scatter {
  readonly data: readonly number[];
  readonly positions: readonly number[];
  readonly updates: readonly number[];
  readonly axis: number;
  readonly dtype?: DType;
}

const scatters: readonly Scatter[] = [
  { data: [7], positions: [12], updates: [12], axis: 0 },
  { data: [1], positions: [3], updates: [3], axis: 0 },
  { data: [1000], positions: [50], updates: [50], axis: 0, dtype: "i32" },
  { data: [501, 6], positions: [40, 1], updates: [40, 6], axis: 0 },
  { data: [5, 6], positions: [9, 6], updates: [9, 6], axis: 0, dtype: "u32" },
  { data: [3, 70, 2], positions: [3, 20, 2], updates: [3, 20, 2], axis: 1 },
  { data: [3, 70, 2], positions: [1, 20, 1], updates: [3, 20, 2], axis: 1 },
  { data: [2, 3, 33], positions: [2, 3, 100], updates: [2, 3, 100], axis: 2 },
  { data: [4, 5], positions: [4, 0], updates: [4, 0], axis: 1 },
];

function scatterGraph({ data, positions, updates, axis, dtype = "f32" }: Scatter, reduction: string) {
  return parseGraph(`graph test(%x: input "x" ${dtype}${shown(data)}, %p: input "p" i32${shown(positions)}, %u: input "u" ${dtype}${shown(updates)}) {
    %y = scatter(%x, %p, %u) {axis=${axis}, reduction="${reduction}"} : ${dtype}${shown(data)}
    return "y" %y
  }`);
}

/** Whole numbers, so that sums and products have one result in any order of rounding. */
function scatterValues({ data, positions, updates, axis, dtype = "f32" }: Scatter) {
  const next = seededRandom(1);
  const small = () => Math.floor(next() * 7) - (dtype === "u32" ? 0 : 3);
  const size = data[axis]!;
  return {
    x: filled(dtype, data, small),
    // Some before the first and some after the last element.
    p: filled("i32", positions, () => Math.floor(next() * (size + 4)) - 2),
    u: filled(dtype, updates, small),
  };
}

interface Order {
  readonly shape: readonly number[];
  readonly axis: number;
  readonly k: number;
  readonly largest?: boolean;
  readonly dtype?: DType;
}

const orders: readonly Order[] = [
  { shape: [1], axis: 0, k: 1 },
  { shape: [2], axis: 0, k: 2, largest: false },
  { shape: [100], axis: 0, k: 100 },
  { shape: [300], axis: 0, k: 7, largest: false },
  { shape: [5, 129], axis: 1, k: 129 },
  { shape: [129, 5], axis: 0, k: 10, largest: false, dtype: "i32" },
  { shape: [3, 65, 4], axis: 1, k: 65, dtype: "u32" },
  { shape: [3, 4], axis: 1, k: 0 },
];

/** Ties, both zeros, infinities and NaN among few different numbers. */
function orderValues({ shape, dtype = "f32" }: Order) {
  const next = seededRandom(1);
  const special = [0, -0, NaN, Infinity, -Infinity, 1, 1, -1];
  const value = () =>
    next() < 0.4 && dtype === "f32" ? special[Math.floor(next() * 8)]! : Math.floor(next() * 9);
  return { x: filled(dtype, shape, value) };
}

function orderGraph({ shape, axis, k, largest = true, dtype = "f32" }: Order) {
  const result = shape.map((size, i) => (i === axis ? k : size));
  return parseGraph(`graph test(%x: input "x" ${dtype}${shown(shape)}) {
    %y = topk(%x) {axis=${axis}, k=${k}, largest=${largest}} : i32${shown(result)}
    return "y" %y
  }`);
}

for (const kind of testedDevices) {
  describe(`placement on ${kind}`, () => {
    const device = lazyDevice(kind);
    for (const reduction of ["none", "add", "mul", "max", "min"]) {
      it.each(scatters.map((sample) => [JSON.stringify(sample), sample] as const))(
        `scatter, ${reduction}: %s`,
        async (_, sample) => {
          const [graph, values] = [scatterGraph(sample, reduction), scatterValues(sample)];
          const { results } = await runGraph(await device(), graph, values);
          expect([...results["y"]!.data]).toEqual([...evaluate(graph, values)["y"]!.data]);
        },
      );
    }

    it("scatters what is true and false", async () => {
      const sample: Scatter = { data: [90], positions: [30], updates: [30], axis: 0, dtype: "bool" };
      const [graph, values] = [scatterGraph(sample, "none"), scatterValues(sample)];
      const { results } = await runGraph(await device(), graph, values);
      expect([...results["y"]!.data]).toEqual([...evaluate(graph, values)["y"]!.data]);
    });

    it.each(orders.map((sample) => [JSON.stringify(sample), sample] as const))(
      "topk: %s",
      async (_, sample) => {
        const [graph, values] = [orderGraph(sample), orderValues(sample)];
        const { results } = await runGraph(await device(), graph, values);
        expect([...results["y"]!.data]).toEqual([...evaluate(graph, values)["y"]!.data]);
      },
    );

    it("reads and writes images in whatever layout they lie", async () => {
      const graph =
        parseGraph(`graph test(%x: input "x" f32[2,16,5,6], %w: parameter "w" f32[16,16,1,1], %p: input "p" i32[2,16,3,6], %u: input "u" f32[2,16,3,6]) {
        %a = conv(%x, %w) {stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[1,1], groups=1, packing=null} : f32[2,16,5,6]
        %s = scatter(%a, %p, %u) {axis=2, reduction="add"} : f32[2,16,5,6]
        %t = topk(%a) {axis=1, k=3, largest=true} : i32[2,3,5,6]
        %b = conv(%s, %w) {stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[1,1], groups=1, packing=null} : f32[2,16,5,6]
        return "y" %b
        return "t" %t
      }`);
      const next = seededRandom(1);
      const small = () => Math.floor(next() * 7) - 3;
      const values = {
        x: filled("f32", [2, 16, 5, 6], small),
        w: filled("f32", [16, 16, 1, 1], small),
        p: filled("i32", [2, 16, 3, 6], () => Math.floor(next() * 5)),
        u: filled("f32", [2, 16, 3, 6], small),
      };
      const { results } = await runGraph(await device(), graph, values);
      const expected = evaluate(graph, values);
      expect([...results["y"]!.data]).toEqual([...expected["y"]!.data]);
      expect([...results["t"]!.data]).toEqual([...expected["t"]!.data]);
    });
  });
}

describe("scatter and topk", () => {
  it("mean what a loop over the updates and a stable sort mean", () => {
    const sample: Scatter = { data: [4], positions: [6], updates: [6], axis: 0 };
    const values = {
      x: tensor([10, 20, 30, 40], [4]),
      p: tensor(Int32Array.of(1, 3, 1, -1, 4, 3), [6], "i32"),
      u: tensor([1, 2, 3, 4, 5, 6], [6]),
    };
    const of = (reduction: string) => [...evaluate(scatterGraph(sample, reduction), values)["y"]!.data];
    expect(of("none")).toEqual([10, 3, 30, 6]);
    expect(of("add")).toEqual([10, 24, 30, 48]);
    expect(of("mul")).toEqual([10, 60, 30, 480]);
    expect(of("max")).toEqual([10, 20, 30, 40]);
    expect(of("min")).toEqual([10, 1, 30, 2]);
    const x = tensor([2, NaN, 2, 5, -0, 0], [6]);
    const order = (largest: boolean) => [
      ...evaluate(orderGraph({ shape: [6], axis: 0, k: 6, largest }), { x })["y"]!.data,
    ];
    expect(order(true)).toEqual([1, 3, 0, 2, 4, 5]);
    expect(order(false)).toEqual([4, 5, 0, 2, 3, 1]);
  });
});
