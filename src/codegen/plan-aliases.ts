/** Values that need no kernel because they are another view of bytes that are there already. */
import type { Node, ValueId } from "../ir/graph.ts";
import { mayBeView } from "../ir/may-be-view.ts";
import { layoutOf, type TensorType } from "../ir/tensor-type.ts";

/**
 * Each such value, and the value whose buffer it shares.
 * @param slices values that do not fill their buffer, of which a view is not bytes that follow each other
 */
export function aliasRoots(
  order: readonly Node[],
  types: ReadonlyMap<ValueId, TensorType>,
  slices: { readonly has: (value: ValueId) => boolean },
): Map<ValueId, ValueId> {
  const roots = new Map<ValueId, ValueId>();
  for (const node of order) {
    if (!mayBeView(node)) continue;
    const operand = node.operands[0]!;
    if (slices.has(operand)) continue;
    const from = types.get(operand)!;
    const to = node.results[0]!.type;
    const same =
      node.op === "reshape"
        ? isRowMajor(from) && isRowMajor(to)
        : node.op === "relayout"
          ? wideOrder(from).join() === wideOrder(to).join()
          : permutedOrder(from, to, node.attributes.axes);
    if (same) roots.set(node.results[0]!.id, roots.get(operand) ?? operand);
  }
  return roots;
}

/** Dimensions of more than one element, slowest first. */
function wideOrder(type: TensorType): number[] {
  return layoutOf(type).filter((axis) => type.shape[axis] !== 1);
}

function isRowMajor(type: TensorType): boolean {
  return wideOrder(type).every((axis, i, order) => i === 0 || axis > order[i - 1]!);
}

function permutedOrder(from: TensorType, to: TensorType, axes: readonly number[]): boolean {
  return (
    wideOrder(to)
      .map((axis) => axes[axis])
      .join() === wideOrder(from).join()
  );
}
