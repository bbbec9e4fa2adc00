/** Attention written out becomes one kernel, on CPUs, that agrees with the definition. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

interface Case {
  /** Batch, heads, queries, keys, and how long queries and values are. */
  readonly sizes: readonly [number, number, number, number, number, number];
  readonly mask?: readonly number[];
  readonly scale?: number;
}

/** Something follows that the same kernel computes. */
function graphOf({ sizes: [b, h, m, n, d, e], mask, scale }: Case) {
  const scores = `f32[${b},${h},${m},${n}]`;
  const result = `f32[${b},${h},${m},${e}]`;
  const inputs = [`%q: input "q" f32[${b},${h},${m},${d}]`, `%k: input "k" f32[${b},${h},${d},${n}]`, `%v: input "v" f32[${b},${h},${n},${e}]`, ...(mask ? [`%m: input "m" f32[${mask}]`] : [])]; // prettier-ignore
  return parseGraph(`graph g(${inputs.join(", ")}) {
    %s = matmul(%q, %k) {packing=null} : ${scores}
    %f = constant() {value=dense f32[] [${scale ?? 1}]} : f32[]
    ${scale === undefined ? "" : `%t = mul(%s, %f) : ${scores}`}
    ${mask === undefined ? "" : `%a = add(%${scale === undefined ? "s" : "t"}, %m) : ${scores}`}
    %p = softmax(%${mask !== undefined ? "a" : scale !== undefined ? "t" : "s"}) {axis=3} : ${scores}
    %o = matmul(%p, %v) {packing=null} : ${result}
    %y = add(%o, %f) : ${result}
    return "y" %y
  }`);
}

for (const kind of testedDevices.filter((device) => device !== "webgpu")) {
  describe(`attention on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each([
      ["sizes that fill vectors", { sizes: [1, 4, 256, 256, 64, 64] }],
      ["sizes that fill none", { sizes: [1, 3, 301, 299, 19, 37] }],
      ["a scale and a mask of all scores", { sizes: [1, 2, 370, 371, 16, 8], mask: [370, 371], scale: 0.25 }],
      ["a mask of keys, for each image", { sizes: [2, 1, 362, 363, 16, 5], mask: [2, 1, 1, 363] }],
      ["a mask of queries", { sizes: [1, 2, 370, 361, 7, 3], mask: [370, 1] }],
      ["one query of many keys", { sizes: [2, 8, 1, 16500, 8, 8] }],
      ["few keys of many queries", { sizes: [1, 1, 90_000, 3, 4, 4] }],
    ] as const)("of %s", async (_, sizes) => {
      const graph = graphOf(sizes as Case);
      const values = valuesFor(graph);
      const { results, built } = await runGraph(await device(), graph, values);
      const record = built.passed.records.find(({ name }) => name === "combine-attention")!;
      expect(record.decisions).toHaveLength(1);
      expect(built.executable.run.filter(({ kind: what }) => what === "dispatch")).toHaveLength(1);
      expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThanOrEqual(1e-5);
    });

    it("gives nothing for the weight of keys that a mask shuts out", async () => {
      const graph = graphOf({ sizes: [1, 2, 370, 380, 16, 8], mask: [370, 380] });
      const values = valuesFor(graph);
      const mask = values["m"]!;
      for (let i = 0; i < mask.data.length; i++) mask.data[i] = i % 380 > Math.floor(i / 380) ? -Infinity : 0;
      const { results } = await runGraph(await device(), graph, values);
      expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThanOrEqual(1e-5);
    });
  });
}
