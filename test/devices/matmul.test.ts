/** Batched products whose columns fill no vectors agree with the definition on every device. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

/** `a × b + a residual`, twice, so that the second may write over what it adds. */
function graphOf(rows: number, depth: number, columns: number) {
  const y = `f32[3,${rows},${columns}]`;
  return parseGraph(`graph g(%a: input "a" f32[3,${rows},${depth}], %b: input "b" f32[3,${depth},${columns}], %r: input "r" ${y}) {
    %p = matmul(%a, %b) {packing=null} : ${y}
    %s = add(%p, %r) : ${y}
    %q = matmul(%a, %b) {packing=null} : ${y}
    %y = add(%s, %q) : ${y}
    return "y" %y
  }`);
}

for (const kind of testedDevices) {
  describe(`products of unpacked matrices on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each([
      [1, 40, 5],
      [17, 9, 33],
      [30, 64, 53],
      [197, 64, 197],
    ])("%d × %d × %d", async (rows, depth, columns) => {
      const graph = graphOf(rows, depth, columns);
      const values = valuesFor(graph);
      const { results } = await runGraph(await device(), graph, values);
      expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThanOrEqual(1e-5);
    });
  });
}
