import { it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { printGraph } from "../../src/ir/print.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { fusionPasses, graphPasses } from "../../src/passes/pipeline.ts";
import { lazyDevice, runGraph, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { randomGraph } from "./random-graph.ts";
const opt = [...graphPasses, ...fusionPasses].filter((p) => p.required !== true && p.name !== "eliminate-dead-values").map((p) => p.name);
const [from, to] = (process.env.SEEDS ?? "0-150").split("-").map(Number) as [number, number];
for (const kind of testedDevices) {
  const device = lazyDevice(kind);
  it(kind, { timeout: 600000 }, async () => {
    const seen = new Map<string, number>(); let worst = 0; const t0 = performance.now();
    for (let seed = from; seed < to; seed++) for (const all of kind === "cpu" ? [true, false] : [true]) {
      const random = seededRandom(seed + 1);
      const without = all ? [] : opt.filter(() => random() < 0.4);
      let graph, values;
      try {
        ({ graph, values } = randomGraph(seed));
        const expected = evaluate(graph, values);
        const { results } = await runGraph(await device(), graph, values, { withoutPasses: without });
        for (const [n, v] of Object.entries(expected)) { const e = relativeError(results[n]!, v); if (e > worst && e<1e-4) worst = e; if (!(e <= 1e-4)) { console.log(`OFF ${seed} ${n} ${e} without ${without}\n${printGraph(graph, {elide:true})}`); } }
      } catch (e) {
        const key = String((e as Error).stack).split("\n").slice(0, 3).join("|").replace(/%?\bv\d+|seed \d+/g,"");
        const n = seen.get(key) ?? 0; seen.set(key, n + 1);
        if (n === 0) console.log(`ERR ${seed} without ${without}\n${(e as Error).stack}\n${graph ? printGraph(graph, {elide:true}) : ""}`);
      }
    }
    console.log(kind, "worst", worst, "errors", [...seen], performance.now() - t0, "ms");
  });
}
