/** Integers of fewer than 32 bits, which graphs hold as i32: what arithmetic on them keeps. */
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorNode } from "../operator.ts";
import { integerLimits } from "../tensors.ts";

/** What an integer type narrower than 32 bits keeps of a value: its low bits, the sign extended. */
export function narrowTo(x: Tensor, [least, greatest]: readonly [number, number]): Tensor {
  const mask = x.trace.scalar(greatest - least, x.dtype);
  const low = new Tensor(x.trace, x.trace.add("bit_and", [x.id, mask], {}));
  return least === 0 ? low : low.sub(greatest - least + 1).where(low.gt(greatest), low);
}

/** A result of the type of an input, wrapped as that type does where it is narrower than 32 bits. */
export function narrowed(node: OperatorNode, x: Tensor, position = 0): Tensor {
  const limits = integerLimits(node.elementType(position));
  return limits === undefined || x.dtype !== "i32" ? x : narrowTo(x, limits);
}
