/** Reading axes: attributes or inputs, possibly negative. */
import { normalizeAxes, normalizeAxis } from "../../../ir/shape.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorNode } from "../operator.ts";

/** The `axis` attribute as 0 … rank − 1. */
export function trailingAxis(node: OperatorNode, x: Tensor, fallback: number): number {
  return normalizeAxis(node.int("axis", fallback), x.rank, "axis");
}

/** `axes` as an attribute, or (newer operator sets) as the input at `position`; undefined where absent. */
export function axesOf(node: OperatorNode, rank: number, position: number): number[] | undefined {
  const axes = node.ints("axes") ?? node.optionalNumbers(position, "axes");
  return axes === undefined ? undefined : normalizeAxes(axes, rank, "axes");
}
