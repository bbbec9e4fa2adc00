/** Runs a module by the reference semantics: traces it, evaluates the graph, and keeps the new state in the module. */
import { evaluate } from "../../src/ir/evaluate.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { storedGraphTensor } from "../../src/ir/trace.ts";
import { verify } from "../../src/ir/verify.ts";
import type { Module } from "../../src/nn/module.ts";
import { traceModule } from "../../src/nn/trace-module.ts";

/** The outputs, in the order `forward` gives them. */
export function runTraced(module: Module, inputs: readonly HostTensor[]): HostTensor[] {
  const { graph, stored } = traceModule(module, inputs);
  verify(graph, "trace");
  const given = graph.inputs
    .filter((input) => input.role === "input")
    .map((input, i) => [input.name, inputs[i]!]);
  const state = [...stored].map(([name, tensor]) => [name, storedGraphTensor(tensor, name)]);
  const results = evaluate(graph, Object.fromEntries([...given, ...state]) as Record<string, HostTensor>);
  const outputs: HostTensor[] = [];
  for (const output of graph.outputs) {
    const value = results[output.name]!;
    if (output.updates === undefined) outputs.push(value);
    else stored.get(output.name)!.assign(value);
  }
  return outputs;
}
