/** The two operands of an elementwise operator. */
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorNode } from "../operator.ts";

/**
 * Broadcast to each other as in NumPy; before operator set 7, the second one was broadcast where the node said so,
 * its dimensions lying from `axis` of the first one on: `[2,3,4,5] + [3,4]` with axis 1 is `+ [3,4,1]`.
 */
export function operands(node: OperatorNode): readonly [Tensor, Tensor] {
  const [a, b] = [node.input(0), node.input(1)];
  if (node.opset >= 7) return [a, b];
  const axis = node.int("axis", a.rank - b.rank);
  if (!node.flag("broadcast", false)) return [a, b];
  const from = axis < 0 ? axis + a.rank : axis;
  const after = a.rank - b.rank - from;
  if (after < 0)
    return node.fail("shape", `${b.rank} dimensions from axis ${axis} on do not fit ${a.rank} dimensions.`);
  return [a, b.reshape([...b.shape, ...new Array<number>(after).fill(1)])];
}
