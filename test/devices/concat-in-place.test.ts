/**
 * Concatenations in place: kernels that write into slices of a larger buffer and read from them, on every device,
 * against `evaluate` and against the same network without.
 */
import { describe, expect, it } from "vitest";
import { nn } from "../../src/index.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { traceModule } from "../../src/nn/trace-module.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

type Tensor = nn.Tensor;
const { concat } = nn.functional;

/** A network of layers by name, and what it does with them. */
function network(
  shape: Shape,
  layers: Readonly<Record<string, nn.Module>>,
  forward: (x: Tensor, run: (layer: string, x: Tensor) => Tensor) => Tensor | Record<string, Tensor>,
): () => Graph {
  class Net extends nn.Module {
    layers = new nn.ModuleList(Object.values(layers));

    override forward(x: Tensor): Tensor | Record<string, Tensor> {
      const names = Object.keys(layers);
      const all = [...this.layers] as unknown as { forward: (x: Tensor) => Tensor }[];
      return forward(x, (name, value) => all[names.indexOf(name)]!.forward(value));
    }
  }
  return () => traceModule(new Net().eval(), [{ shape }]).graph;
}

const text = (...lines: readonly string[]) => () => parseGraph(`graph g(%x: input "x" f32[3,6]) {\n${lines.join("\n")}\n}`); // prettier-ignore
const conv = (from: number, to: number, kernel = 1, options = {}) => new nn.Conv2d(from, to, kernel, { padding: (kernel - 1) / 2, ...options }); // prettier-ignore

