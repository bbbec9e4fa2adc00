/**
 * Kernels as they are for fixed targets, kept as files and reviewed like code. A refactor leaves them as they
 * are; a change of behaviour rewrites them and explains the difference:
 *
 *     UPDATE_GOLDENS=1 npx vitest run test/codegen/golden-kernels.test.ts
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { wasmTarget, type Target } from "../../src/codegen/target.ts";
import { buildExecutable, passOptions, type CompileOptions } from "../../src/compile.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { lazyDevice, runGraph, testedDevices } from "../devices/run-graph.ts";
import { gpuTarget, valuesFor, wideCpuTarget } from "../passes/rewriting.ts";
import { relativeError } from "../recordings/compare.ts";
import { graphs } from "./golden-graphs.ts";

const folder = new URL("../goldens/", import.meta.url);

const targets = {
  wgsl: gpuTarget,
  cl: wideCpuTarget,
  wasm: wasmTarget,
  /** A CPU behind OpenCL whose launches are joined. */
  "chain.cl": { ...wideCpuTarget, costlyLaunches: true },
} as const satisfies Record<string, Target>;

type GraphName = keyof typeof graphs;

type Golden = readonly [graph: GraphName, target: keyof typeof targets, options: CompileOptions];

const goldens: readonly Golden[] = [
  ["conv3x3", "wgsl", {}],
  ["conv3x3", "cl", {}],
  ["conv3x3", "wasm", {}],
  ["conv1x1", "wasm", {}],
  ["depthwise", "wasm", { withoutPasses: ["fuse-depthwise-pointwise"] }],
  ["depthwise", "wgsl", {}],
  ["conv7x7", "wasm", {}],
  ["matmulPacked", "wasm", {}],
  ["matmulPacked", "wgsl", {}],
  ["matmul", "cl", {}],
  ["broadcast", "wgsl", {}],
  ["sumOfRows", "wasm", {}],
  ["sumOfColumns", "wasm", {}],
  ["softmax", "wasm", {}],
  ["maxPool", "wgsl", {}],
  ["avgPoolCeil", "wasm", {}],
  ["batchNormTraining", "wasm", {}],
  ["batchNormTraining", "wgsl", {}],
  ["batchNormSplit", "wasm", { batchNorm: "split" }],
  ["permute", "wasm", {}],
  ["pad", "wasm", {}],
  ["concat", "cl", {}],
  ["twoReductions", "chain.cl", {}],
];

/** `conv3x3.wasm.txt`: WebAssembly is kept as the kernel IR it is written from. */
const fileName = (graph: GraphName, target: keyof typeof targets) =>
  `${graph.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.${target === "wasm" ? "wasm.txt" : target}`;

/** The kernels of one run, in order; of networks of several convolutions, the one with the ReLU. */
function kernelsOf(graph: GraphName, target: Target, options: CompileOptions): string {
  const { executable } = buildExecutable(parseGraph(graphs[graph]), target, passOptions(options));
  const launched = new Set(executable.run.flatMap((command) => (command.kind === "dispatch" ? [command.kernel] : [])));
  const kernels = [...launched].map((kernel) => executable.kernels[kernel]!);
  const shown = kernels.filter(({ name }) => name.includes("conv") && name.includes("relu"));
  return (shown.length > 0 ? shown : kernels).map(({ source }) => source.trimEnd() + "\n").join("\n");
} // prettier-ignore

describe("golden kernels", () => {
  it.each(goldens)("%s for %s", (graph, target, options) => {
    const file = new URL(fileName(graph, target), folder);
    const actual = kernelsOf(graph, targets[target], options);
    if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(file, actual);
    expect(existsSync(file), `${file.pathname} is missing: run with UPDATE_GOLDENS=1`).toBe(true);
    expect(actual).toBe(readFileSync(file, "utf8"));
  });

  for (const kind of testedDevices) {
    const device = lazyDevice(kind);
    it.each(Object.keys(graphs) as GraphName[])(`compute what %s means, on ${kind}`, async (name) => {
      const graph = parseGraph(graphs[name]);
      const values = valuesFor(graph);
      const { results } = await runGraph(await device(), graph, values);
      for (const [output, value] of Object.entries(evaluate(graph, values))) {
        expect(relativeError(results[output]!, value), output).toBeLessThanOrEqual(1e-5);
      }
    });
  }

  it("are all there is in the folder", () => {
    const expected = goldens.map(([graph, target]) => fileName(graph, target)).sort();
    expect(readdirSync(folder).sort()).toEqual(expected);
  });
});
