/** Convolutions by Winograd's method agree with the direct definition on every device. */
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
  readonly pads: readonly [number, number, number, number];
  readonly tile: 2 | 4 | "4-in-kernel" | "rows-2";
}

const cases: readonly (readonly [string, Case])[] = [
  ["whole tiles", { batch: 1, channels: 32, outputs: 64, size: [32, 32], pads: [1, 1, 1, 1], tile: 4 }],
  ["cut tiles, two images, channels that fill no block", { batch: 2, channels: 20, outputs: 51, size: [31, 37], pads: [1, 1, 1, 1], tile: 4 }], // prettier-ignore
  ["channels that fill no vector, uneven padding", { batch: 1, channels: 35, outputs: 34, size: [37, 34], pads: [0, 2, 1, 0], tile: 4 }], // prettier-ignore
  ["rows alone, several columns a register tile", { batch: 1, channels: 64, outputs: 160, size: [2, 15], pads: [1, 1, 1, 1], tile: "rows-2" }], // prettier-ignore
  ["rows alone, two images, a column of several register tiles", { batch: 2, channels: 24, outputs: 51, size: [16, 9], pads: [1, 1, 0, 2], tile: "rows-2" }], // prettier-ignore
  ["rows alone, channels that fill no vector", { batch: 1, channels: 35, outputs: 34, size: [9, 8], pads: [2, 1, 1, 1], tile: "rows-2" }], // prettier-ignore
  ["weight transformed in the kernel, in one chunk", { batch: 1, channels: 64, outputs: 128, size: [14, 14], pads: [1, 1, 1, 1], tile: "4-in-kernel" }], // prettier-ignore
  ["weight transformed in the kernel, in several chunks", { batch: 1, channels: 192, outputs: 96, size: [7, 7], pads: [1, 1, 1, 1], tile: "4-in-kernel" }], // prettier-ignore
  ["weight transformed in the kernel, tiles shared by two items", { batch: 1, channels: 96, outputs: 96, size: [28, 27], pads: [1, 1, 1, 1], tile: "4-in-kernel" }], // prettier-ignore
  ["weight transformed in the kernel, two images, outputs that fill no vector", { batch: 2, channels: 80, outputs: 67, size: [8, 9], pads: [0, 2, 1, 0], tile: "4-in-kernel" }], // prettier-ignore
  ["small maps, where F(2×2) wins", { batch: 1, channels: 256, outputs: 160, size: [7, 7], pads: [1, 1, 1, 1], tile: 2 }], // prettier-ignore
];

/** A convolution with bias, ReLU and a residual addition, all of which the last kernel takes. */
function graphOf({
  batch,
  channels,
  outputs,
  size: [height, width],
  pads: [top, bottom, left, right],
}: Case) {
  const [h, w] = [height + top + bottom - 2, width + left + right - 2];
  const y = `f32[${batch},${outputs},${h},${w}]`;
  return parseGraph(`graph g(%x: input "x" f32[${batch},${channels},${height},${width}], %w: parameter "w" f32[${outputs},${channels},3,3], %b: parameter "b" f32[${outputs},1,1], %r: input "r" ${y}) {
    %c = conv(%x, %w) {stride=[1,1], padding=[[${top},${bottom}],[${left},${right}]], dilation=[1,1], kernel=[3,3], groups=1, packing=null} : ${y}
    %s = add(%c, %b) : ${y}
    %t = add(%s, %r) : ${y}
    %y = relu(%t) : ${y}
    return "y" %y
  }`);
}

/** Takes Winograd's method with tiles of this size, whatever the rules say. */
function always(tile: Case["tile"]): Choices {
  return Object.assign(new Map<string, string>(), {
    get: (signature: string) => (signature.startsWith("algorithm ") ? `winograd-${tile}` : undefined),
  });
}

for (const kind of testedDevices) {
  describe(`Winograd convolutions on ${kind}`, () => {
    const device = lazyDevice(kind);
    // GPUs take square tiles of prepared weights alone.
    const fitting = cases.filter(([, { tile }]) => kind !== "webgpu" || typeof tile === "number");
    it.each(fitting)("%s", async (_, sizes) => {
      const graph = graphOf(sizes);
      const values = valuesFor(graph);
      const { results, built } = await runGraph(await device(), graph, values, {
        choices: always(sizes.tile),
      });
      const decisions = built.passed.records.find(({ name }) => name === "choose-conv-algorithm")!.decisions;
      expect(decisions).toHaveLength(1);
      expect(String(decisions[0]).includes("F(1×")).toBe(sizes.tile === "rows-2");
      expect(String(decisions[0]).includes("in the kernel")).toBe(sizes.tile === "4-in-kernel");
      const launches = built.executable.run.filter(({ kind: what }) => what === "dispatch");
      expect(launches).toHaveLength(kind === "webgpu" ? 3 : 1);
      expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThanOrEqual(1e-5);
    });
  });
}
