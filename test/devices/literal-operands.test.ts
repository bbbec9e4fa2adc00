/** Constants of one element: spelled out where elements are computed, in a buffer where a loop runs over them. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

const conv = "{stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[1,1], groups=1, packing=null}";
const graphs = {
  "left of a product": `graph g(%w: input "w" f32[1,4], %b: input "b" f32[1,4]) {
    %one = constant() {value=dense f32[1,1] [0.5]} : f32[1,1]
    %p = matmul(%one, %w) {packing=null} : f32[1,4]
    %y = add(%p, %b) : f32[1,4]
    return "y" %y
  }`,
  "right of a product, and added to it": `graph g(%x: input "x" f32[3,1]) {
    %one = constant() {value=dense f32[1,1] [-1.5]} : f32[1,1]
    %p = matmul(%x, %one) {packing=null} : f32[3,1]
    %wide = broadcast(%one) {shape=[3,1]} : f32[3,1]
    %y = add(%p, %wide) : f32[3,1]
    return "y" %y
  }`,
  "the weight of a convolution": `graph g(%x: input "x" f32[1,1,4,5]) {
    %one = constant() {value=dense f32[1,1,1,1] [3]} : f32[1,1,1,1]
    %c = conv(%x, %one) ${conv} : f32[1,1,4,5]
    %y = relu(%c) : f32[1,1,4,5]
    return "y" %y
  }`,
};

for (const kind of testedDevices) {
  describe(`a constant of one element on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each(Object.entries(graphs))("%s", async (_, text) => {
      const graph = parseGraph(text);
      const values = valuesFor(graph);
      const { results } = await runGraph(await device(), graph, values);
      expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThanOrEqual(1e-6);
    });
  });
}
