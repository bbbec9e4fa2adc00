/**
 * Every recorded op on every device agrees with PyTorch: once with all operands as inputs of the run, and,
 * where an op has weights or statistics, once with those as parameters, which are packed or folded.
 */
import { describe, expect, it } from "vitest";
import type { Graph } from "../../src/ir/graph.ts";
import type { OpName } from "../../src/ir/ops/registry.ts";
import { relativeError } from "../recordings/compare.ts";
import { loadRecordings, type RecordedCase } from "../recordings/load.ts";
import { namedOperands, oneOpGraph } from "../recordings/one-op-graph.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

/** f32 results agree within this, relative to the largest output (DESIGN: 1e-5 for single ops). */
const tolerance = 1e-5;

const withParameters: readonly OpName[] = ["conv", "matmul", "batch_norm", "batch_norm_training"];

const variants: readonly { readonly name: string; readonly applies: (item: RecordedCase) => boolean; readonly graph: (item: RecordedCase) => Graph }[] = [
  { name: "as inputs", applies: () => true, graph: oneOpGraph },
  {
    name: "with parameters",
    applies: (item) => withParameters.includes(item.op),
    graph: (item) => {
      const graph = oneOpGraph(item);
      return { ...graph, inputs: graph.inputs.map((input, i) => (i === 0 ? input : { ...input, role: "parameter" })) };
    },
  },
]; // prettier-ignore

const byOp = new Map<OpName, RecordedCase[]>();
for (const item of loadRecordings()) byOp.set(item.op, [...(byOp.get(item.op) ?? []), item]);

for (const kind of testedDevices) {
  describe(`recorded ops on ${kind}`, () => {
    const device = lazyDevice(kind);
    for (const variant of variants) {
      for (const [op, cases] of byOp) {
        const applicable = cases.filter(variant.applies);
        if (applicable.length === 0) continue;
        it(`${op} ${variant.name} agrees with PyTorch in ${applicable.length} cases`, { timeout: 240_000 }, async () => {
          const failures: string[] = [];
          for (const item of applicable) {
            const { results } = await runGraph(await device(), variant.graph(item), namedOperands(item));
            item.results.forEach((expected, i) => {
              const error = relativeError(results[`y${i}`]!, expected);
              if (!(error <= tolerance)) failures.push(`${item.id} result ${i}: ${error}`);
            });
          }
          expect(failures).toEqual([]);
        });
      }
    }
  });
} // prettier-ignore
