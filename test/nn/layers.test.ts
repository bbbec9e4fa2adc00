import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { tensor, zeros } from "../../src/ir/host-tensor.ts";
import * as nn from "../../src/nn/index.ts";
import { traceModule } from "../../src/nn/trace-module.ts";
import { runTraced } from "../recordings/run-traced.ts";

const shapeOf = (module: nn.Module, shape: readonly number[]) => {
  const { graph } = traceModule(module, [{ shape }]);
  const last = Object.values(graph.nodes).at(-1)!;
  return last.results[0]!.type.shape;
};

const refuses = (module: nn.Module, shape: readonly number[], message: RegExp) => {
  expect(() => traceModule(module, [{ shape }])).toThrow(message);
  expect(() => traceModule(module, [{ shape }])).toThrow(UserError);
};

describe("batch norm", () => {
  test.each([
    [new nn.BatchNorm1d(3), [2, 3, 4, 5], /BatchNorm1d: input \[2,3,4,5\] has 4 dimensions, expected 2 or 3/],
    [new nn.BatchNorm2d(3), [2, 3], /BatchNorm2d: input \[2,3\] has 2 dimensions, expected 4/],
    [new nn.BatchNorm3d(3), [2, 3, 4, 5], /BatchNorm3d: input \[2,3,4,5\] has 4 dimensions, expected 5/],
    [
      new nn.BatchNorm2d(3),
      [2, 8, 8, 3],
      /BatchNorm2d: input \[2,8,8,3\] has 8 channels in dimension 1, expected 3 features/,
    ],
  ] as const)("refuses input of another rank or channel count: $1", (layer, shape, message) => {
    refuses(layer, shape, message);
  });

  test("one value per channel is an error in training and none in eval", () => {
    refuses(
      new nn.BatchNorm1d(3),
      [1, 3],
      /more than 1 value per channel when training, got input f32\[1,3\].*eval\(\).*zero-variance/,
    );
    expect(shapeOf(new nn.BatchNorm1d(3).eval(), [1, 3])).toEqual([1, 3]);
  });

  test("one value per channel with zero-variance gives the bias, and running statistics of variance 0", () => {
    const layer = new nn.BatchNorm1d(2, { singleValue: "zero-variance" });
    layer.bias!.assign(tensor([5, -5]));
    expect(runTraced(layer, [tensor([10, 20], [1, 2])])[0]).toEqual(tensor([5, -5], [1, 2]));
    expect(layer.runningMean!.value).toEqual(tensor([1, 2]));
    expect(layer.runningVar!.value).toEqual(tensor([0.9, 0.9]));
  });

  test("eval, then training, then eval: statistics are never stale", () => {
    const layer = new nn.BatchNorm1d(1, { momentum: 1 }).eval();
    const x = tensor([1, 3], [2, 1]);
    expect(runTraced(layer, [x])[0]!.data[0]).toBeCloseTo(1, 4);
    runTraced(layer.train(), [x]);
    expect(layer.runningMean!.value.data).toEqual(Float32Array.of(2));
    expect(layer.runningVar!.value.data).toEqual(Float32Array.of(2));
    expect(runTraced(layer.eval(), [x])[0]!.data[0]).toBeCloseTo(-1 / Math.sqrt(2), 4);
  });

  test("an image without a batch is normalised as the batch of one that it is", () => {
    const image = [1, 3, 5, 7, 2, 2, 4, 4]; // mean 4 and 3, variance 5 and 1
    const expected = [-3, -1, 1, 3].map((value) => value / Math.sqrt(5)).concat(-1, -1, 1, 1);
    const layer = new nn.BatchNorm2d(2, { momentum: 1 });
    const [training] = runTraced(layer, [tensor(image, [2, 2, 2])]);
    expect(training!.shape).toEqual([2, 2, 2]);
    training!.data.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 4));
    expect([...layer.runningMean!.value.data]).toEqual([4, 3]);
    layer.runningVar!.assign(tensor([5, 1]));
    const [evaluated] = runTraced(layer.eval(), [tensor(image, [2, 2, 2])]);
    expect(evaluated!.shape).toEqual([2, 2, 2]);
    evaluated!.data.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 4));
  });

  test("momentum null averages all batches", () => {
    const layer = new nn.BatchNorm1d(1, { momentum: null });
    for (const mean of [3, 6, 12]) runTraced(layer, [tensor([mean - 1, mean + 1], [2, 1])]);
    expect(layer.runningMean!.value.data[0]).toBeCloseTo(7, 5);
    expect(layer.numBatchesTracked!.value).toEqual(tensor([3n], []));
  });

  test("without tracking, batch statistics serve both modes and there is no state", () => {
    const layer = new nn.BatchNorm1d(1, { trackRunningStats: false, affine: false });
    expect(Object.keys(layer.stateDict())).toEqual([]);
    const x = tensor([1, 3], [2, 1]);
    expect(runTraced(layer.eval(), [x])).toEqual(runTraced(layer.train(), [x]));
  });

  test("reset brings back statistics and parameters", () => {
    const layer = new nn.BatchNorm1d(2);
    const fresh = structuredClone(layer.stateDict());
    runTraced(layer, [tensor([1, 2, 3, 4], [2, 2])]);
    layer.weight!.assign(tensor([7, 7]));
    layer.resetRunningStats();
    expect(layer.stateDict()["running_mean"]).toEqual(fresh["running_mean"]);
    expect(layer.weight!.value).toEqual(tensor([7, 7]));
    layer.resetParameters();
    expect(layer.stateDict()).toEqual(fresh);
  });
});

