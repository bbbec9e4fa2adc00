/** Matrix products. */
import { checkRank, checkSpreads } from "./constraints.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

/** Of floats, or of integers, which are exact modulo 2^32: products that are summed. */
export function matrixProduct(a: Tensor, b: Tensor): Tensor {
  if (a.dtype === "f32" && b.dtype === "f32") return a.matmul(b);
  const left = a.rank === 1 ? a.unsqueeze(0) : a;
  const right = b.rank === 1 ? b.unsqueeze(1) : b;
  const [columns, rows] = [left.shape.at(-1)!, right.shape.at(-2)!];
  if (columns !== rows || a.dtype !== b.dtype)
    a.trace.fail(
      a.dtype === b.dtype ? "shape" : "dtype",
      `matmul: ${a.dtype} with ${columns} columns times ${b.dtype} with ${rows} rows; both must agree.`,
    );
  // [… m, k, 1] · [… 1, k, n], summed over k.
  const rank = Math.max(left.rank, right.rank);
  const product = left
    .unsqueeze(left.rank)
    .mul(right.unsqueeze(right.rank - 2))
    .sum(rank - 1);
  const column = b.rank === 1 ? product.squeeze(-1) : product;
  return a.rank === 1 ? column.squeeze(b.rank === 1 ? -1 : -2) : column;
}

/** α·A·B + β·C, either factor possibly transposed. */
function gemm(node: OperatorNode): Tensor {
  const [alpha, beta] = [node.float("alpha", 1), node.float("beta", 1)];
  const a = node.flag("transA", false) ? node.input(0).transpose(0, 1) : node.input(0);
  const b = node.flag("transB", false) ? node.input(1).transpose(0, 1) : node.input(1);
  // Before operator set 7 it had to be said; what need not be broadcast is not changed by it.
  if (node.opset < 7) node.int("broadcast", 0, [0, 1]);
  checkRank(node, "A", a, 2);
  checkRank(node, "B", b, 2);
  const product = matrixProduct(a, b);
  const scaled = alpha === 1 ? product : product.mul(alpha).to(product.dtype);
  const c = node.optional(2);
  if (c !== undefined) checkSpreads(node, c, scaled, "C");
  if (c === undefined || beta === 0) return scaled;
  return scaled.add(beta === 1 ? c : c.mul(beta).to(c.dtype));
}

export const matrices: OperatorFamily = {
  Gemm: gemm,
  MatMul: (node) => matrixProduct(node.input(0), node.input(1)),
};
