/** Ops whose result may be the bytes of their operand, seen otherwise. */
import type { Node, NodeOf } from "./graph.ts";

type View = NodeOf<"reshape"> | NodeOf<"relayout"> | NodeOf<"permute">;

/** Whether the node may be another view of its operand's bytes: many are, depending on layouts. */
export function mayBeView(node: Node): node is View {
  return node.op === "reshape" || node.op === "relayout" || node.op === "permute";
}
