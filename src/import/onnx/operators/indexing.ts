/** Reading by computed positions. */
import { checkIndices, checkIs, checkList, checkNumber, positive } from "./constraints.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";
import { checkedLength } from "./checked-length.ts";

function gather(node: OperatorNode): Tensor {
  const x = node.input(0);
  if (x.rank === 0) return node.fail("shape", "a scalar has no elements along an axis.");
  const axis = trailingAxis(node, x, 0);
  checkIndices(node, 1, x.shape[axis]!, axis);
  return x.indexSelect(axis, node.input(1));
}

/** 1 (or `on`) where the position along a new axis is the index, 0 (or `off`) elsewhere. */
function oneHot(node: OperatorNode): Tensor {
  const indices = node.input(0).to("i32");
  const given = node.constantNumbers(1, "the depth");
  checkList(node, "depth", given, 1, positive);
  const depth = checkedLength(node, given[0]!, "the new dimension");
  const values = node.input(2);
  checkIs(node, "values, which are off and on,", values, [2]);
  const type = node.elementType(2);
  if (type !== undefined) node.declareResult(type);
  const axis = node.int("axis", -1);
  checkNumber(node, "attribute axis", axis, [-indices.rank - 1, indices.rank]);
  const at = axis < 0 ? axis + indices.rank + 1 : axis;
  const shape = Array.from({ length: indices.rank + 1 }, (_, i) => (i === at ? depth : 1));
  const positions = { dtype: "i32", shape, data: Int32Array.from({ length: depth }, (_, i) => i) } as const;
  const wrapped = indices.where(indices.ge(0), indices.add(depth));
  const hit = wrapped.unsqueeze(at).eq(positions);
  return values.select(0, 1).where(hit, values.select(0, 0));
}

export const indexing: OperatorFamily = { Gather: gather, OneHot: oneHot };
