/** Pooling, folding, dropping, dictionaries and losses: what they refuse, and what recordings do not show. */
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { tensor, zeros, type HostTensor } from "../../src/ir/host-tensor.ts";
import { Parameter } from "../../src/ir/stored-tensor.ts";
import { seededRandom } from "../../src/nn/init.ts";
import * as nn from "../../src/nn/index.ts";
import { toTensor } from "../../src/nn/tensor.ts";
import { traceModule, type InputSpec } from "../../src/nn/trace-module.ts";
import { Forward } from "../api/networks.ts";
import { runTraced } from "../recordings/run-traced.ts";

const { functional: F } = nn;

function results(body: (...inputs: nn.Tensor[]) => unknown, ...inputs: HostTensor[]): number[][] {
  return runTraced(new Forward(body), inputs).map(({ data }) => Array.from(data, Number));
}
const closeTo = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5) as number);

const numbers = (...shape: number[]): InputSpec => ({ shape, dtype: "i32" });
const floats = (...shape: number[]): InputSpec => ({ shape });

describe("input that does not fit is refused", () => {
  test.each<[nn.Module, readonly InputSpec[], RegExp]>([
    [new nn.GLU(1), [floats(2, 3)], /glu: dimension 1 of \[2,3\] does not divide into two halves/],
    [new nn.Softmax2d(), [floats(2, 3)], /Softmax2d: input \[2,3\] has 2 dimensions, expected 4/],
    [new nn.RReLU(), [floats(2)], /rrelu: random slopes.*Call eval\(\) on the network/],
    [new nn.AdaptiveMaxPool2d(2), [floats(3, 4)], /adaptive_max_pool: input \[3,4\] has 2 dimensions/],
    [new nn.AdaptiveMaxPool2d([0, 1]), [floats(1, 3, 4)], /output size \[0,1\] for input \[1,3,4\]/],
    [new nn.LPPool1d(-1, 2), [floats(1, 1, 4)], /lp_pool: expected a positive power, got -1/],
    [
      new nn.MaxUnpool1d(2),
      [floats(1, 2), floats(1, 2)],
      /max_unpool: indices are f32\[1,2\], expected i32\[1,2\]/,
    ],
    [new nn.MaxUnpool1d(2), [floats(1, 2), numbers(1, 3)], /indices are i32\[1,3\], expected i32\[1,2\]/],
    [
      new Forward((x, i) => F.maxUnpool(x!, i!, 1, 2, { outputSize: [7] })),
      [floats(1, 2), numbers(1, 2)],
      /output size \[7\], expected \[4\], each size less than its stride \[2\] away/,
    ],
    [new nn.LocalResponseNorm(2), [floats(2, 3)], /localResponseNorm: input \[2,3\] has 2 dimensions/],
    [
      new nn.CosineSimilarity(),
      [floats(2, 3), floats(2, 4)],
      /cosineSimilarity: \[2,3\] and \[2,4\] do not broadcast/,
    ],
    [new nn.Unfold(3), [floats(1, 2, 5)], /unfold: no block of \[3,3\] fits into \[1,2,5\]/],
    [
      new nn.Fold([3, 3], 2),
      [floats(1, 4, 3)],
      /fold: input \[1,4,3\], expected \[N, C · 4, 4\].*blocks of \[2,2\] in \[3,3\]/,
    ],
    [new nn.ChannelShuffle(2), [floats(1, 3, 4)], /channelShuffle: input \[1,3,4\].*2 groups/],
    [
      new nn.Bilinear(2, 3, 4),
      [floats(5, 2), floats(4, 3)],
      /bilinear: inputs \[5,2\] and \[4,3\] do not fit weight \[4,2,3\]/,
    ],
    [new nn.Dropout3d(), [floats(2, 3)], /dropout3d: input \[2,3\] has 2 dimensions, expected 5 or 4/],
    [
      new nn.MSELoss(),
      [floats(4, 1), floats(4)],
      /mseLoss: the target \[4\] must have the shape of the input \[4,1\]/,
    ],
    [new nn.SmoothL1Loss({ beta: -1 }), [floats(4), floats(4)], /beta must be at least 0, got -1/],
    [new nn.HuberLoss({ delta: 0 }), [floats(4), floats(4)], /delta must be above 0, got 0/],
    [new nn.NLLLoss(), [floats(), numbers()], /nllLoss: scores \[\] have no classes/],
    [
      new nn.NLLLoss(),
      [floats(2, 3), floats(2)],
      /nllLoss: class numbers are f32, expected i32.*dtype: "i32"/,
    ],
    [
      new nn.CrossEntropyLoss(),
      [floats(2, 3, 4), numbers(2)],
      /class numbers \[2\] do not fit scores \[2,3,4\], expected \[2,4\]/,
    ],
    [
      new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }),
      [floats(2, 3, 4), numbers(2)],
      /crossEntropy: class numbers \[2\]/,
    ],
    [
      new nn.CrossEntropyLoss(),
      [floats(2, 3), floats(2)],
      /probabilities \[2\] must have the shape of the scores \[2,3\]/,
    ],
    [
      new nn.CrossEntropyLoss({ labelSmoothing: 2 }),
      [floats(2, 3), numbers(2)],
      /labelSmoothing must be from 0 to 1/,
    ],
    [
      new nn.CrossEntropyLoss({ weight: zeros([2], "f32") }),
      [floats(2, 3), numbers(2)],
      /weights of classes are \[2\], expected \[3\]/,
    ],
  ])("%#: $2", (layer, inputs, message) => {
    expect(() => traceModule(layer, inputs)).toThrow(message);
    expect(() => traceModule(layer, inputs)).toThrow(UserError);
  });

  test.each([
    [() => new nn.RReLU(0.5, 0.25), /RReLU: expected lower ≤ upper, got 0.5 and 0.25/],
    [() => new nn.LocalResponseNorm(0), /size must be a whole number from 1, got 0/],
    [
      () => new nn.L1Loss({ reduction: "median" as "mean" }),
      /reduction must be "none", "mean" or "sum", got "median"/,
    ],
    [() => new nn.Dropout2d(2), /Dropout2d: probability must be from 0 to 1, got 2/],
    [() => new nn.ModuleDict({ "a.b": new nn.ReLU() }), /ModuleDict: names must not .* dots, got "a.b"/],
    [() => new nn.ModuleDict({ a: new nn.ReLU() }).get("b"), /ModuleDict: there is no "b", only a/],
    [() => new nn.ModuleDict({}).forward(), /ModuleDict has no forward/],
    [() => new nn.ParameterDict([["", new Parameter(zeros([1], "f32"))]]), /must not be empty/],
    [() => new nn.ParameterDict({}).get("b"), /ParameterDict: there is no "b", only nothing/],
    [() => new nn.ParameterDict({}).forward(), /ParameterDict has no forward/],
    [() => new nn.ParameterList([]).forward(), /ParameterList has no forward/],
  ])("%#: $1", (build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(UserError);
  });
});

