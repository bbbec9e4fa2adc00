/** Pooling. */
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { maximaPositions } from "./unpooling.ts";
import { windowOf } from "./windows.ts";

function windowed(node: OperatorNode) {
  const x = node.input(0);
  const window = windowOf(node, x.shape.slice(2));
  return { x, attributes: { ...window, ceilMode: node.flag("ceil_mode", false) } };
}

function maxPool(node: OperatorNode): readonly Tensor[] {
  const isColumnMajor = node.flag("storage_order", false);
  const { x, attributes } = windowed(node);
  const y = new Tensor(x.trace, x.trace.add("max_pool", [x.id], attributes));
  return node.hasOutput(1) ? [y, maximaPositions(x, attributes, y.shape.slice(2), isColumnMajor)] : [y];
}

function averagePool(node: OperatorNode): Tensor {
  const { x, attributes } = windowed(node);
  const countIncludePad = node.flag("count_include_pad", false);
  return new Tensor(x.trace, x.trace.add("avg_pool", [x.id], { ...attributes, countIncludePad }));
}

/** (Σ |x|ᵖ)^(1/p) over a window: the average without padding, times the window's size. */
function lpPool(node: OperatorNode): Tensor {
  const p = node.int("p", 2);
  const { x, attributes } = windowed(node);
  const powers = x.abs().pow(p);
  const mean = new Tensor(
    x.trace,
    x.trace.add("avg_pool", [powers.id], { ...attributes, countIncludePad: true }),
  );
  const size = attributes.kernel.reduce((product, extent) => product * extent, 1);
  return mean.mul(size).pow(1 / p);
}

const spatialAxes = (x: Tensor): number[] => x.shape.slice(2).map((_, i) => i + 2);

export const pooling: OperatorFamily = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: (node) => node.input(0).mean(spatialAxes(node.input(0)), true),
  GlobalMaxPool: (node) => node.input(0).max(spatialAxes(node.input(0)), true),
  GlobalLpPool: (node) => {
    const p = node.int("p", 2);
    return node
      .input(0)
      .abs()
      .pow(p)
      .sum(spatialAxes(node.input(0)), true)
      .pow(1 / p);
  },
};
