/**
 * A fusion: several ops that become one kernel. The body is a graph of its own whose inputs are the
 * operands, so what a fusion means is what its body means.
 */
import { UserError } from "../../errors.ts";
import { evaluateValues } from "../evaluate.ts";
import type { Graph } from "../graph.ts";
import { typesOf } from "../graph-index.ts";
import { formatType, sameType } from "../tensor-type.ts";
import type { OpFamily } from "./op.ts";

export interface FusionOps {
  fusion: { readonly body: Graph };
}

export const fusionOps: OpFamily<FusionOps> = {
  fusion: {
    kind: "fusion",
    vjp: "none",
    infer(operands, { body }) {
      body.inputs.forEach((input, i) => {
        const operand = operands[i];
        if (operand === undefined || !sameType(operand, input.type)) {
          throw new UserError(
            "argument",
            `fusion: operand ${i} is ${operand ? formatType(operand) : "missing"}, the body expects ${formatType(input.type)}.`,
          );
        }
      });
      if (operands.length !== body.inputs.length) {
        throw new UserError(
          "argument",
          `fusion: ${operands.length} operands for a body of ${body.inputs.length} inputs.`,
        );
      }
      const types = typesOf(body);
      return body.outputs.map((output) => types.get(output.value)!);
    },
    evaluate: (operands, { body }) => {
      const inputs = new Map(body.inputs.map((input, i) => [input.id, operands[i]!]));
      const values = evaluateValues(body, inputs);
      return body.outputs.map((output) => values.get(output.value)!);
    },
  },
};
