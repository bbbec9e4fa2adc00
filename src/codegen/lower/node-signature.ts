/**
 * What the kernel of a node depends on, as text: networks repeat their blocks, and nodes of equal signatures are
 * lowered once. In: a node's body as `lowerNode` takes it. Out: the ops, attributes and types in it, with values by
 * number instead of name, and where they lie in which buffers.
 *
 *     conv(%h3, %w3) + relu : f32[1,64,56,56]      and      conv(%h7, %w7) + relu : f32[1,64,56,56]
 *
 * have one signature. Kernels of different signatures may still turn out to be equal.
 */
import { attributesText } from "../../ir/attributes-text.ts";
import type { ValueId } from "../../ir/graph.ts";
import { formatType } from "../../ir/tensor-type.ts";
import { buffersOf, isStored, wholeOf, type LoweringTask } from "./lower-node.ts";

/** Signatures can be compared if one of these made them, because it numbers long constants. */
export class NodeSignatures {
  readonly #identities = new Map<object, number>();

  of(lowering: LoweringTask): string {
    const { body, results, inPlace, slices } = lowering;
    const buffers = [...buffersOf(lowering).keys()];
    /** Which buffer, and where in it. */
    const placeOf = (value: ValueId): string => {
      const slice = slices.get(value);
      const place = `@${buffers.indexOf(wholeOf(lowering, value))}`;
      if (slice === undefined) return place;
      return `${place}+${slice.view.offset}/${slice.view.strides.join()}/${slice.elementCount}`;
    };
    const numbers = new Map<ValueId, number>();
    const numberOf = (value: ValueId): number => {
      const number = numbers.get(value) ?? numbers.size;
      numbers.set(value, number);
      return number;
    };
    const parts = body.inputs.map(
      ({ id, name, type }) => `${numberOf(id)}:${formatType(type)}${placeOf(name)}`,
    );
    for (const { op, operands, attributes, ...node } of Object.values(body.nodes)) {
      const made = node.results.map(({ id, type }) => `${numberOf(id)}:${formatType(type)}`);
      const text = attributesText(attributes, this.#identities);
      parts.push(`${made.join()}=${op}(${operands.map(numberOf).join()})${text}`);
    }
    body.outputs.forEach((output, i) => {
      const result = results[i]!;
      const place = isStored(lowering, result) ? placeOf(inPlace.get(result) ?? result) : "dropped";
      parts.push(`${numberOf(output.value)}${place}`);
    });
    return parts.join(" ");
  }
}
