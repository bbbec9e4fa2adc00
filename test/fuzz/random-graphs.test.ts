/**
 * Random graphs give on every device what `evaluate` gives, with all passes and with any subset of the
 * optional ones. A failure prints its seed and the graph.
 */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { printGraph } from "../../src/ir/print.ts";
import { verify } from "../../src/ir/verify.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { fusionPasses, graphPasses } from "../../src/passes/pipeline.ts";
import type { Device, DeviceKind } from "../../src/runtime/device.ts";
import { lazyDevice, runGraph, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { randomGraph } from "./random-graph.ts";

/** Relative to the largest element of each result; the design asks 1e-4 of whole networks. */
const tolerance = 1e-5;
const graphCounts: Readonly<Record<DeviceKind, number>> = { cpu: 150, webgpu: 60, opencl: 25 };
const batchSize = 25;

const optionalPasses = [...graphPasses, ...fusionPasses]
  .filter((pass) => pass.required !== true)
  .map((pass) => pass.name);

/** What is wrong with the results of this seed's graph, if anything. */
async function failureOf(device: Device, seed: number, withoutPasses: readonly string[]): Promise<string[]> {
  const { graph, values } = randomGraph(seed);
  const context = `seed ${seed}, without [${withoutPasses.join(", ")}]`;
  try {
    verify(graph, "random-graph");
    const expected = evaluate(graph, values);
    const { results } = await runGraph(device, graph, values, { withoutPasses });
    return Object.entries(expected).flatMap(([name, value]) => {
      const error = relativeError(results[name]!, value);
      return error <= tolerance ? [] : [`${context}: ${name} is off by ${error} in\n${printGraph(graph)}`];
    });
  } catch (error) {
    return [`${context}: ${error instanceof Error ? error.stack : String(error)} in\n${printGraph(graph)}`];
  }
}

async function failuresOf(
  device: Device,
  first: number,
  pickWithout: (seed: number) => readonly string[],
): Promise<string[]> {
  const failures: string[] = [];
  for (let seed = first; seed < first + batchSize; seed++)
    failures.push(...(await failureOf(device, seed, pickWithout(seed))));
  return failures;
}

for (const kind of testedDevices) {
  describe(`random graphs on ${kind} agree with evaluate`, () => {
    const device = lazyDevice(kind);
    for (let first = 0; first < graphCounts[kind]; first += batchSize) {
      it(`seeds from ${first}, all passes`, { timeout: 240_000 }, async () => {
        expect(await failuresOf(await device(), first, () => [])).toEqual([]);
      });
      if (kind !== "cpu") continue;
      it(
        `seeds from ${first}, with a random subset of the optional passes`,
        { timeout: 240_000 },
        async () => {
          const without = (seed: number): string[] => {
            const random = seededRandom(seed + 1);
            return optionalPasses.filter(() => random() < 0.4);
          };
          expect(await failuresOf(await device(), first, without)).toEqual([]);
        },
      );
    }
  });
}
