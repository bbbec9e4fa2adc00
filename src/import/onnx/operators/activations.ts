/** Activation functions. */
import {
  celu,
  elu,
  mish,
  selu,
  shrink,
  sloped,
  softplus,
  softsign,
} from "../../../nn/activation-functions.ts";
import { arange } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";
import { checkSpreads } from "./constraints.ts";

export const activations: OperatorFamily = {
  Relu: (node) => node.input(0).relu(),
  LeakyRelu: (node) => node.input(0).leakyRelu(node.float("alpha", 0.01)),
  PRelu: (node) => {
    const [x, slope] = [node.input(0), node.input(1)];
    // Before operator set 7, a vector had one slope a channel.
    const isPerChannel = node.opset < 7 && slope.rank === 1 && slope.shape[0] !== 1 && x.rank > 1;
    const spread = isPerChannel ? slope.reshape([slope.shape[0]!, ...x.shape.slice(2).map(() => 1)]) : slope;
    checkSpreads(node, spread, x, "the slope");
    return sloped(x, spread);
  },
  ThresholdedRelu: (node) => {
    const x = node.input(0);
    return x.where(x.gt(node.float("alpha", 1)), 0);
  },
  Elu: (node) => elu(node.input(0), node.float("alpha", 1)),
  Selu: (node) => {
    const isOld = node.opset < 6;
    const alpha = node.float("alpha", isOld ? 1.6732 : 1.6732632423543772);
    return selu(node.input(0), alpha, node.float("gamma", isOld ? 1.0507 : 1.0507009873554805));
  },
  Celu: (node) => celu(node.input(0), node.float("alpha", 1)),
  Gelu: (node) => node.input(0).gelu(node.choice("approximate", ["none", "tanh"], "none")),
  Sigmoid: (node) => node.input(0).sigmoid(),
  HardSigmoid: (node) => {
    const [alpha, beta] = [node.float("alpha", 0.2), node.float("beta", 0.5)];
    return node.input(0).mul(alpha).add(beta).clamp(0, 1);
  },
  HardSwish: (node) => node.input(0).hardswish(),
  Mish: (node) => mish(node.input(0)),
  Softplus: (node) => softplus(node.input(0), 1, Infinity),
  Softsign: (node) => softsign(node.input(0)),
  Swish: (node) => {
    const x = node.input(0);
    return x.mul(x.mul(node.float("alpha", 1)).sigmoid());
  },
  Shrink: (node) => shrink(node.input(0), node.float("lambd", 0.5), node.float("bias", 0)),
  Tanh: (node) => node.input(0).tanh(),
  Softmax: (node) => alongAxis(node, (x, axis) => x.softmax(axis)),
  LogSoftmax: (node) => alongAxis(node, (x, axis) => x.logSoftmax(axis)),
  Hardmax: (node) =>
    alongAxis(node, (x, axis) => {
      const best = x.argMax(axis, true);
      return best.eq(arange(x, x.shape[axis]!, axis, x.rank)).to("f32");
    }),
};

/** Before opset 13, softmax ran over all dimensions from `axis` (default 1) on as one. */
function alongAxis(node: OperatorNode, apply: (x: Tensor, axis: number) => Tensor): Tensor {
  const x = node.input(0);
  const axis = trailingAxis(node, x, node.opset < 13 ? 1 : -1);
  if (node.opset >= 13 || axis === x.rank - 1) return apply(x, axis);
  return apply(x.flatten(axis), axis).reshape(x.shape);
}