describe("convolution", () => {
  test("padding in words", () => {
    expect(shapeOf(new nn.Conv2d(1, 2, [3, 4], { padding: "same", bias: false }), [1, 1, 7, 6])).toEqual([
      1, 2, 7, 6,
    ]);
    expect(shapeOf(new nn.Conv2d(1, 2, [3, 4], { padding: "valid", bias: false }), [1, 1, 7, 6])).toEqual([
      1, 2, 5, 3,
    ]);
    refuses(
      new nn.Conv2d(1, 2, 3, { padding: "same", stride: 2 }),
      [1, 1, 7, 6],
      /conv2d: padding "same" needs stride 1, got \[2,2\]/,
    );
  });

  test("channels and kernels that cannot be are refused when the layer is made", () => {
    expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(
      /Conv2d: 3 input and 4 output channels must both divide into groups=2/,
    );
    expect(() => new nn.Conv2d(3, 4, 0)).toThrow(/weight would be \[4,3,0,0\]; expected positive integers/);
    expect(() => new nn.Conv2d(3, 4, [3])).toThrow(/kernel size: expected one number or 2, got \[3\]/);
  });

  test("input of another rank is refused with what it should be", () => {
    refuses(
      new nn.Conv2d(3, 4, 3),
      [3, 8],
      /conv2d: input \[3,8\] has 2 dimensions, expected 4: batch, 3 channels and 2 spatial/,
    );
  });

  test("options of another length are refused", () => {
    expect(() => new nn.Conv2d(3, 4, 3, { stride: [1, 1, 1] })).toThrow(
      /Conv2d: stride: expected one number or 2, got \[1, 1, 1\]/,
    );
  });

  test("default weights stay within PyTorch's bound and repeat with a seed", () => {
    const make = () => new nn.Conv2d(3, 8, 3, { random: nn.init.seededRandom(1) });
    const { data } = make().weight.value;
    const bound = 1 / Math.sqrt(27);
    expect([...data].every((value) => Math.abs(Number(value)) <= bound)).toBe(true);
    expect(Math.max(...[...data].map(Number))).toBeGreaterThan(bound / 2);
    expect(make().stateDict()).toEqual(make().stateDict());
  });
});

describe("other layers", () => {
  test("linear refuses another number of features and broadcasts over leading dimensions", () => {
    refuses(
      new nn.Linear(3, 2),
      [4, 5],
      /linear: input \[4,5\] has 5 features in its last dimension, weight \[2,3\] expects 3/,
    );
    expect(shapeOf(new nn.Linear(3, 2), [4, 5, 3])).toEqual([4, 5, 2]);
  });

  test("dropout passes in eval mode and with probability 0", () => {
    const x = tensor([1, 2]);
    expect(runTraced(new nn.Dropout(0.5).eval(), [x])).toEqual([x]);
    expect(runTraced(new nn.Dropout(0), [x])).toEqual([x]);
    expect(() => new nn.Dropout(1.5)).toThrow(/probability must be from 0 to 1, got 1.5/);
  });

  test("dropout in training zeroes a share of the elements, scales the rest, and draws anew every run", () => {
    const dropout = new nn.Dropout(0.25, { random: nn.init.seededRandom(7) });
    const x = tensor(new Float32Array(4000).fill(3));
    const run = () => Array.from((runTraced(dropout, [x]) as { data: Float32Array }[])[0]!.data);
    const [first, second] = [run(), run()];
    const kept = first.filter((value) => value !== 0);
    for (const value of kept) expect(value).toBeCloseTo(4, 5);
    // Four standard errors of 4000 draws.
    expect(Math.abs(kept.length / 4000 - 0.75)).toBeLessThan(0.028);
    expect(second).not.toEqual(first);
    expect(Object.keys(dropout.stateDict())).toEqual([]);
    expect(Array.from((runTraced(new nn.Dropout(1), [x]) as { data: Float32Array }[])[0]!.data)).toEqual(
      new Array(4000).fill(0),
    );
  });

  test("pooling layers slide over one, two or three dimensions", () => {
    const layers = [
      [new nn.MaxPool1d(3, { stride: 2, padding: 1 }), new nn.AvgPool1d(2), new nn.AdaptiveAvgPool1d(3)],
      [new nn.MaxPool2d(3, { stride: 2, padding: 1 }), new nn.AvgPool2d(2), new nn.AdaptiveAvgPool2d(3)],
      [new nn.MaxPool3d(3, { stride: 2, padding: 1 }), new nn.AvgPool3d(2), new nn.AdaptiveAvgPool3d(3)],
    ];
    layers.forEach((pools, i) => {
      const spatial = (size: number) => new Array<number>(i + 1).fill(size);
      const shapes = pools.map((pool) => shapeOf(pool, [2, 4, ...spatial(9)]));
      expect(shapes).toEqual([5, 4, 3].map((size) => [2, 4, ...spatial(size)]));
    });
  });

  test("pools without a batch dimension, and of another rank", () => {
    expect(runTraced(new nn.MaxPool2d(2), [zeros([3, 4, 6], "f32")])[0]!.shape).toEqual([3, 2, 3]);
    expect(runTraced(new nn.AdaptiveAvgPool2d(1), [zeros([3, 4, 6], "f32")])[0]!.shape).toEqual([3, 1, 1]);
    refuses(
      new nn.MaxPool2d(2),
      [4, 6],
      /max_pool: input \[4,6\] has 2 dimensions, expected 4 \(or 3 without a batch\)/,
    );
  });

  test("flatten keeps the first dimension unless told otherwise", () => {
    expect(shapeOf(new nn.Flatten(), [2, 3, 4])).toEqual([2, 12]);
    expect(shapeOf(new nn.Flatten(0, 1), [2, 3, 4])).toEqual([6, 4]);
  });
});
