/** Reading constants inside passes. */
import { elementCount } from "../ir/shape.ts";
import type { ValueId } from "../ir/graph.ts";
import type { Rewriter } from "./rewrite.ts";

/** The number a value holds in every element, through broadcasts, reshapes and the like; undefined if unknown. */
export function uniformValue(rewriter: Rewriter, value: ValueId): number | undefined {
  const node = rewriter.producer(value);
  switch (node?.op) {
    case "constant": {
      const { data, shape } = node.attributes.value;
      if (elementCount(shape) === 0) return undefined;
      const first = data[0]!;
      if (data.length > 4096) return undefined;
      return data.every((element) => Object.is(element, first)) ? first : undefined;
    }
    case "broadcast":
    case "reshape":
    case "permute":
    case "relayout":
    case "slice":
      return uniformValue(rewriter, node.operands[0]!);
    default:
      return undefined;
  }
}
