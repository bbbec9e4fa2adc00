/**
 * Long sums are as exact as f32 lets them be: within a unit or two of the sum in f64, whatever the data and wherever the
 * reduced axes lie. Infinities and NaN come through.
 */
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/ir/builder.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

const random = seededRandom(7);
const fills: Readonly<Record<string, (i: number) => number>> = {
  "constant 0.1": () => 0.1,
  "constant 1/3": () => 1 / 3,
  "random in 0 … 1": () => random(),
  "random around 1": () => 1 + (random() - 0.5) * 8,
  "1 and 0.1 in turns": (i) => (i % 2 === 0 ? 1 : 0.1),
  "1.1 and −1 in turns": (i) => (i % 2 === 0 ? 1.1 : -1),
  "large ones that cancel": (i) => (i % 2 === 0 ? 1e6 + 0.5 : -1e6),
};

/** The axes to sum, over what shape: all in a row, the last, the first, and around one that stays. */
const layouts = [
  { shape: [300_001], axes: [0] },
  { shape: [3, 40_003], axes: [1] },
  { shape: [20_000, 12], axes: [0] },
  { shape: [20_000, 3], axes: [0] },
  { shape: [50, 8, 71], axes: [0, 2] },
] as const;

/** Sums in f64 over the reduced axes, in the order of the result's elements. */
function sumsOf(data: Float32Array, shape: readonly number[], axes: readonly number[]): number[] {
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sums = new Array<number>(elementCount(kept.map((axis) => shape[axis]!))).fill(0);
  const lost = sums.map(() => 0);
  data.forEach((value, i) => {
    const at = kept.reduce(
      (sum, axis) => sum * shape[axis]! + (Math.floor(i / strides[axis]!) % shape[axis]!),
      0,
    );
    const y = value - lost[at]!;
    const t = sums[at]! + y;
    lost[at] = t - sums[at]! - y;
    sums[at] = t;
  });
  return sums;
}

for (const kind of testedDevices) {
  describe(`long sums on ${kind}`, () => {
    const device = lazyDevice(kind);
    async function reduce(data: Float32Array, shape: readonly number[], axes: readonly number[]) {
      const builder = new GraphBuilder("sums");
      const x = builder.input("input", "x", tensorType("f32", shape));
      builder.output("sum", builder.add("sum", [x], { axes, keepDims: false }));
      builder.output("mean", builder.add("mean", [x], { axes, keepDims: false }));
      const { results } = await runGraph(await device(), builder.build(), { x: tensor(data, shape) });
      return results;
    }

    it.each(layouts)("over $axes of $shape are exact to 2e-7", async ({ shape, axes }) => {
      for (const [name, fill] of Object.entries(fills)) {
        const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => fill(i));
        const expected = sumsOf(data, shape, axes);
        const count = data.length / expected.length;
        const { sum, mean } = await reduce(data, shape, axes);
        expected.forEach((exact, i) => {
          expect(Math.abs(Number(sum!.data[i]) / exact - 1), `sum of ${name}, ${i}`).toBeLessThan(2e-7);
          expect(Math.abs(Number(mean!.data[i]) / (exact / count) - 1), `mean of ${name}, ${i}`).toBeLessThan(
            2e-7,
          );
        });
      }
    });

    it("keep infinities and NaN", async () => {
      const n = 10_000;
      const withValues = (...values: readonly number[]) => {
        const data = new Float32Array(n).fill(1);
        values.forEach((value, i) => (data[i * 4321 + 5] = value));
        return data;
      };
      const rows = [[Infinity], [-Infinity], [NaN], [Infinity, -Infinity], [3e38, 3e38]].map((row) =>
        withValues(...row),
      );
      const data = new Float32Array(rows.length * n);
      rows.forEach((row, i) => data.set(row, i * n));
      const { sum } = await reduce(data, [rows.length, n], [1]);
      expect([...sum!.data]).toEqual([Infinity, -Infinity, NaN, NaN, Infinity]);
    });

    it("give softmax over a long line probabilities that sum to 1", async () => {
      const n = 100_003;
      const builder = new GraphBuilder("softmax");
      const x = builder.input("input", "x", tensorType("f32", [n]));
      builder.output("y", builder.add("softmax", [x], { axis: 0 }));
      const data = Float32Array.from({ length: n }, () => Math.log(0.1 + random()));
      const total = data.reduce((sum, value) => sum + Math.exp(value), 0);
      const { results } = await runGraph(await device(), builder.build(), { x: tensor(data, [n]) });
      const worst = data.reduce((most, value, i) => Math.max(most, Math.abs((Number(results["y"]!.data[i]) * total) / Math.exp(value) - 1)), 0); // prettier-ignore
      expect(worst).toBeLessThan(1e-6);
    });
  });
}
