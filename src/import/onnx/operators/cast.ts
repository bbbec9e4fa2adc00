/** The dtype a Cast leads to. */
import { isDType, type DType } from "../../../ir/dtype.ts";
import type { OperatorNode } from "../operator.ts";
import { dtypeOfElementType, elementTypeName } from "../tensors.ts";

export function castTarget(node: OperatorNode, elementType: number): DType {
  const dtype = dtypeOfElementType(elementType);
  if (dtype === "i64") return "i32";
  if (dtype !== undefined && isDType(dtype)) return dtype;
  return node.fail("unsupported", `casting to ${elementTypeName(elementType)} is not supported.`);
}
