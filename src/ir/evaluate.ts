/**
 * Runs a graph by the reference semantics of its ops: slow, plain, and what every device is checked against.
 */
import { InternalError, UserError } from "../errors.ts";
import type { Graph, ValueId } from "./graph.ts";
import { executionOrder } from "./graph-index.ts";
import { checkHostTensor, type HostTensor } from "./host-tensor.ts";
import { opRecord } from "./ops/registry.ts";
import { formatShape, sameShape } from "./shape.ts";
import { formatType } from "./tensor-type.ts";

/** Graph outputs by name, state updates under the name of the state they replace. */
export function evaluate(
  graph: Graph,
  inputs: Readonly<Record<string, HostTensor>>,
): Readonly<Record<string, HostTensor>> {
  const bound = new Map<ValueId, HostTensor>();
  for (const input of graph.inputs) {
    const given = Object.hasOwn(inputs, input.name) ? inputs[input.name] : undefined;
    if (given === undefined) throw new UserError("argument", `evaluate: input '${input.name}' is missing.`);
    if (given.dtype !== input.type.dtype || !sameShape(given.shape, input.type.shape)) {
      throw new UserError(
        "shape",
        `evaluate: input '${input.name}' is ${given.dtype}${formatShape(given.shape)}, expected ${formatType(input.type)}.`,
      );
    }
    checkHostTensor(given, `evaluate: input '${input.name}'`);
    bound.set(input.id, given);
  }
  const values = evaluateValues(graph, bound);
  return Object.fromEntries(graph.outputs.map((output) => [output.name, values.get(output.value)!]));
}

/** Every value of the graph. */
export function evaluateValues(
  graph: Graph,
  inputs: ReadonlyMap<ValueId, HostTensor>,
): ReadonlyMap<ValueId, HostTensor> {
  const values = new Map(inputs);
  for (const node of executionOrder(graph)) {
    const operands = node.operands.map((operand) => {
      const value = values.get(operand);
      if (value === undefined) throw new InternalError(`evaluate: %${operand} is used before it is defined.`);
      return value;
    });
    const results = opRecord(node.op).evaluate(
      operands,
      node.attributes,
      node.results.map((result) => result.type),
    );
    node.results.forEach((result, i) => values.set(result.id, results[i]!));
  }
  return values;
}
