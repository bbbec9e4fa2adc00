/** Matrix products. */
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";

/** α·A·B + β·C, either factor possibly transposed. */
function gemm(node: OperatorNode): Tensor {
  const [alpha, beta] = [node.float("alpha", 1), node.float("beta", 1)];
  const a = node.flag("transA", false) ? node.input(0).transpose(0, 1) : node.input(0);
  const b = node.flag("transB", false) ? node.input(1).transpose(0, 1) : node.input(1);
  // Before operator set 7 it had to be said; what need not be broadcast is not changed by it.
  if (node.opset < 7) node.ignore("broadcast");
  const product = a.matmul(b);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  const c = node.optional(2);
  if (c === undefined || beta === 0) return scaled;
  return scaled.add(beta === 1 ? c : c.mul(beta));
}

export const matrices: OperatorFamily = {
  Gemm: gemm,
  MatMul: (node) => node.input(0).matmul(node.input(1)),
};
