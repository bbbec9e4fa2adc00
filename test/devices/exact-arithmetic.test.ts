/**
 * Arithmetic that IEEE 754 settles to the last bit, where a rewrite, a reciprocal or a driver's shortcut would show:
 * quotients, means of equal values, signs of zeros, and functions at the ends of the range.
 */
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/ir/builder.ts";
import type { ValueId } from "../../src/ir/graph.ts";
import { tensor, type HostTensor } from "../../src/ir/host-tensor.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

type Results = Readonly<Record<string, ValueId>>;
type Build = (builder: GraphBuilder, input: (name: string) => ValueId) => Results;

for (const kind of testedDevices) {
  describe(`exact arithmetic on ${kind}`, () => {
    const device = lazyDevice(kind);

    /** The results of a graph over f32 inputs, as plain arrays. */
    async function compute(inputs: Readonly<Record<string, HostTensor>>, build: Build) {
      const builder = new GraphBuilder("exact");
      const ids = new Map(
        Object.entries(inputs).map(([name, value]) => [
          name,
          builder.input("input", name, tensorType("f32", value.shape)),
        ]),
      );
      for (const [name, value] of Object.entries(build(builder, (name) => ids.get(name)!))) {
        builder.output(name, value);
      }
      const { results } = await runGraph(await device(), builder.build(), inputs);
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, [...value.data]]));
    }
    const constant = (builder: GraphBuilder, value: number): ValueId =>
      builder.add("constant", [], { value: tensor([value], []) });

    it("divides by constants as f32 does, whatever the divisor", async () => {
      const random = seededRandom(3);
      const integers = Array.from({ length: 256 }, (_, i) => i - 128);
      const others = Array.from({ length: 256 }, () =>
        Math.fround((random() * 2 - 1) * 10 ** (random() * 8 - 4)),
      );
      const divisors = [3, 7, 10, 41, 47, 49, 55, 127, 255, -6, 0.1, 0.0175, 1e-3, 3.3e7, 8, 0.25].map(
        Math.fround,
      );
      const x = [...integers, ...others];
      // Multiples of each divisor, as they come from an image, an index or a quantised value.
      const multiples = divisors.map((c) => integers.map((n) => Math.fround(n * c)));
      const inputs = {
        x: tensor(x, [x.length]),
        ...Object.fromEntries(multiples.map((m, i) => [`m${i}`, tensor(m, [m.length])])),
      };
      const results = await compute(inputs, (builder, input) =>
        Object.fromEntries(
          divisors.flatMap((c, i) => [
            [`x${i}`, builder.add("div", [input("x"), constant(builder, c)], {})],
            [`m${i}q`, builder.add("div", [input(`m${i}`), constant(builder, c)], {})],
            [
              `f${i}`,
              builder.add("floor", [builder.add("div", [input(`m${i}`), constant(builder, c)], {})], {}),
            ],
          ]),
        ),
      );
      divisors.forEach((c, i) => {
        expect(results[`x${i}`], `x / ${c}`).toEqual(x.map((v) => Math.fround(v / c)));
        expect(results[`m${i}q`], `multiples of ${c}`).toEqual(multiples[i]!.map((v) => Math.fround(v / c)));
        expect(results[`f${i}`], `floor of / ${c}`).toEqual(
          multiples[i]!.map((v) => Math.floor(Math.fround(v / c))),
        );
      });
    });

    it("divides by what the run computes, and gives remainders, as f32 does", async () => {
      const random = seededRandom(5);
      const number = () => Math.fround((random() * 2 - 1) * 2 ** (random() * 60 - 30));
      const [a, b] = [0, 1].map(() => Array.from({ length: 2000 }, number)) as [number[], number[]];
      const whole = a.map((_, i) => (i % 83) - 41);
      const inputs = { a: tensor(a, [2000]), b: tensor(b, [2000]), w: tensor(whole, [2000]) };
      const results = await compute(inputs, (builder, input) => ({
        quotient: builder.add("div", [input("a"), input("b")], {}),
        reciprocal: builder.add("reciprocal", [input("b")], {}),
        remainder: builder.add("rem", [input("w"), constant(builder, 7)], {}),
        remainderOf41: builder.add("rem", [input("w"), constant(builder, 41)], {}),
      }));
      expect(results["quotient"]).toEqual(a.map((x, i) => Math.fround(x / b[i]!)));
      expect(results["reciprocal"]).toEqual(b.map((x) => Math.fround(1 / x)));
      expect(results["remainder"]).toEqual(whole.map((x) => x % 7));
      expect(results["remainderOf41"]).toEqual(whole.map((x) => x % 41));
    });

    it("gives the value as the mean of equal values, whatever their number", async () => {
      const counts = [1, 2, 3, 5, 6, 7, 10, 41, 47, 49, 55, 61, 97, 255];
      const inputs = Object.fromEntries(
        counts.map((n) => [`x${n}`, tensor(new Float32Array(n * 4).fill(1), [1, 4, n])]),
      );
      const results = await compute(inputs, (builder, input) =>
        Object.fromEntries(
          counts.flatMap((n) => {
            const x = input(`x${n}`);
            const window = { kernel: [n], stride: [1], padding: [[0, 0]], dilation: [1] } as const;
            return [
              [`rows${n}`, builder.add("mean", [x], { axes: [2], keepDims: false })],
              [`all${n}`, builder.add("mean", [x], { axes: [0, 1, 2], keepDims: false })],
              [
                `pool${n}`,
                builder.add("avg_pool", [x], { ...window, countIncludePad: true, ceilMode: false }),
              ],
              [`adaptive${n}`, builder.add("adaptive_avg_pool", [x], { outputSize: [1] })],
            ];
          }),
        ),
      );
      for (const [name, data] of Object.entries(results)) {
        expect(data, name).toEqual(data.map(() => 1));
      }
    });

    it("keeps and makes signs of zeros as IEEE 754 does", async () => {
      const results = await compute({ x: tensor([-0, 0], [2]) }, (builder, input) => {
        const one = constant(builder, 1);
        const sign = (value: ValueId) => builder.add("div", [one, value], {});
        return {
          plusZero: sign(builder.add("add", [input("x"), constant(builder, 0)], {})),
          plusMinusZero: sign(builder.add("add", [input("x"), constant(builder, -0)], {})),
          minusZero: sign(builder.add("sub", [input("x"), constant(builder, 0)], {})),
          minusMinusZero: sign(builder.add("sub", [input("x"), constant(builder, -0)], {})),
          negated: sign(builder.add("neg", [input("x")], {})),
        };
      });
      expect(results).toEqual({
        plusZero: [Infinity, Infinity],
        plusMinusZero: [-Infinity, Infinity],
        minusZero: [-Infinity, Infinity],
        minusMinusZero: [Infinity, Infinity],
        negated: [Infinity, -Infinity],
      });
    });

    it("does not overflow or make NaN where the function does not", async () => {
      const x = [3e38, -3e38, 1, -1, 0, Infinity, -Infinity];
      const results = await compute({ x: tensor(x, [7]) }, (builder, input) => ({
        hardswish: builder.add("hardswish", [input("x")], {}),
        hardsigmoid: builder.add("hardsigmoid", [input("x")], {}),
        steep: builder.add("leaky_relu", [input("x")], { slope: Infinity }),
        flat: builder.add("leaky_relu", [input("x")], { slope: 0 }),
      }));
      expect(results["hardswish"]!.slice(0, 5)).toEqual([
        Math.fround(3e38),
        -0,
        Math.fround(2 / 3),
        Math.fround(-1 / 3),
        0,
      ]);
      expect(results["hardsigmoid"]).toEqual([1, 0, 2 / 3, 1 / 3, 0.5, 1, 0].map(Math.fround));
      expect(results["steep"]).toEqual([Math.fround(3e38), -Infinity, 1, -Infinity, 0, Infinity, -Infinity]);
      expect(results["flat"]).toEqual([Math.fround(3e38), -0, 1, -0, 0, Infinity, NaN]);
    });
  });
}