/** Each with the launches that it saves. */
const cases: readonly (readonly [string, number, () => Graph])[] = [
  [
    "58 channels and 7, read by a convolution, a pooling and an elementwise kernel",
    1,
    network([2, 6, 5, 4], { a: conv(6, 58), b: conv(6, 7), c: conv(65, 3), p: new nn.AvgPool2d(2) }, (x, run) => {
      const joined = concat([run("a", x).relu(), run("b", x)], 1);
      return { c: run("c", joined), p: run("p", joined), e: joined.exp() };
    }),
  ],
  [
    "whole vectors of channels",
    1,
    network([1, 8, 6, 6], { a: conv(8, 16), b: conv(8, 32), c: conv(48, 16) }, (x, run) =>
      run("c", concat([run("a", x), run("b", x)], 1)),
    ),
  ],
  [
    "slices that kernels read: 1×1, strided, depthwise, pooling, mean, elementwise",
    1,
    network([2, 6, 7, 5], { a: conv(6, 16), b: conv(6, 5), one: conv(5, 4), down: conv(5, 4, 3, { stride: 2 }), depth: conv(16, 16, 3, { groups: 16 }), pool: new nn.MaxPool2d(2), last: conv(21, 8) }, (x, run) => {
      const [a, b] = [run("a", x), run("b", x)];
      return { one: run("one", b), down: run("down", b), depth: run("depth", a), pool: run("pool", b), mean: b.mean([2, 3]), tanh: b.tanh(), last: run("last", concat([a, b], 1)) };
    }),
  ],
  [
    "a kernel that reads one slice and writes another",
    1,
    network([1, 6, 5, 5], { a: conv(6, 8), b: conv(8, 8), last: conv(24, 4) }, (x, run) => {
      const a = run("a", x);
      const b = run("b", a).relu().add(a);
      return run("last", concat([a, b, run("b", b)], 1));
    }),
  ],
  ...([0, 2, 3] as const).map((axis) => [
    `along dimension ${axis}`,
    1,
    network([2, 6, 5, 4], { a: conv(6, 16), b: conv(6, 16), c: conv(16, 16), p: new nn.MaxPool2d(2) }, (x, run) => {
      const [a, b] = [run("a", x), run("b", x)];
      const joined = concat([a, b], axis);
      return { c: run("c", joined), p: run("p", joined), b: run("c", b) };
    }),
  ] as const),
  [
    "an operand that other kernels add to",
    1,
    network([1, 6, 4, 4], { a: conv(6, 8), b: conv(6, 8), c: conv(16, 8) }, (x, run) => {
      const [a, b] = [run("a", x), run("b", x)];
      return { c: run("c", concat([a, b], 1)).add(a), d: a.mul(b) };
    }),
  ],
  [
    "a returned concatenation, which is read as well",
    1,
    text("%a = softmax(%x) {axis=1} : f32[3,6]", "%b = sum(%x) {axes=[1], keepDims=true} : f32[3,1]", "%c = concat(%a, %b) {axis=1} : f32[3,7]", "%s = softmax(%c) {axis=0} : f32[3,7]", `return "c" %c`, `return "s" %s`),
  ],
  [
    "views of a concatenation, and of a slice, which is copied",
    0,
    text("%a = softmax(%x) {axis=1} : f32[3,6]", "%b = softmax(%x) {axis=0} : f32[3,6]", "%v = reshape(%a) {shape=[18]} : f32[18]", "%m = softmax(%v) {axis=0} : f32[18]", "%c = concat(%a, %b) {axis=1} : f32[3,12]", "%f = reshape(%c) {shape=[36]} : f32[36]", "%s = softmax(%f) {axis=0} : f32[36]", `return "m" %m`, `return "s" %s`),
  ],
  [
    "integers and truth values",
    1,
    text("%i = argmax(%x) {axis=1, keepDims=true} : i32[3,1]", "%j = argmin(%x) {axis=1, keepDims=true} : i32[3,1]", "%c = concat(%i, %j) {axis=1} : i32[3,2]", "%m = reduce_max(%c) {axes=[1], keepDims=false} : i32[3]", `return "m" %m`, `return "c" %c`),
  ],
  [
    "a value that two concatenations want",
    1,
    text("%a = softmax(%x) {axis=1} : f32[3,6]", "%b = softmax(%x) {axis=0} : f32[3,6]", "%c = concat(%a, %b) {axis=1} : f32[3,12]", "%d = concat(%b, %a) {axis=1} : f32[3,12]", "%s = softmax(%c) {axis=1} : f32[3,12]", "%t = softmax(%d) {axis=1} : f32[3,12]", `return "s" %s`, `return "t" %t`),
  ],
  [
    "two concatenations that share a value, joined by a third",
    2,
    text("%a = softmax(%x) {axis=1} : f32[3,6]", "%b = softmax(%x) {axis=0} : f32[3,6]", "%e = softmax(%b) {axis=1} : f32[3,6]", "%c = concat(%a, %b) {axis=1} : f32[3,12]", "%d = concat(%b, %e) {axis=1} : f32[3,12]", "%s = softmax(%c) {axis=1} : f32[3,12]", "%t = softmax(%d) {axis=1} : f32[3,12]", "%j = concat(%c, %d) {axis=1} : f32[3,24]", "%u = softmax(%j) {axis=0} : f32[3,24]", `return "s" %s`, `return "t" %t`, `return "u" %u`),
  ],
  [
    "the same value twice",
    0,
    text("%a = softmax(%x) {axis=1} : f32[3,6]", "%c = concat(%a, %a) {axis=1} : f32[3,12]", "%s = softmax(%c) {axis=0} : f32[3,12]", `return "s" %s`),
  ],
  [
    "an input",
    0,
    text("%a = softmax(%x) {axis=1} : f32[3,6]", "%c = concat(%a, %x) {axis=1} : f32[3,12]", "%s = softmax(%c) {axis=0} : f32[3,12]", `return "s" %s`),
  ],
]; // prettier-ignore

for (const kind of testedDevices) {
  describe(`concatenations in place on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each(cases)("%s", async (_, saved, build) => {
      const graph = build();
      const values = valuesFor(graph);
      const options = { joinLaunches: false };
      const { results, built } = await runGraph(await device(), graph, values, options);
      for (const [name, value] of Object.entries(evaluate(graph, values))) {
        expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(1e-5);
      }
      const without = await runGraph(await device(), graph, values, { ...options, withoutPasses: ["write-concats-in-place"] }); // prettier-ignore
      for (const [name, value] of Object.entries(without.results)) expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(1e-6); // prettier-ignore
      expect(without.built.executable.run.length - built.executable.run.length).toBe(saved);
    });
  });
}
