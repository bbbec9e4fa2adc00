/** Activation functions. */
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";

const positive = (x: Tensor): Tensor => x.relu();
/** min(x, 0), NaN kept. */
const negative = (x: Tensor): Tensor => x.clamp(null, 0);
/** log(1 + eˣ) without overflow: max(x, 0) + log(1 + e^−|x|). */
const softplus = (x: Tensor): Tensor => x.relu().add(x.abs().neg().exp().add(1).log());

/** ELU: x above 0, α(eˣ − 1) below. */
const elu = (x: Tensor, alpha: number): Tensor => positive(x).add(negative(x).exp().sub(1).mul(alpha));

export const activations: OperatorFamily = {
  Relu: (node) => node.input(0).relu(),
  LeakyRelu: (node) => node.input(0).leakyRelu(node.float("alpha", 0.01)),
  PRelu: (node) => {
    const x = node.input(0);
    return positive(x).add(negative(x).mul(node.input(1)));
  },
  ThresholdedRelu: (node) => {
    const x = node.input(0);
    return x.where(x.gt(node.float("alpha", 1)), 0);
  },
  Elu: (node) => elu(node.input(0), node.float("alpha", 1)),
  Selu: (node) => {
    const alpha = node.float("alpha", 1.6732632423543772);
    return elu(node.input(0), alpha).mul(node.float("gamma", 1.0507009873554805));
  },
  Celu: (node) => {
    const alpha = node.float("alpha", 1);
    const x = node.input(0);
    return positive(x).add(negative(x).div(alpha).exp().sub(1).mul(alpha));
  },
  Gelu: (node) => node.input(0).gelu(node.string("approximate", "none") === "tanh" ? "tanh" : "none"),
  Sigmoid: (node) => node.input(0).sigmoid(),
  HardSigmoid: (node) => {
    const [alpha, beta] = [node.float("alpha", 0.2), node.float("beta", 0.5)];
    return node.input(0).mul(alpha).add(beta).clamp(0, 1);
  },
  HardSwish: (node) => node.input(0).hardswish(),
  Mish: (node) => node.input(0).mul(softplus(node.input(0)).tanh()),
  Softplus: (node) => softplus(node.input(0)),
  Softsign: (node) => node.input(0).div(node.input(0).abs().add(1)),
  Swish: (node) => {
    const x = node.input(0);
    return x.mul(x.mul(node.float("alpha", 1)).sigmoid());
  },
  Tanh: (node) => node.input(0).tanh(),
  Softmax: (node) => alongAxis(node, (x, axis) => x.softmax(axis)),
  LogSoftmax: (node) => alongAxis(node, (x, axis) => x.logSoftmax(axis)),
  Hardmax: (node) =>
    alongAxis(node, (x, axis) => {
      const best = x.argMax(axis, true);
      const positions = x.shape.map((size, i) => (i === axis ? size : 1));
      const index = Int32Array.from({ length: x.shape[axis]! }, (_, i) => i);
      return best.eq({ dtype: "i32", shape: positions, data: index }).to("f32");
    }),
};

/** Before opset 13, softmax ran over all dimensions from `axis` (default 1) on as one. */
function alongAxis(node: OperatorNode, apply: (x: Tensor, axis: number) => Tensor): Tensor {
  const x = node.input(0);
  const axis = trailingAxis(node, x, node.opset < 13 ? 1 : -1);
  if (node.opset >= 13 || axis === x.rank - 1) return apply(x, axis);
  return apply(x.flatten(axis), axis).reshape(x.shape);
}
