/** NaN and infinity go through as in PyTorch, alone and fused into kernels. Expected values are what IEEE 754 makes of PyTorch's formulas. */
import { describe, expect, it } from "vitest";
import { compile, nn, tensor, type HostTensor } from "../../src/index.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { Forward } from "./networks.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const { functional: F } = nn;

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly input: readonly number[];
  readonly forward?: (x: nn.Tensor) => unknown;
  readonly module?: () => nn.Module;
  readonly expected: readonly number[];
}

const ones = (shape: readonly number[]): HostTensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);

const cases: readonly Case[] = [
  {
    name: "relu",
    shape: [5],
    input: [nan, inf, -inf, -1, 2],
    forward: (x) => x.relu(),
    expected: [nan, inf, 0, 0, 2],
  },
  {
    name: "relu after another operation",
    shape: [5],
    input: [nan, inf, -inf, -1, 2],
    forward: (x) => x.mul(2).relu().add(1),
    expected: [nan, inf, 1, 1, 5],
  },
  {
    name: "clamp",
    shape: [4],
    input: [nan, inf, -inf, 0.25],
    forward: (x) => x.clamp(-1, 1),
    expected: [nan, 1, -1, 0.25],
  },
  {
    name: "maximum and minimum",
    shape: [4],
    input: [nan, inf, -inf, 3],
    forward: (x) => x.maximum(0).minimum(2),
    expected: [nan, 2, 0, 2],
  },
  {
    name: "leaky relu",
    shape: [3],
    input: [nan, inf, -inf],
    forward: (x) => x.leakyRelu(0.5),
    expected: [nan, inf, -inf],
  },
  {
    name: "sigmoid and tanh",
    shape: [3],
    input: [nan, inf, -inf],
    forward: (x) => F.concat([x.sigmoid(), x.tanh()], 0),
    expected: [nan, 1, 0, nan, 1, -1],
  },
  {
    name: "exp and log",
    shape: [4],
    input: [nan, inf, -inf, -1],
    forward: (x) => F.concat([x.exp().log(), x.log()], 0),
    expected: [nan, inf, -inf, -1, nan, inf, nan, nan],
  },
  {
    name: "max pooling",
    shape: [1, 1, 2, 6],
    input: [1, nan, 2, 3, -inf, -inf, 4, 5, inf, 6, -inf, -inf],
    forward: (x) => new nn.MaxPool2d(2).forward(x),
    expected: [nan, inf, -inf],
  },
  {
    name: "average pooling",
    shape: [1, 1, 2, 6],
    input: [1, nan, 2, inf, inf, -inf, 4, 5, 0, 6, 1, 1],
    forward: (x) => new nn.AvgPool2d(2).forward(x),
    expected: [nan, inf, nan],
  },
  {
    name: "max over an axis",
    shape: [2, 3],
    input: [1, nan, 3, -inf, -inf, -inf],
    forward: (x) => x.max(1),
    expected: [nan, -inf],
  },
  {
    name: "sum over an axis",
    shape: [3, 2],
    input: [1, nan, inf, -inf, 2, 3],
    forward: (x) => x.sum(1),
    expected: [nan, nan, 5],
  },
  // Only windows that hold the value see it; −∞ times 1 plus ∞ is NaN.
  {
    name: "convolution",
    shape: [1, 1, 1, 8],
    input: [1, 2, nan, 3, 4, inf, -inf, 5],
    forward: (x) => F.conv(x, ones([1, 1, 1, 2])),
    expected: [3, nan, nan, 7, inf, nan, -inf],
  },
  {
    name: "convolution with padding and a weight of 0",
    shape: [1, 1, 1, 3],
    input: [inf, 1, 2],
    forward: (x) => F.conv(x, tensor([0, 1, 0], [1, 1, 1, 3]), null, { padding: [0, 1] }),
    expected: [inf, nan, 2],
  },
  {
    name: "matrix product",
    shape: [3, 2],
    input: [1, nan, inf, 1, inf, -inf],
    forward: (x) => x.matmul(ones([2, 1])),
    expected: [nan, inf, nan],
  },
  {
    name: "softmax",
    shape: [4, 2],
    input: [nan, 1, inf, 1, -inf, 1, -inf, -inf],
    forward: (x) => x.softmax(1),
    expected: [nan, nan, nan, nan, 0, 1, nan, nan],
  },
  {
    name: "batch norm in eval mode",
    shape: [2, 2],
    input: [nan, inf, 1, -inf],
    module: () => new nn.BatchNorm1d(2, { eps: 0 }),
    expected: [nan, inf, 1, -inf],
  },
  {
    name: "comparison",
    shape: [3],
    input: [nan, inf, -inf],
    forward: (x) => F.where(x.ge(0), 1, x.ne(x).to("f32").mul(2)),
    expected: [2, 1, 0],
  },
];

for (const kind of testedDevices) {
  describe(`NaN and infinity on ${kind} pass through`, () => {
    const device = lazyDevice(kind);
    for (const { name, shape, input, forward, module, expected } of cases) {
      it(name, async () => {
        const network = module?.() ?? new Forward((x) => forward!(x!));
        await using compiled = await compile(network.eval(), [{ shape }], { device: await device() });
        const { data } = await compiled.run(tensor([...input], shape));
        expect([...data].map((value) => (Math.abs(Number(value)) < 1e-30 ? 0 : Number(value)))).toEqual(
          expected.map((value) => (Number.isFinite(value) ? expect.closeTo(value, 5) : value)),
        );
      });
    }

    it("a training batch norm: only the channel that holds them is lost, statistics included", async () => {
      const bn = new nn.BatchNorm1d(2);
      await using compiled = await compile(bn.train(), [{ shape: [3, 2] }], { device: await device() });
      const { data } = await compiled.run(tensor([1, nan, 2, 0, 3, 1], [3, 2]));
      expect([0, 2, 4].map((i) => data[i])).toEqual(
        [-1.2247357, 0, 1.2247357].map((value) => expect.closeTo(value, 4)),
      );
      expect([1, 3, 5].map((i) => data[i])).toEqual([nan, nan, nan]);
      const state = await compiled.stateDict();
      expect([...state["running_mean"]!.data]).toEqual([expect.closeTo(0.2, 5), nan]);
      expect([...state["running_var"]!.data]).toEqual([expect.closeTo(1, 5), nan]);
    });
  });
}
