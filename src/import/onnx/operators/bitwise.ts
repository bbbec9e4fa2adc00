/** Operators on the bits of integers. Types narrower than 32 bits are kept to their width. */
import { Tensor } from "../../../nn/tensor.ts";
import type { Operator, OperatorFamily, OperatorNode } from "../operator.ts";
import { narrowed } from "./narrow.ts";

type BitOp = "bit_and" | "bit_or" | "bit_xor" | "shift_left" | "shift_right";

const apply = (op: BitOp, a: Tensor, b: Tensor): Tensor =>
  new Tensor(a.trace, a.trace.add(op, [a.id, b.id], {}));

const binary =
  (op: BitOp): Operator =>
  (node) =>
    apply(op, node.input(0), node.input(1));

function shift(node: OperatorNode): Tensor {
  const [x, count] = [node.input(0), node.input(1)];
  if (!node.hasAttribute("direction")) return node.fail("file-format", "attribute direction is missing.");
  const direction = node.choice("direction", ["LEFT", "RIGHT"], "LEFT");
  return narrowed(node, apply(direction === "LEFT" ? "shift_left" : "shift_right", x, count));
}

export const bitwise: OperatorFamily = {
  BitwiseAnd: binary("bit_and"),
  BitwiseOr: binary("bit_or"),
  BitwiseXor: binary("bit_xor"),
  BitwiseNot: (node) => {
    const x = node.input(0);
    return narrowed(node, new Tensor(x.trace, x.trace.add("bit_not", [x.id], {})));
  },
  BitShift: shift,
};
