/** A depthwise convolution and the 1×1 convolution after it: one kernel on CPUs, the same numbers everywhere. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import type { Choices } from "../../src/passes/decision.ts";
import { relativeError } from "../recordings/compare.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

interface Case {
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
}

const cases: readonly (readonly [string, Case])[] = [
  ["3×3", { batch: 1, channels: 32, outputs: 16, size: [28, 28], kernel: 3, stride: 1 }],
  ["5×5 with stride 2, two images, channels that fill no vector pair", { batch: 2, channels: 48, outputs: 27, size: [31, 23], kernel: 5, stride: 2 }], // prettier-ignore
  ["rows shorter than a tile", { batch: 1, channels: 64, outputs: 40, size: [14, 7], kernel: 3, stride: 1 }],
];

function graphOf({ batch, channels, outputs, size: [height, width], kernel, stride }: Case) {
  const pad = (kernel - 1) / 2;
  const [h, w] = [height, width].map((extent) => Math.floor((extent - 1) / stride) + 1);
  const [y, z] = [`f32[${batch},${channels},${h},${w}]`, `f32[${batch},${outputs},${h},${w}]`];
  const image = `f32[${batch},${channels},${height},${width}]`;
  // The first convolution makes its result channels-last, as the depthwise one wants it.
  return parseGraph(`graph g(%x: input "x" ${image}, %e: parameter "e" f32[${channels},${channels},1,1], %d: parameter "d" f32[${channels},1,${kernel},${kernel}], %s: parameter "s" f32[${channels},1,1], %p: parameter "p" f32[${outputs},${channels},1,1], %r: input "r" ${z}) {
    %h = conv(%x, %e) {stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[1,1], groups=1, packing=null} : ${image}
    %k = conv(%h, %d) {stride=[${stride},${stride}], padding=[[${pad},${pad}],[${pad},${pad}]], dilation=[1,1], kernel=[${kernel},${kernel}], groups=${channels}, packing=null} : ${y}
    %a = add(%k, %s) : ${y}
    %b = relu(%a) : ${y}
    %c = conv(%b, %p) {stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[1,1], groups=1, packing=null} : ${z}
    %z = add(%c, %r) : ${z}
    return "z" %z
  }`);
}

/** Joins whatever can be joined, whether the rule would or not. */
const joined: Choices = Object.assign(new Map<string, string>(), {
  get: (signature: string) => (signature.startsWith("join ") ? "joined" : undefined),
});

for (const kind of testedDevices) {
  describe(`separable convolutions on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each(cases)("%s", async (_, sizes) => {
      const graph = graphOf(sizes);
      const values = valuesFor(graph);
      const opened = await device();
      const { results, built } = await runGraph(opened, graph, values, { choices: joined });
      expect(relativeError(results["z"]!, evaluate(graph, values)["z"]!)).toBeLessThanOrEqual(1e-5);
      const launches = built.executable.run.filter(({ kind: what }) => what === "dispatch");
      expect(launches).toHaveLength(opened.target.family === "cpu" ? 2 : 3);
    });
  });
}
