/** A convolution and the max pooling after it: one kernel on CPUs, the same numbers everywhere. */
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { relativeError } from "../recordings/compare.ts";
import { valuesFor } from "../passes/rewriting.ts";
import { lazyDevice, runGraph, testedDevices } from "./run-graph.ts";

interface Case {
  readonly batch: number;
  readonly outputs: number;
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly window: number;
  readonly step: number;
  readonly padding: readonly (readonly [number, number])[];
  readonly ceilMode?: boolean;
}

const none = [[0, 0], [0, 0]] as const; // prettier-ignore
const one = [[1, 1], [1, 1]] as const; // prettier-ignore

const cases: readonly (readonly [string, Case])[] = [
  ["7×7 with stride 2, then 3×3 with stride 2", { batch: 1, outputs: 64, size: [112, 112], kernel: 7, stride: 2, window: 3, step: 2, padding: one }], // prettier-ignore
  ["3×3, then 2×2 with stride 2", { batch: 1, outputs: 32, size: [72, 70], kernel: 3, stride: 1, window: 2, step: 2, padding: none }], // prettier-ignore
  ["two images, windows that overhang (ceil mode)", { batch: 2, outputs: 64, size: [67, 59], kernel: 3, stride: 1, window: 3, step: 2, padding: none, ceilMode: true }], // prettier-ignore
  ["windows apart from each other, padding on one side", { batch: 1, outputs: 32, size: [90, 71], kernel: 1, stride: 1, window: 2, step: 3, padding: [[1, 0], [0, 1]] }], // prettier-ignore
  ["windows that move by one", { batch: 1, outputs: 32, size: [70, 66], kernel: 3, stride: 1, window: 3, step: 1, padding: one }], // prettier-ignore
];

function graphOf({ batch, outputs, size, kernel, stride, window, step, padding, ceilMode = false }: Case) {
  const pad = (kernel - 1) / 2;
  const convolved = size.map((extent) => Math.floor((extent - 1) / stride) + 1);
  const pooled = convolved.map((extent, axis) => {
    const span = extent + padding[axis]![0] + padding[axis]![1] - window;
    const count = (ceilMode ? Math.ceil(span / step) : Math.floor(span / step)) + 1;
    // A window must start inside the image or the padding before it.
    return (count - 1) * step >= extent + padding[axis]![0] ? count - 1 : count;
  });
  const [y, z] = [convolved, pooled].map((extents) => `f32[${batch},${outputs},${extents}]`);
  const pads = (amounts: readonly (readonly [number, number])[]) =>
    `[${amounts.map((amount) => `[${amount}]`)}]`;
  return parseGraph(`graph g(%x: input "x" f32[${batch},3,${size}], %w: parameter "w" f32[${outputs},3,${kernel},${kernel}], %b: parameter "b" f32[${outputs},1,1]) {
    %k = conv(%x, %w) {stride=[${stride},${stride}], padding=[[${pad},${pad}],[${pad},${pad}]], dilation=[1,1], kernel=[${kernel},${kernel}], groups=1, packing=null} : ${y}
    %a = add(%k, %b) : ${y}
    %r = relu(%a) : ${y}
    %p = max_pool(%r) {stride=[${step},${step}], padding=${pads(padding)}, dilation=[1,1], kernel=[${window},${window}], ceilMode=${ceilMode}} : ${z}
    %z = tanh(%p) : ${z}
    return "z" %z
  }`);
}

for (const kind of testedDevices) {
  describe(`convolutions and their pooling on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each(cases)("%s", async (_, sizes) => {
      const graph = graphOf(sizes);
      const values = valuesFor(graph);
      const opened = await device();
      const { results, built } = await runGraph(opened, graph, values);
      expect(relativeError(results["z"]!, evaluate(graph, values)["z"]!)).toBeLessThanOrEqual(1e-5);
      const joined = built.executable.kernels.filter(({ name }) => /conv.*max_pool/.test(name));
      expect(joined).toHaveLength(opened.target.family === "cpu" ? 1 : 0);
    });

    it("NaN wins, as in a pooling of its own", async () => {
      const graph = graphOf(cases[1]![1]);
      const values = valuesFor(graph);
      const x = values["x"]!.data as Float32Array;
      x[100] = NaN;
      const { results } = await runGraph(await device(), graph, values);
      const expected = evaluate(graph, values)["z"]!.data as Float32Array;
      const actual = results["z"]!.data as Float32Array;
      expect(expected.some(Number.isNaN)).toBe(true);
      expect(Array.from(actual, Number.isNaN)).toEqual(Array.from(expected, Number.isNaN));
    });
  });
}
