/** A graph of one node, whose inputs `x0, x1, …` are the recorded operands and whose outputs are `y0, y1, …`. */
import { GraphBuilder } from "../../src/ir/builder.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import type { RecordedCase } from "./load.ts";

export function oneOpGraph({ op, operands, attributes }: RecordedCase): Graph {
  const builder = new GraphBuilder(op);
  const inputs = operands.map(({ dtype, shape }, i) =>
    builder.input("input", `x${i}`, tensorType(dtype as DType, shape)),
  );
  const results = builder.addAll(op, inputs, attributes as never);
  results.forEach((result, i) => builder.output(`y${i}`, result));
  return builder.build();
}

/** The operands under the names the graph has for them. */
export function namedOperands({ operands }: RecordedCase): Readonly<Record<string, HostTensor>> {
  return Object.fromEntries(operands.map((operand, i) => [`x${i}`, operand]));
}
