/** Slices that kernels read where they lie, on every device, against `evaluate` and against the same network without. */
import { describe, expect, it } from "vitest";
import { nn } from "../../src/index.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { traceModule } from "../../src/nn/trace-module.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

type Tensor = nn.Tensor;

/** ShuffleNet V2's unit (Ma et al., 2018): one half of the channels goes through convolutions, then all are shuffled. */
class ShuffleUnit extends nn.Module {
  first: nn.Conv2d;
  depthwise: nn.Conv2d;
  last: nn.Conv2d;

  constructor(readonly half: number) {
    super();
    this.first = new nn.Conv2d(half, half, 1);
    this.depthwise = new nn.Conv2d(half, half, 3, { padding: 1, groups: half });
    this.last = new nn.Conv2d(half, half, 1);
  }

  override forward(x: Tensor): Tensor {
    const { half } = this;
    const [n, , h, w] = x.shape as [number, number, number, number];
    const [kept, changed] = [x.slice(1, 0, half), x.slice(1, half, 2 * half)];
    const inner = this.last.forward(this.depthwise.forward(this.first.forward(changed).relu())).relu();
    const joined = nn.functional.concat([kept, inner], 1).reshape([n, 2, half, h, w]);
    return joined.permute(0, 2, 1, 3, 4).reshape([n, 2 * half, h, w]);
  }
}

class ShuffleNet extends nn.Module {
  stem: nn.Conv2d;
  units: nn.ModuleList<ShuffleUnit>;

  constructor(half: number) {
    super();
    this.stem = new nn.Conv2d(3, 2 * half, 3);
    this.units = new nn.ModuleList([0, 1].map(() => new ShuffleUnit(half)));
  }

  override forward(x: Tensor): Tensor {
    let value = this.stem.forward(x);
    for (const unit of this.units) value = unit.forward(value);
    return value.mean([2, 3]);
  }
}

/** A convolution with a slice of its input along each dimension, every second row. */
class Crops extends nn.Module {
  whole = new nn.Conv2d(3, 16, 1);
  depthwise = new nn.Conv2d(16, 16, 3, { padding: 1, groups: 16 });
  channels = new nn.Conv2d(7, 4, 1);
  pool = new nn.MaxPool2d(2);

  override forward(x: Tensor): Record<string, Tensor> {
    const whole = this.whole.forward(x);
    return {
      rows: this.depthwise.forward(whole.slice(2, 1, 7, 2)),
      columns: this.depthwise.forward(whole.slice(3, 2, 6)),
      channels: this.channels.forward(whole.slice(1, 5, 12).slice(2, 1, 6)),
      image: this.pool.forward(whole.slice(0, 1, 2)),
      input: this.pool.forward(x.slice(1, 1, 3)),
    };
  }
}

const module = (build: () => nn.Module, shape: Shape) => () => traceModule(build().eval(), [{ shape }]).graph;

/** Each with the launches that it saves. */
const cases: readonly (readonly [string, number, () => Graph])[] = [
  ["channels split in halves of 29", 2, module(() => new ShuffleNet(29), [2, 3, 6, 5])],
  ["channels split in whole vectors", 2, module(() => new ShuffleNet(16), [1, 3, 5, 6])],
  [
    "crops along every dimension, and an input's; a crop of a crop is copied",
    4,
    module(() => new Crops(), [2, 3, 8, 7]),
  ],
  [
    "a slice of a slice of a concatenation in place; one of a view is copied",
    4,
    () =>
      parseGraph(`graph g(%x: input "x" f32[3,6]) {
        %a = softmax(%x) {axis=1} : f32[3,6]
        %b = softmax(%x) {axis=0} : f32[3,6]
        %c = concat(%a, %b) {axis=1} : f32[3,12]
        %t = softmax(%c) {axis=0} : f32[3,12]
        %h = slice(%b) {start=[1,2], size=[2,4], step=[1,1]} : f32[2,4]
        %i = softmax(%h) {axis=1} : f32[2,4]
        %j = slice(%c) {start=[0,4], size=[3,5], step=[1,1]} : f32[3,5]
        %k = softmax(%j) {axis=0} : f32[3,5]
        %l = slice(%j) {start=[0,1], size=[2,3], step=[2,1]} : f32[2,3]
        %m = softmax(%l) {axis=1} : f32[2,3]
        %f = reshape(%t) {shape=[36]} : f32[36]
        %o = slice(%f) {start=[5], size=[20], step=[1]} : f32[20]
        %p = softmax(%o) {axis=0} : f32[20]
        return "t" %t
        return "i" %i
        return "k" %k
        return "m" %m
        return "p" %p
      }`),
  ],
];

for (const kind of testedDevices) {
  describe(`slices read in place on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each(cases)("%s", async (_, saved, build) => {
      const graph = build();
      const values = valuesFor(graph);
      const options = { joinLaunches: false };
      const { results, built } = await runGraph(await device(), graph, values, options);
      for (const [name, value] of Object.entries(evaluate(graph, values))) {
        expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(1e-5);
      }
      const withoutPasses = ["read-slices-in-place", "write-concats-in-place"];
      const without = await runGraph(await device(), graph, values, { ...options, withoutPasses });
      for (const [name, value] of Object.entries(without.results)) expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(1e-6); // prettier-ignore
      expect(without.built.executable.run.length - built.executable.run.length).toBe(saved);
    });
  });
}
