/**
 * What the kernel of a node depends on, as text: networks repeat their blocks, and nodes of equal signatures are
 * lowered once. In: a node's body as `lowerNode` takes it. Out: the ops, attributes and types in it, with values by
 * number instead of name, and which results are stored and over what.
 *
 *     conv(%h3, %w3) + relu : f32[1,64,56,56]      and      conv(%h7, %w7) + relu : f32[1,64,56,56]
 *
 * have one signature. Kernels of different signatures may still turn out to be equal.
 */
import { attributesText } from "../../ir/attributes-text.ts";
import type { ValueId } from "../../ir/graph.ts";
import { formatType } from "../../ir/tensor-type.ts";
import type { LoweringTask } from "./lower-node.ts";

/** Signatures can be compared if one of these made them, because it numbers long constants. */
export class NodeSignatures {
  readonly #identities = new Map<object, number>();

  of({ body, results, used, inPlace }: LoweringTask): string {
    const numbers = new Map<ValueId, number>();
    const numberOf = (value: ValueId): number => {
      const number = numbers.get(value) ?? numbers.size;
      numbers.set(value, number);
      return number;
    };
    const parts = body.inputs.map(({ id, type }) => `${numberOf(id)}:${formatType(type)}`);
    for (const { op, operands, attributes, ...node } of Object.values(body.nodes)) {
      const made = node.results.map(({ id, type }) => `${numberOf(id)}:${formatType(type)}`);
      const text = attributesText(attributes, this.#identities);
      parts.push(`${made.join()}=${op}(${operands.map(numberOf).join()})${text}`);
    }
    body.outputs.forEach((output, i) => {
      const result = results[i]!;
      const replaced = inPlace.get(result);
      const over = body.inputs.flatMap(({ name }, at) => (name === replaced ? [at] : []));
      parts.push(`${used.has(result) ? "store" : "drop"} ${numberOf(output.value)} over ${over.join()}`);
    });
    return parts.join(" ");
  }
}
