/**
 * Marks concatenations whose operands shall be written straight into the buffer of the result, each into its
 * slice, so that no kernel copies them there. What may lie where is `codegen/concat-slices.ts`'s matter; this pass
 * decides what is worth it.
 *
 *     %c = concat(%a, %b) {axis=1}   →   %c = concat(%a, %b) {axis=1, inPlace=true}
 */
import { placeConcats, type ConcatSlices } from "../codegen/concat-slices.ts";
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import { mayBeView } from "../ir/may-be-view.ts";
import { isPointwiseNode } from "./fusion-group.ts";
import { LiveBytes } from "./live-bytes.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const writeConcatsInPlace: Pass = {
  name: "write-concats-in-place",
  summary: "has the operands of concatenations written into their slices of the result",
  required: false,
  run: (graph, { note }) =>
    rewrite(graph, (rewriter) => {
      const order = rewriter.originalOrder();
      const live = new LiveBytes(rewriter, order);
      const peak = live.peak(new Map());
      const { inPlace } = placeConcats(graph, order, (concat, after) => {
        const reason = whyNot(rewriter, concat, after);
        if (reason !== undefined) {
          note(`%${nodeId(concat)}: ${reason}`);
          return false;
        }
        const bytes = live.peak(after.slices);
        if (bytes > peak) {
          note(`%${nodeId(concat)}: ${bytes - peak} bytes more would be live at once`);
          return false;
        }
        return true;
      });
      for (const node of order) {
        if (node.op !== "concat" || !inPlace.has(nodeId(node))) continue;
        rewriter.replace({ ...node, attributes: { ...node.attributes, inPlace: true } });
        note(`%${nodeId(node)}: ${node.operands.length} values in place`);
      }
    }),
};

/** Why a concatenation that could be in place shall not be; undefined where it shall. */
function whyNot(rewriter: Rewriter, concat: NodeOf<"concat">, after: ConcatSlices): string | undefined {
  const operands = [...new Set(concat.operands)];
  const inKernel = operands.filter((operand) => isMadeInPassing(rewriter, operand, after));
  if (inKernel.length === operands.length) return "one kernel computes the operands and joins them";
  const joined = joinsReader(rewriter, nodeId(concat), after);
  // Operands that other kernels read in one piece, such as longer concatenations, gain where this one does not.
  if (joined && operands.every((operand) => rewriter.usersOf(operand).length === 1))
    return "the kernel that reads it joins the operands";
  const kernels = inKernel.length + viewsOfSlices(rewriter, [...operands, nodeId(concat)], after);
  if (kernels > (joined ? 0 : 1)) return `it would take ${kernels} kernels more`;
  return undefined;
}

/** Whether the concatenation's kernel could compute an operand itself, element by element. */
function isMadeInPassing(rewriter: Rewriter, operand: ValueId, after: ConcatSlices): boolean {
  const producer = rewriter.producer(operand);
  if (producer === undefined || !isPointwiseNode(producer) || after.inPlace.has(operand)) return false;
  if (rewriter.usersOf(operand).length > 1) return false;
  // A concatenation of what other kernels make may come to be in place itself.
  return (
    producer.op !== "concat" || producer.operands.every((item) => isMadeInPassing(rewriter, item, after))
  );
}

/** How many views there are that need a kernel once what they show is a slice, whose elements lie apart. */
function viewsOfSlices(rewriter: Rewriter, values: readonly ValueId[], after: ConcatSlices): number {
  const views = values
    .filter((value) => after.slices.has(value))
    .flatMap((value) => rewriter.usersOf(value))
    .filter(mayBeView);
  return views.filter((view) => !joinsReader(rewriter, nodeId(view), after)).length;
}

/** Whether the only kernel that reads a value would compute it as it goes. */
function joinsReader(rewriter: Rewriter, value: ValueId, { inPlace }: ConcatSlices): boolean {
  const [reader, ...others] = rewriter.usersOf(value);
  if (reader === undefined || others.length > 0 || rewriter.isOutput(value)) return false;
  return isPointwiseNode(reader) && !inPlace.has(nodeId(reader));
}
