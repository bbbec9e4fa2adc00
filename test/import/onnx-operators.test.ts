/**
 * Every ONNX operator that can be imported agrees with recorded results, for all its attributes: by the
 * reference semantics and on every device. On OpenCL, where each kernel takes a compiler run, one case an operator.
 */
import { describe, expect, it } from "vitest";
import { importOnnx } from "../../src/import/onnx/model.ts";
import { supportedOperators } from "../../src/import/onnx/inspect.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { joinNamedWords } from "../../src/ir/int64-words.ts";
import { graphTensor } from "../../src/ir/trace.ts";
import { verify } from "../../src/ir/verify.ts";
import { lazyDevice, runGraph, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { loadOnnxCases, type OnnxCase } from "../recordings/onnx-cases.ts";

/** f32 results agree within this, relative to the largest output (DESIGN: 1e-5 for single ops). */
const tolerance = 1e-5;

const cases = loadOnnxCases();
const byOperator = new Map<string, OnnxCase[]>();
for (const item of cases) byOperator.set(item.operator, [...(byOperator.get(item.operator) ?? []), item]);

interface Imported {
  readonly graph: Graph;
  readonly values: Readonly<Record<string, HostTensor>>;
}

function imported({ model, inputs }: OnnxCase): Imported {
  const { graph, stored } = traceOnnx(importOnnx(model));
  const values = new Map(Object.entries(inputs));
  for (const [name, parameter] of stored) values.set(name, parameter.value);
  return {
    graph,
    values: Object.fromEntries([...values].map(([name, value]) => [name, graphTensor(value, name)])),
  };
}

async function failures(
  items: readonly OnnxCase[],
  run: (item: Imported) => Promise<Readonly<Record<string, HostTensor>>>,
): Promise<string[]> {
  const found: string[] = [];
  for (const item of items) {
    try {
      const results = joinNamedWords(await run(imported(item)));
      for (const [name, expected] of Object.entries(item.outputs)) {
        const error = relativeError(graphTensor(results[name]!, name), graphTensor(expected, name));
        if (!(error <= tolerance)) found.push(`${item.id} ${name}: ${error}`);
      }
    } catch (error) {
      found.push(`${item.id}: ${String(error)}`);
    }
  }
  return found;
}

describe("recorded ONNX operators", () => {
  it("cover every operator that is said to be supported", () => {
    expect([...byOperator.keys()].sort()).toEqual([...supportedOperators()]);
    expect(byOperator.size).toBeGreaterThanOrEqual(145);
  });

  it.each([...byOperator])("%s agrees by the reference semantics", async (_, items) => {
    const found = await failures(items, async ({ graph, values }) => {
      verify(graph, "import");
      return evaluate(graph, values);
    });
    expect(found).toEqual([]);
  });
});

for (const kind of testedDevices) {
  describe(`recorded ONNX operators on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each([...byOperator])("%s agrees", { timeout: 240_000 }, async (_, items) => {
      const chosen = kind === "opencl" ? items.slice(0, 1) : items;
      const found = await failures(chosen, async ({ graph, values }) => {
        const { results } = await runGraph(await device(), graph, values);
        return results;
      });
      expect(found).toEqual([]);
    });
  });
}
