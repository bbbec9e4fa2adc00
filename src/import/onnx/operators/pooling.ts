/** Pooling. */
import { positive } from "./constraints.ts";
import { windowCount, windowExtent } from "../../../ir/ops/window.ts";
import { elementCount } from "../../../ir/shape.ts";
import { norm } from "../../../nn/statistics.ts";
import { normFromMean } from "../../../nn/lp-pool.ts";
import { gatherWindows } from "../../../nn/positions.ts";
import { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { TensorProto_DataType as DataType } from "../schema/onnx_pb.ts";
import { integerLimits } from "../tensors.ts";
import { positionsInTensor } from "./unpooling.ts";
import { windowOf } from "./windows.ts";

function windowed(node: OperatorNode) {
  const x = node.input(0);
  const window = windowOf(node, x.shape.slice(2));
  return { x, attributes: { ...window, ceilMode: node.flag("ceil_mode", false) } };
}

type Pooled = ReturnType<typeof windowed>["attributes"];

/** How many windows there are, and how much must be put around `x` for all of them to lie inside. */
function extentOf(x: Tensor, { kernel, stride, dilation, padding, ceilMode }: Pooled) {
  const counts = kernel.map((extent, i) =>
    windowCount(x.shape[i + 2]!, extent, stride[i]!, padding[i]!, dilation[i]!, ceilMode),
  );
  const amounts = kernel.map((extent, i): readonly [number, number] => {
    const reach = (counts[i]! - 1) * stride[i]! + windowExtent(extent, dilation[i]!);
    return [padding[i]![0], Math.max(padding[i]![1], reach - x.shape[i + 2]! - padding[i]![0])];
  });
  return { counts, around: [...amounts].reverse().flat() };
}

/** The op wants no window to see padding alone; where one does, the padding is put there by hand. */
function isWide({ kernel, dilation, padding }: Pooled): boolean {
  return padding.some((pair, i) => Math.max(...pair) > windowExtent(kernel[i]!, dilation[i]!) / 2);
}

function maxPool(node: OperatorNode): readonly Tensor[] {
  const isColumnMajor = node.int("storage_order", 0, [0, 1]) === 1;
  const { x: given, attributes } = windowed(node);
  // Narrow integers, all that ONNX has here besides floats, are exact in f32.
  const x = integerLimits(node.elementType(0)) === undefined ? given : given.to("f32");
  node.declareResult(DataType.INT64, 1);
  const pool = (from: Tensor, options: Pooled) =>
    new Tensor(x.trace, x.trace.add("max_pool", [from.id], options)).to(given.dtype);
  const none = attributes.kernel.map(() => [0, 0] as const);
  const y = isWide(attributes)
    ? pool(x.pad(extentOf(x, attributes).around, -Infinity), {
        ...attributes,
        padding: none,
        ceilMode: false,
      })
    : pool(x, attributes);
  return node.hasOutput(1) ? [y, positionsInTensor(x, attributes, y.shape.slice(2), isColumnMajor)] : [y];
}

function averagePool(node: OperatorNode): Tensor {
  const { x, attributes } = windowed(node);
  const countIncludePad = node.flag("count_include_pad", false);
  if (attributes.dilation.some((step) => step !== 1) || isWide(attributes))
    return gatheredAverage(x, attributes, countIncludePad);
  return new Tensor(x.trace, x.trace.add("avg_pool", [x.id], { ...attributes, countIncludePad }));
}

/** Averages of windows with gaps: their elements are gathered, summed and divided by how many count. */
function gatheredAverage(x: Tensor, attributes: Pooled, countIncludePad: boolean): Tensor {
  const { kernel, stride, dilation, padding } = attributes;
  const { counts, around } = extentOf(x, attributes);
  const rank = kernel.length;
  const sums = gatherWindows(x.pad(around), attributes, counts).sum(kernel.map((_, i) => 2 + rank + i));
  return kernel.reduce<Tensor>((y, extent, i) => {
    const [low, high] = countIncludePad
      ? [-padding[i]![0], x.shape[i + 2]! + padding[i]![1]]
      : [0, x.shape[i + 2]!];
    const counted = Float32Array.from({ length: counts[i]! }, (_, o) => {
      const taps = Array.from(
        { length: extent },
        (_, k) => o * stride[i]! + k * dilation[i]! - padding[i]![0],
      );
      return taps.filter((at) => at >= low && at < high).length;
    });
    const shape = y.shape.map((size, axis) => (axis === i + 2 ? size : 1));
    return y.div({ dtype: "f32", shape, data: counted });
  }, sums);
}

/** In operator set 1 not only whole numbers. */
const normOf = (node: OperatorNode): number =>
  node.opset < 2 ? node.float("p", 2) : node.int("p", 2, positive);

/** (Σ |x|ᵖ)^(1/p) over a window: the average times the window's size, all windows made whole with zeros. */
function lpPool(node: OperatorNode): Tensor {
  const p = normOf(node);
  const { x, attributes } = windowed(node);
  const powers = x.abs().pow(p).pad(extentOf(x, attributes).around);
  const none = attributes.kernel.map(() => [0, 0] as const);
  const plain = { ...attributes, ceilMode: false, padding: none };
  return normFromMean(gatheredOrPlainAverage(powers, plain), p, elementCount(attributes.kernel));
}

function gatheredOrPlainAverage(x: Tensor, attributes: Pooled): Tensor {
  if (attributes.dilation.some((step) => step !== 1)) return gatheredAverage(x, attributes, true);
  return new Tensor(x.trace, x.trace.add("avg_pool", [x.id], { ...attributes, countIncludePad: true }));
}

const spatialAxes = (x: Tensor): number[] => x.shape.slice(2).map((_, i) => i + 2);

export const pooling: OperatorFamily = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: (node) => node.input(0).mean(spatialAxes(node.input(0)), true),
  GlobalMaxPool: (node) => node.input(0).max(spatialAxes(node.input(0)), true),
  GlobalLpPool: (node) => norm(node.input(0), normOf(node), spatialAxes(node.input(0)), true),
};
