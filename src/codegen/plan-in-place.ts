/**
 * When new state may be written straight over the old: nothing reads the old state later, and the kernel that
 * writes reads each element before, and only where, it writes it.
 */
import type { Node, ValueId } from "../ir/graph.ts";
import { opRecord } from "../ir/ops/registry.ts";

type BatchNorm = Extract<Node, { op: "batch_norm_training" | "batch_norm_apply" }>;

/** @param readLater whether a later kernel reads the old state */
export function mayOverwrite(node: Node, value: ValueId, state: ValueId, readLater: boolean): boolean {
  if (readLater) return false;
  if (!node.operands.includes(state)) return true;
  if (isBatchNorm(node)) return isOwnChannelUpdate(node, value);
  if (node.op !== "fusion") return isPointwise(node, value);
  const { body } = node.attributes;
  const members = Object.values(body.nodes).filter((member) => member.op !== "constant");
  const inner = body.outputs[node.results.findIndex((result) => result.id === value)]!.value;
  const batchNorm = members.find(isBatchNorm);
  return batchNorm === undefined
    ? members.every((member) => isPointwise(member, inner, node))
    : isOwnChannelUpdate(batchNorm, inner);
}

function isBatchNorm(node: Node): node is BatchNorm {
  return node.op === "batch_norm_training" || node.op === "batch_norm_apply";
}

/** Elementwise over the whole shape of the state: each element depends on the same element. */
function isPointwise(node: Node, value: ValueId, whole: Node = node): boolean {
  const result = whole.results.find((item) => item.id === value) ?? whole.results[0]!;
  const shape = result.type.shape.join();
  return (
    opRecord(node.op).kind === "elementwise" && node.results.every((item) => item.type.shape.join() === shape)
  );
}

/** Batch norm writes running statistics per channel; the count is read by every channel when it sets the momentum. */
function isOwnChannelUpdate(node: BatchNorm, value: ValueId): boolean {
  const position = node.results.findIndex((result) => result.id === value);
  return position === 3 || position === 4 || (position === 5 && node.attributes.momentum !== null);
}
