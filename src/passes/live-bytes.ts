/**
 * How many bytes of values are live at once: an estimate for passes that move values about, of what the planner
 * will find once all is fused.
 */
import { nodeId, type Node, type ValueId } from "../ir/graph.ts";
import { sizeBytes } from "../ir/tensor-type.ts";
import { isElementwiseNode, isMovementNode } from "./fusion-group.ts";
import type { Rewriter } from "./rewrite.ts";

/**
 * @param order the nodes in an order of execution
 * @param slices values that lie in the buffer of another one
 */
export function peakBytes(
  rewriter: Rewriter,
  order: readonly Node[],
  slices: ReadonlyMap<ValueId, { readonly whole: ValueId }>,
): number {
  const steps = new Map(order.map((node, step) => [nodeId(node), step]));
  /** When a node's work is done: with its reader's, where that computes it in passing. */
  const ends: number[] = [];
  const inPassing = (node: Node): Node | undefined => {
    const id = nodeId(node);
    const readers = rewriter.usersOf(id);
    const isFree = (isElementwiseNode(node) || isMovementNode(node)) && !slices.has(id);
    const [reader] = readers;
    if (!isFree || readers.length !== 1 || rewriter.isOutput(id) || holdsSlices.has(id)) return undefined;
    return isElementwiseNode(reader!) || isMovementNode(reader!) ? reader : undefined;
  };
  const holdsSlices = new Set(Array.from(slices.values(), ({ whole }) => whole));
  for (let step = order.length - 1; step >= 0; step--) {
    const reader = inPassing(order[step]!);
    ends[step] = reader === undefined ? step : ends[steps.get(nodeId(reader))!]!;
  }
  const lives = new Map<ValueId, { first: number; last: number; bytes: number }>();
  order.forEach((node, step) => {
    if (node.op === "constant" || inPassing(node) !== undefined) return;
    for (const { id } of node.results) {
      const readers = rewriter.usersOf(id).map((reader) => ends[steps.get(nodeId(reader))!]!);
      const last = rewriter.isOutput(id) ? order.length : Math.max(step, ...readers);
      const whole = slices.get(id)?.whole ?? id;
      // Inputs lie in buffers of their own.
      if (rewriter.producer(whole) === undefined) continue;
      const known = lives.get(whole);
      lives.set(whole, {
        first: Math.min(step, known?.first ?? step),
        last: Math.max(last, known?.last ?? last),
        bytes: sizeBytes(rewriter.typeOf(whole)),
      });
    }
  });
  const changes = new Array<number>(order.length + 2).fill(0);
  for (const { first, last, bytes } of lives.values()) {
    changes[first]! += bytes;
    changes[last + 1]! -= bytes;
  }
  let [live, peak] = [0, 0];
  for (const change of changes) peak = Math.max(peak, (live += change));
  return peak;
}
