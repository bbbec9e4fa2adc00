/** Layer normalisation written out becomes one kernel that agrees with the definition on every device. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

/** Scale and shift follow, and `offset` moves the mean far from zero. */
function graphOf(shape: readonly number[], axis: number, offset: number) {
  const wide = `f32[${shape}]`;
  const narrow = `f32[${shape.map((size, i) => (i === axis ? 1 : size))}]`;
  const along = `f32[${shape.map((size, i) => (i === axis ? size : 1))}]`;
  const mean = `{axes=[${axis}], keepDims=true} : ${narrow}`;
  return parseGraph(`graph g(%a: input "a" ${wide}, %w: parameter "w" ${along}, %b: parameter "b" ${along}) {
    %o = constant() {value=dense f32[] [${offset}]} : f32[]
    %x = add(%a, %o) : ${wide}
    %m = mean(%x) ${mean}
    %c = sub(%x, %m) : ${wide}
    %q = mul(%c, %c) : ${wide}
    %v = mean(%q) ${mean}
    %e = constant() {value=dense f32[] [0.00001]} : f32[]
    %s = add(%v, %e) : ${narrow}
    %d = sqrt(%s) : ${narrow}
    %n = div(%c, %d) : ${wide}
    %p = mul(%n, %w) : ${wide}
    %y = add(%p, %b) : ${wide}
    return "y" %y
  }`);
}

for (const kind of testedDevices) {
  describe(`standardisation on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each([
      ["lines that lie in memory", [3, 7, 48], 2, 0],
      ["lines that fill no vector", [2, 5, 19], 2, 0],
      ["lines of one element", [4, 3, 1], 2, 0],
      ["lines across memory", [2, 24, 32], 1, 0],
      ["lines across memory that fills no vector", [2, 24, 5], 1, 0],
      ["a mean a hundred times the deviation", [4, 200], 1, 100],
    ] as const)("of %s", async (_, shape, axis, offset) => {
      const graph = graphOf(shape, axis, offset);
      const values = valuesFor(graph);
      const { results, built } = await runGraph(await device(), graph, values);
      const record = built.passed.records.find(({ name }) => name === "combine-standardization")!;
      expect(record.decisions).toHaveLength(1);
      // f32 rounds the operand itself to 1e-7 of the mean.
      const tolerance = 1e-5 * Math.max(1, offset / 10);
      expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThanOrEqual(tolerance);
    });
  });
}
