/** One random graph on a device against `evaluate`. */
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { printGraph } from "../../src/ir/print.ts";
import { verify } from "../../src/ir/verify.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { fusionPasses, graphPasses } from "../../src/passes/pipeline.ts";
import type { Device } from "../../src/runtime/device.ts";
import { runGraph } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { randomGraph } from "./random-graph.ts";

/** Relative to the largest element of each result; the design asks 1e-4 of whole networks. */
const tolerance = 1e-5;

const roundingOfUnits = 1e-6;

function largestOf({ data }: HostTensor): number {
  return Array.from(data as ArrayLike<number>).reduce(
    (most, x) => (Math.abs(x) > most ? Math.abs(x) : most),
    0,
  );
}

const optionalPasses = [...graphPasses, ...fusionPasses]
  .filter((pass) => pass.required !== true)
  .map((pass) => pass.name);

/** What is wrong with the results of this seed's graph, if anything. */
export async function failureOf(
  device: Device,
  seed: number,
  withoutPasses: readonly string[],
): Promise<readonly string[]> {
  const { graph, values } = randomGraph(seed);
  const context = `seed ${seed}, without [${withoutPasses.join(", ")}]`;
  try {
    verify(graph, "random-graph");
    const expected = evaluate(graph, values);
    const { results } = await runGraph(device, graph, values, { withoutPasses });
    return Object.entries(expected).flatMap(([name, value]) => {
      const error = relativeError(results[name]!, value);
      // Terms of a unit's size may cancel, and then rounding is all that a result holds.
      const isRounding = Number.isFinite(error) && largestOf(value) * error <= roundingOfUnits;
      return error <= tolerance || isRounding
        ? []
        : [`${context}: ${name} is off by ${error} in\n${printGraph(graph)}`];
    });
  } catch (error) {
    return [`${context}: ${error instanceof Error ? error.stack : String(error)} in\n${printGraph(graph)}`];
  }
}

/** Names of some optional passes, to leave out. */
export function withoutSome(seed: number): readonly string[] {
  const random = seededRandom(seed + 1);
  return optionalPasses.filter(() => random() < 0.4);
}
