/**
 * Which values of a graph lie in the buffer of another value, and so need none of their own: operands of
 * concatenations in place, slices that are read in place, and other views of the same bytes.
 */
import { nodeId, type Graph, type Node, type ValueId } from "../ir/graph.ts";
import { producersOf } from "../ir/graph-index.ts";
import { elementCount } from "../ir/shape.ts";
import { stridesOf, type TensorType } from "../ir/tensor-type.ts";
import { placeConcats } from "./concat-slices.ts";
import type { Slices } from "./lower/lower-node.ts";
import type { View } from "./lower/view.ts";
import { aliasRoots } from "./plan-aliases.ts";
import { slicesToRead } from "./read-slices.ts";

export interface PlanViews {
  /** The value that fills the buffer that a value lies in. */
  readonly root: (value: ValueId) => ValueId;
  /** Values that do not fill their buffer. */
  readonly slices: Slices;
  /** Whether a node only says where its result lies. */
  readonly isFree: (node: Node) => boolean;
}

/** @param order the graph's nodes in an order of execution */
export function planViews(
  graph: Graph,
  order: readonly Node[],
  types: ReadonlyMap<ValueId, TensorType>,
): PlanViews {
  const concats = placeConcats(graph, order, (concat) => concat.attributes.inPlace === true);
  const producers = producersOf(graph);
  const asked = slicesToRead(graph, order, types).filter(
    (node) => !concats.slices.has(nodeId(node)) && producers.get(node.operands[0]!)?.op !== "constant",
  );
  const read = new Set(asked.map(nodeId));
  const roots = aliasRoots(order, types, {
    has: (value) => concats.slices.has(value) || read.has(value),
  });

  const slices = new Map<ValueId, { whole: ValueId; elementCount: number; view: View }>();
  for (const [value, { whole, offset }] of concats.slices) {
    const type = types.get(whole)!;
    const view = { offset, strides: stridesOf(type) };
    slices.set(value, { whole, elementCount: elementCount(type.shape), view });
  }
  // What is replaced may be written over by a kernel that reads it, which has to see that it does.
  const replaced = new Set(graph.outputs.map(({ updates }) => updates));
  for (const node of asked) {
    const [from] = node.operands as [ValueId];
    const type = types.get(from)!;
    const whole = slices.get(from)?.whole ?? roots.get(from) ?? from;
    if (replaced.has(whole)) {
      read.delete(nodeId(node));
      continue;
    }
    const { offset, strides } = slices.get(from)?.view ?? { offset: 0, strides: stridesOf(type) };
    const { start, step } = node.attributes;
    slices.set(nodeId(node), {
      whole,
      elementCount: elementCount(types.get(whole)!.shape),
      view: {
        offset: start.reduce((sum, at, axis) => sum + at * strides[axis]!, offset),
        strides: strides.map((stride, axis) => stride * step[axis]!),
      },
    });
  }
  return {
    slices,
    root: (value) => slices.get(value)?.whole ?? roots.get(value) ?? value,
    isFree: (node) => {
      const id = nodeId(node);
      return concats.inPlace.has(id) || read.has(id) || roots.has(id);
    },
  };
}
