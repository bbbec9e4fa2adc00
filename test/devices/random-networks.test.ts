/** Every device agrees with `evaluate` on networks of random steps: passes, schedules and planner in all mixtures. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { relativeError } from "../recordings/compare.ts";
import { buildRandomNetwork, randomNetworks } from "./random-network.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

/** Drivers take from milliseconds to seconds to compile one. */
const networks = { cpu: 150, webgpu: 25, opencl: 10 };

for (const kind of testedDevices) {
  describe(`random networks on ${kind}`, () => {
    const device = lazyDevice(kind);
    it("are what evaluate makes of them", { timeout: 300_000 }, async () => {
      const opened = await device();
      await fc.assert(
        fc.asyncProperty(randomNetworks, async (network) => {
          const { graph, values } = buildRandomNetwork(network);
          const expected = evaluate(graph, values);
          const { results } = await runGraph(opened, graph, values);
          for (const [name, result] of Object.entries(results))
            expect(relativeError(result, expected[name]!)).toBeLessThanOrEqual(1e-4);
        }),
        { numRuns: Number(process.env["HEDDLE_TEST_NETWORKS"] ?? networks[kind]), seed: 20 },
      );
    });
  });
}
