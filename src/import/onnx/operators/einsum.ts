/** Einstein summation. */
import { einsum } from "../../../nn/einsum.ts";
import type { OperatorFamily } from "../operator.ts";
import { narrowed } from "./narrow.ts";

export const einsums: OperatorFamily = {
  Einsum: (node) => narrowed(node, einsum(node.string("equation", ""), ...node.inputs())),
};
