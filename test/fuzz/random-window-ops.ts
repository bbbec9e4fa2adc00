/** Random ops of convolutional networks over `[N, C, …]`: convolutions, pools, batch norms in both modes. */
import type { ValueId } from "../../src/ir/graph.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { windowCount, windowExtent } from "../../src/ir/ops/window.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import type { AddOp, Draw } from "./random-graph.ts";

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

/** A window that fits at least once along every spatial dimension. */
function randomWindow(
  draw: Draw,
  spatial: readonly number[],
  paddingAtMost: (extent: number) => number,
): Window {
  const axes = spatial.map((size) => {
    const kernel = draw.integer(1, Math.min(4, size));
    const dilation = kernel > 1 && windowExtent(kernel, 2) <= size && draw.chance(0.25) ? 2 : 1;
    const most = paddingAtMost(windowExtent(kernel, dilation));
    const before = draw.integer(0, most);
    const padding: [number, number] = [before, draw.chance(0.7) ? before : draw.integer(0, most)];
    return { kernel, stride: draw.integer(1, 3), dilation, padding };
  });
  return {
    kernel: axes.map((axis) => axis.kernel),
    stride: axes.map((axis) => axis.stride),
    dilation: axes.map((axis) => axis.dilation),
    padding: axes.map((axis) => axis.padding),
  };
}

const image = (shape: readonly number[]): boolean =>
  shape.length >= 3 && shape.length <= 5 && shape[1]! <= 32 && shape.slice(2).every((size) => size <= 32);

/** Channels a vector wide or not, grouped or depthwise, the bias added apart as modules trace it. */
function conv(draw: Draw, x: ValueId): ValueId {
  const shape = draw.shapeOf(x);
  const channels = shape[1]!;
  const window = randomWindow(draw, shape.slice(2), () => 2);
  const groups = draw.chance(0.4)
    ? draw.pick([1, 2, 3, 4, channels].filter((count) => channels % count === 0))
    : 1;
  const outputs = groups * draw.integer(1, Math.max(1, Math.ceil(18 / groups)));
  const weight = draw.weight([outputs, channels / groups, ...window.kernel]);
  const result = draw.builder.add("conv", [x, weight], { ...window, groups, packing: null });
  if (draw.chance(0.5)) return result;
  const bias = draw.leaf([outputs], draw.pick(["parameter", "constant"]));
  const aligned = draw.builder.add("reshape", [bias], { shape: [outputs, ...window.kernel.map(() => 1)] });
  return draw.builder.add("add", [result, aligned], {});
}

function pool(draw: Draw, x: ValueId): ValueId {
  const spatial = draw.shapeOf(x).slice(2);
  if (draw.chance(0.3)) {
    const outputSize = spatial.map(() => draw.integer(1, 4));
    return draw.builder.add("adaptive_avg_pool", [x], { outputSize });
  }
  const window = randomWindow(draw, spatial, (extent) => Math.floor(extent / 2));
  const ceilMode =
    draw.chance(0.3) &&
    spatial.every(
      (size, i) =>
        windowCount(
          size,
          window.kernel[i]!,
          window.stride[i]!,
          window.padding[i]!,
          window.dilation[i]!,
          true,
        ) > 0,
    );
  if (draw.chance(0.5)) return draw.builder.add("max_pool", [x], { ...window, ceilMode });
  const padding = window.kernel.map((size) => [Math.floor(size / 2), Math.floor(size / 3)] as const);
  return draw.builder.add("avg_pool", [x], {
    ...window,
    padding,
    dilation: spatial.map(() => 1),
    ceilMode: false,
    countIncludePad: draw.chance(0.5),
  });
}

function batchNorm(draw: Draw, x: ValueId): ValueId {
  const channels = [draw.shapeOf(x)[1]!];
  const mean = draw.leaf(channels, "state");
  const variance = draw.leaf(channels, "state", [0.5, 2]);
  const scale = draw.leaf(channels, "parameter", [0.5, 1.5]);
  const shift = draw.leaf(channels, "parameter");
  return draw.builder.add("batch_norm", [x, mean, variance, scale, shift], { eps: 1e-5 });
}

/** Its state is replaced by what it computes, as a module in training mode does. */
function batchNormTraining(draw: Draw, x: ValueId): ValueId {
  const { builder } = draw;
  const channels = [draw.shapeOf(x)[1]!];
  const scale = draw.leaf(channels, "parameter", [0.5, 1.5]);
  const shift = draw.leaf(channels, "parameter");
  const mean = draw.leaf(channels, "state");
  const variance = draw.leaf(channels, "state", [0.5, 2]);
  const name = `batches${Object.keys(draw.values).length}`;
  draw.values[name] = tensor(Int32Array.of(draw.integer(0, 5)), [], "i32");
  const batches = builder.input("state", name, tensorType("i32", []));
  const [y, , , ...state] = builder.addAll(
    "batch_norm_training",
    [x, scale, shift, mean, variance, batches],
    {
      eps: 0.1,
      momentum: draw.pick([0.1, 0.3, null]),
      tracked: true,
      meanOffset: false,
      singleValue: "error",
      lowering: "undecided",
      reason: "",
    },
  );
  [mean, variance, batches].forEach((old, i) => {
    const stateName = Object.keys(draw.values).at(i - 3)!;
    builder.output(stateName, state[i]!, old);
  });
  return y!;
}

/** Often two or three in a row, with a ReLU and a residual add, because that is what passes look for. */
export const addWindowOp: AddOp = (draw) => {
  let x = draw.operand(image);
  if (x === undefined) return [];
  const start = x;
  const kind = draw.integer(0, 9);
  if (kind <= 1) return [pool(draw, x)];
  const results: ValueId[] = [];
  if (kind <= 7) results.push((x = conv(draw, x)));
  const perChannel = draw.shapeOf(x).reduce((count, size) => count * size, 1) / draw.shapeOf(x)[1]!;
  if (kind >= 4) {
    const training = perChannel > 3 && draw.chance(0.35);
    results.push((x = training ? batchNormTraining(draw, x) : batchNorm(draw, x)));
  }
  if (draw.chance(0.3) && draw.shapeOf(start).join() === draw.shapeOf(x).join() && start !== x)
    results.push((x = draw.builder.add("add", draw.chance(0.5) ? [x, start] : [start, x], {})));
  if (draw.chance(0.5)) results.push(draw.builder.add("relu", [x], {}));
  return results.slice(draw.chance(0.8) ? -1 : 0);
};
