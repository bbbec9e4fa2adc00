/** A bound on what a model's numbers can make the importer allocate. */
import { longestTable } from "../../../nn/positions.ts";
import type { OperatorNode } from "../operator.ts";

/** Refuses tables whose length comes from a broken or hostile model before they are allocated. */
export function checkedLength(node: OperatorNode, length: number, what: string): number {
  if (!Number.isInteger(length) || length < 0 || length > longestTable)
    return node.fail("unsupported", `${what} would have ${length} elements; at most ${longestTable} can be.`);
  return length;
}
