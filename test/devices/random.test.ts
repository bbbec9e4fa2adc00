/** Random numbers are the same on every device as in `evaluate`, advance with every run, and are uniform. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

const graph = parseGraph(`graph draw(%x: input "x" f32[3,5,7,11], %s: state "s" u32[]) {
  %u = random_uniform(%s) {shape=[3,5,7,11]} : f32[3,5,7,11]
  %one = constant() {value=dense u32[] [1]} : u32[]
  %next = add(%s, %one) : u32[]
  %y = add(%x, %u) : f32[3,5,7,11]
  return "y" %y
  return "s" %next updates %s
}`);

for (const kind of testedDevices) {
  describe(`random numbers on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each([0, 1, 123456789, 2 ** 32 - 1])(
      "agree with evaluate for state %d, which is advanced",
      async (state) => {
        const x = tensor(new Float32Array(1155).fill(0.25), [3, 5, 7, 11]);
        const values = { x, s: tensor(Uint32Array.of(state), [], "u32") };
        const { results } = await runGraph(await device(), graph, values);
        const expected = evaluate(graph, values);
        expect(relativeError(results["y"]!, expected["y"]!)).toBeLessThanOrEqual(1e-7);
        expect(results["s"]!.data[0]).toBe((state + 1) % 2 ** 32);
      },
    );
  });
}

describe("random_uniform", () => {
  const draw = (state: number) => {
    const values = {
      x: tensor(new Float32Array(1155), [3, 5, 7, 11]),
      s: tensor(Uint32Array.of(state), [], "u32"),
    };
    return Array.from(evaluate(graph, values)["y"]!.data as Float32Array);
  };

  it("has the mean, variance and range of U(0, 1), and no correlation between neighbours or states", () => {
    const values = Array.from({ length: 20 }, (_, state) => draw(state)).flat();
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // Four standard errors of 23100 samples.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.008);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    for (const lag of [1, 11, 1155]) {
      const pairs = values.slice(lag).map((value, i) => (value - mean) * (values[i]! - mean));
      const correlation = pairs.reduce((sum, product) => sum + product, 0) / pairs.length / variance;
      expect(Math.abs(correlation), `lag ${lag}`).toBeLessThan(0.03);
    }
  });
});