describe("dictionaries", () => {
  const parameter = () => new Parameter(zeros([1], "f32"));

  test("a ModuleDict is a module like others: it passes on training mode, and errors name the path", () => {
    const layers = new nn.ModuleDict({ drop: new nn.Dropout(), forward: new nn.Softmax2d() });
    expect(layers.eval().values().map(({ training }) => training)).toEqual([false, false]); // prettier-ignore
    expect(layers.entries()).toEqual([...layers.namedChildren()]);
    expect([layers.size, layers.has("drop"), layers.has("relu")]).toEqual([2, true, false]);
    class Network extends nn.Module {
      readonly layers = layers;
      override forward(x: nn.Tensor): nn.Tensor {
        return this.layers.get("forward").forward(x);
      }
    }
    expect(() => traceModule(new Network(), [{ shape: [2] }])).toThrow(/layers\.forward/);
  });

  test("a ParameterDict keeps its order, and names may be those of methods", () => {
    const named = new nn.ParameterDict({ training: parameter(), get: parameter() });
    expect(Object.keys(named.stateDict())).toEqual(["training", "get"]);
    expect([named.size, named.has("get"), named.has("has")]).toEqual([2, true, false]);
    expect(named.entries()).toEqual(named.keys().map((name) => [name, named.get(name)]));
    expect(named.values()).toEqual(named.parameters());
  });

  test("a ParameterList is read by position", () => {
    const given = [parameter(), parameter()];
    const list = new nn.ParameterList(given);
    expect([list.length, list[1] === given[1], [...list].length]).toEqual([2, true, 2]);
    expect(Object.keys(list.stateDict())).toEqual(["0", "1"]);
  });
});

