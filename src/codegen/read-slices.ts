/**
 * Slices read in place: which slices need no kernel, because all that reads them finds their elements in the buffer
 * of what they are cut from.
 *
 *     %h = slice(%x) {start=[0,29,0,0], …}        h starts 29 channels into x's buffer, with x's strides
 */
import { nodeId, type Graph, type Node, type NodeOf, type ValueId } from "../ir/graph.ts";
import { elementCount } from "../ir/shape.ts";
import { layoutOf, sameLayout, type TensorType } from "../ir/tensor-type.ts";
import { readsSlices } from "./concat-slices.ts";

/** What is around a slice in its graph. */
export interface SliceSurroundings {
  readonly from: TensorType;
  readonly readers: readonly Node[];
  readonly isReturned: boolean;
}

/** Whether a slice can be read where it lies. */
export function canReadInPlace(
  slice: NodeOf<"slice">,
  { from, readers, isReturned }: SliceSurroundings,
): boolean {
  const [result] = slice.results;
  const { step } = slice.attributes;
  const fastest = layoutOf(from).at(-1);
  // Vectors take neighbours along the fastest dimension.
  const keepsNeighbours = step.every((amount, axis) => amount === 1 || (amount > 0 && axis !== fastest));
  return (
    keepsNeighbours &&
    !isReturned &&
    elementCount(result!.type.shape) > 0 &&
    sameLayout(result!.type, from) &&
    readers.every((reader) => readsSlices(reader, result!.id))
  );
}

/** The slices that a graph asks to be read in place, where they can be. */
export function slicesToRead(
  graph: Graph,
  order: readonly Node[],
  types: ReadonlyMap<ValueId, TensorType>,
): readonly NodeOf<"slice">[] {
  const returned = new Set(graph.outputs.map(({ value }) => value));
  const wanted = order.filter(
    (node): node is NodeOf<"slice"> => node.op === "slice" && node.attributes.inPlace === true,
  );
  const readers = new Map(wanted.map((slice): [ValueId, Node[]] => [nodeId(slice), []]));
  for (const node of order) for (const operand of new Set(node.operands)) readers.get(operand)?.push(node);
  return wanted.filter((slice) =>
    canReadInPlace(slice, {
      from: types.get(slice.operands[0]!)!,
      readers: readers.get(nodeId(slice))!,
      isReturned: returned.has(nodeId(slice)),
    }),
  );
}
