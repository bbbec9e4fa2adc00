/** Every candidate of every decision computes the same, on every device. */
import { describe, expect, it } from "vitest";
import { TuningRecords } from "../../src/index.ts";
import { buildExecutable, passOptions } from "../../src/compile.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { storedGraphTensor } from "../../src/ir/trace.ts";
import { Session } from "../../src/runtime/session.ts";
import type { Measure } from "../../src/tuning/tune-decisions.ts";
import { tuneGraph } from "../../src/tuning/tune-graph.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { separableImage, separableNetwork } from "./networks.ts";

for (const kind of testedDevices) {
  describe(`candidates on ${kind}`, () => {
    const opened = lazyDevice(kind);

    it.each([1, 2, 3])("at position %i agree with the reference", async (position) => {
      const device = await opened();
      const { graph, stored } = separableNetwork();
      const passes = passOptions({});
      const chosen = new Set<string>();
      const measure: Measure = async ({ kind: what, candidates }) => {
        const wanted = candidates[Math.min(position, candidates.length - 1)]!;
        chosen.add(what);
        return new Map(candidates.map((candidate) => [candidate, candidate === wanted ? 1 : 2]));
      };
      const options = { device, passes, build: buildExecutable, records: new TuningRecords(), measure };
      const { records } = await tuneGraph(graph, options);
      expect(chosen.size).toBeGreaterThan(1);

      const choices = records.choicesFor(device);
      const { executable } = buildExecutable(graph, device.target, { ...passes, choices });
      const session = await Session.load(device, executable, stored);
      try {
        const { outputs } = await session.run([separableImage()]);
        const values = Array.from(
          stored,
          ([name, tensor]) => [name, storedGraphTensor(tensor, name)] as const,
        );
        const expected = evaluate(graph, { ...Object.fromEntries(values), input: separableImage() });
        const [output] = graph.outputs;
        expect(relativeError(outputs[0] as HostTensor, expected[output!.name]!)).toBeLessThanOrEqual(1e-5);
      } finally {
        session.dispose();
      }
    });
  });
}