describe("dropping at random", () => {
  /** The values of each channel, which must be all alike. */
  const channelsOf = (layer: nn.Module, input: HostTensor<"f32">, channels: number) => {
    const [result] = runTraced(layer, [input]);
    const size = result!.data.length / channels;
    return Array.from({ length: channels }, (_, i) => {
      const own = new Set(Array.from(result!.data.slice(i * size, (i + 1) * size), Number));
      expect(own.size).toBe(1);
      return [...own][0]!;
    });
  };
  const random = seededRandom(7);

  test.each([
    [new nn.Dropout1d(0.25, { random }), [40, 50, 3], 2000],
    [new nn.Dropout1d(0.25, { random }), [2000, 3], 2000],
    [new nn.Dropout2d(0.25, { random }), [40, 50, 2, 3], 2000],
    [new nn.Dropout2d(0.25, { random }), [40, 50, 3], 2000],
    [new nn.Dropout3d(0.25, { random }), [40, 50, 1, 2, 3], 2000],
    [new nn.Dropout3d(0.25, { random }), [2000, 1, 2, 3], 2000],
  ])("%#: whole channels of $1, others scaled", (layer, shape, channels) => {
    const values = channelsOf(layer, nn.init.filled(shape, 1), channels);
    expect([...new Set(values)].sort()).toEqual([0, Math.fround(1 / 0.75)]);
    const dropped = values.filter((value) => value === 0).length / channels;
    // Four standard errors of 2000 draws.
    expect(Math.abs(dropped - 0.25)).toBeLessThan(0.04);
    expect(channelsOf(layer.eval(), nn.init.filled(shape, 1), channels)).toEqual(new Array(channels).fill(1));
  });

  test("AlphaDropout keeps mean 0 and variance 1", () => {
    const x = nn.init.normal([200, 100], seededRandom(3));
    const [y] = runTraced(new nn.AlphaDropout(0.3, { random }), [x]);
    const values = Array.from(y!.data, Number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
    expect([...runTraced(new nn.AlphaDropout(1), [x])[0]!.data].every((value) => value === 0)).toBe(true);
  });
});

describe("functions", () => {
  test("NaN stays NaN in activations that compare", () => {
    const x = tensor([NaN, -1, 0.25, 2]);
    const [threshold, hard, soft] = results(
      (x) => [F.threshold(x!, 0.5, 7), F.hardshrink(x!), F.softshrink(x!)],
      x,
    );
    expect(threshold).toEqual([NaN, 7, 7, 2]);
    expect(hard).toEqual([NaN, -1, 0, 2]);
    expect(soft).toEqual([NaN, -0.5, 0, 1.5]);
  });

  test("norms of other powers are PyTorch's", () => {
    const [a, b] = [tensor([1, -2, 3, 0, 4, -4], [2, 3]), tensor([1, 2, 2, 0, 4, 1], [2, 3])];
    const norms = results(
      (a, b) => [0, 1.5, -Infinity].map((p) => F.pairwiseDistance(a!, b!, { p, eps: 0 })),
      a,
      b,
    );
    expect(norms).toEqual([[2, 1], closeTo([4.326748847961426, 5]), [0, 0]]);
  });

  test("of equal maxima the first has the index, and NaN is a maximum", () => {
    const pooled = results(
      (x) => Object.values(F.maxPoolWithIndices(x!, 1, 2, { stride: 1 })),
      tensor([1, 4, 4, 2], [1, 4]),
    );
    expect(pooled).toEqual([[4, 4, 4], [1, 1, 2]]); // prettier-ignore
    expect(results((x) => F.adaptiveMaxPool(x!, 1, 2), tensor([1, NaN, 3, 2, 5], [1, 5]))).toEqual([
      [NaN, 5],
    ]);
  });

  test("maxUnpool leaves out what lies outside, and of two values for one place takes the last", () => {
    const x = tensor([1, 2, 3], [1, 3]);
    const [y] = results((x, i) => F.maxUnpool(x!, i!, 1, 2), x, tensor([0, 6, 0], [1, 3], "i32"));
    expect(y).toEqual([3, 0, 0, 0, 0, 0]);
  });

  test("class numbers count all where nothing is ignored, and nothing counted has no mean", () => {
    const scores = tensor([1, 2, 3, 0, -1, 1], [2, 3]);
    const [losses] = results(
      (x, t) => F.crossEntropy(x!, t!, { reduction: "none", ignoreIndex: null }),
      scores,
      tensor([2, 0], [2], "i32"),
    );
    expect(losses).toEqual(closeTo([0.40760594606399536, 1.4076058864593506]));
    const ignored = tensor([-100, -100], [2], "i32");
    expect(results((x, t) => F.nllLoss(x!, t!), scores, ignored)).toEqual([[NaN]]);
  });

  test("class numbers may be i64 tensors of the host, which graphs hold as i32", () => {
    const target: HostTensor = { dtype: "i64", shape: [2], data: BigInt64Array.of(2n, 0n) };
    const [loss] = results(
      (x) => F.crossEntropy(x!, toTensor(x!.trace, target), { reduction: "none" }),
      tensor([1, 2, 3, 0, -1, 1], [2, 3]),
    );
    expect(loss).toEqual(closeTo([0.40760594606399536, 1.4076058864593506]));
  });

  test("fold after unfold counts how many blocks share an element", () => {
    const [shared] = results((x) => F.fold(F.unfold(x!, 2), 3, 2), nn.init.filled([1, 1, 3, 3], 1));
    expect(shared).toEqual([1, 2, 1, 2, 4, 2, 1, 2, 1]);
  });
});
