/**
 * The pipeline as a whole: with any optional pass left out results agree with `evaluate`, every target's
 * kernels can be written, and known networks take no more launches and memory than they should.
 */
import { describe, expect, it } from "vitest";
import { DigitsNet } from "../examples/digits/network.ts";
import { resnet18 } from "../examples/resnet.ts";
import { buildExecutable, passOptions, type BuiltExecutable } from "../src/compile.ts";
import { wasmTarget, type Target } from "../src/codegen/target.ts";
import { evaluate } from "../src/ir/evaluate.ts";
import type { Graph, ValueId } from "../src/ir/graph.ts";
import { executionOrder, typesOf } from "../src/ir/graph-index.ts";
import { elementCount } from "../src/ir/shape.ts";
import { traceModule } from "../src/nn/trace-module.ts";
import { fusionPasses, graphPasses } from "../src/passes/pipeline.ts";
import { lazyDevice, runGraph, testedDevices } from "./devices/run-graph.ts";
import { graphOf, networks, type Network } from "./passes/networks.ts";
import { gpuTarget, valuesFor, wideCpuTarget } from "./passes/rewriting.ts";
import { relativeError } from "./recordings/compare.ts";
import { isTested } from "./runtime/device-contract.ts";

const tolerance = 1e-5;
const all: readonly Network[] = Object.values(networks);
const passes = [...graphPasses, ...fusionPasses];
const optional = passes.filter((pass) => !pass.required).map((pass) => pass.name);

describe("the pipeline on the embedded CPU", () => {
  const device = lazyDevice("cpu");
  for (const network of all) {
    const graph = graphOf(network);
    const values = valuesFor(graph);
    const expected = evaluate(graph, values);
    // Everything left out at once shows what passes hide from each other.
    const variants: readonly (readonly string[])[] = [...optional.map((name) => [name]), optional];
    it.skipIf(!isTested("cpu")).each(variants.map((without) => ({ name: without === optional ? "all optional passes" : without.join(), without })))(
      `gives ${network.name} the same results without $name`,
      async ({ without }) => {
        const { results } = await runGraph(await device(), graph, values, { withoutPasses: without });
        for (const [name, value] of Object.entries(expected)) {
          expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(tolerance);
        }
      },
    ); // prettier-ignore
  }
});

for (const kind of testedDevices) {
  describe(`the whole pipeline on ${kind}`, () => {
    const device = lazyDevice(kind);
    it.each(all)("runs $name as evaluate does", async (network) => {
      const graph = graphOf(network);
      const values = valuesFor(graph, 2);
      const { results } = await runGraph(await device(), graph, values);
      for (const [name, value] of Object.entries(evaluate(graph, values))) {
        expect(relativeError(results[name]!, value), name).toBeLessThanOrEqual(tolerance);
      }
    });
  });
}

const targets: readonly (readonly [string, Target])[] = [
  ["the embedded CPU", wasmTarget],
  ["a GPU with eight storage buffers", gpuTarget],
  ["an OpenCL GPU", { ...gpuTarget, language: "opencl-c", maxStorageBuffers: 64, subgroupSize: 32 }],
  ["a wide CPU", wideCpuTarget],
];

function build(graph: Graph, target: Target): BuiltExecutable {
  return buildExecutable(graph, target, passOptions({}));
}

describe.each(targets)("for %s", (_, target) => {
  it.each(all)("every kernel of $name is written, within the target's buffers", (network) => {
    const { executable } = build(graphOf(network), target);
    expect(executable.kernels.length).toBeGreaterThan(0);
    for (const kernel of executable.kernels) {
      expect(kernel.language).toBe(target.language);
      expect(kernel.source).toContain(kernel.name);
      expect(kernel.buffers.length, kernel.name).toBeLessThanOrEqual(target.maxStorageBuffers);
      expect(kernel.groupSize).toBeLessThanOrEqual(target.maxGroupSize);
    }
    for (const command of [...executable.prepare, ...executable.run]) {
      if (command.kind === "dispatch") expect(command.buffers).toHaveLength(executable.kernels[command.kernel]!.buffers.length); // prettier-ignore
    }
  });
});

function launchesOf({ executable }: BuiltExecutable): string[] {
  return executable.run.map((command) =>
    command.kind === "dispatch" ? executable.kernels[command.kernel]!.name.replace(/^k\d+_/, "") : "copy",
  );
}

describe.each(targets)("launches for %s", (_, target) => {
  it.each<[Network, readonly string[]]>([
    [networks.convBatchNormRelu, ["conv3x3_add_relu_f32"]],
    [networks.basicBlock, ["conv3x3_add_relu_f32", "conv3x3_add_relu_f32"]],
    [networks.depthwiseSeparable, ["conv3x3_add_clamp_f32", "conv1x1_add_hardswish_f32"]],
    [networks.volume, ["conv3x3x3_add_leaky_relu_f32", "max_pool_f32"]],
  ])("$name", (network, kernels) => {
    expect(launchesOf(build(graphOf(network), target))).toEqual(kernels);
  });

  it("a perceptron: the first batch norm, and two matrix products", () => {
    expect(launchesOf(build(graphOf(networks.mlp), target))).toHaveLength(3);
  });

  it("a BasicBlock in training: two convolutions and two batch norms", () => {
    const launches = launchesOf(build(graphOf(networks.basicBlockTraining), target));
    expect(launches.filter((name) => name.startsWith("conv"))).toHaveLength(2);
    // The second batch norm binds a mean offset as well: with the shortcut nine buffers.
    expect(launches).toHaveLength(target.maxStorageBuffers > 8 ? 4 : 5);
  });

  it("the digits network: at most 11", () => {
    const { graph } = traceModule(new DigitsNet().eval(), [{ shape: [1, 1, 8, 8] }]);
    expect(launchesOf(build(graph, target)).length).toBeLessThanOrEqual(11);
  });

  it("ResNet-18: 20 convolutions, a max pool, a mean and a matrix product", () => {
    const launches = launchesOf(build(resnet18Graph(), target));
    expect(launches.filter((name) => name.startsWith("conv"))).toHaveLength(20);
    expect(launches.length).toBeLessThanOrEqual(23);
    expect(launches.filter((name) => name.includes("batch_norm") || name === "copy")).toEqual([]);
  });
});

let traced: Graph | undefined;
function resnet18Graph(): Graph {
  return (traced ??= traceModule(resnet18().eval(), [{ shape: [1, 3, 224, 224] }]).graph);
}

/** The largest sum of bytes of values that a kernel made and a later one still reads, step by step. */
function largestLiveBytes(graph: Graph): number {
  const types = typesOf(graph);
  // A reshape to another rank is the same bytes: its operand lives as long as it does.
  const same = new Map<ValueId, ValueId>();
  for (const node of executionOrder(graph)) {
    if (node.op === "reshape")
      same.set(node.results[0]!.id, same.get(node.operands[0]!) ?? node.operands[0]!);
  }
  const owner = (value: ValueId) => same.get(value) ?? value;
  const steps = executionOrder(graph).filter((node) => node.op !== "constant" && node.op !== "reshape");
  const returned = new Set(graph.outputs.map((output) => owner(output.value)));
  const live = new Map<ValueId, number>();
  let largest = 0;
  steps.forEach((node, step) => {
    for (const { id } of node.results) if (!returned.has(id)) live.set(id, elementCount(types.get(id)!.shape) * 4);
    largest = Math.max(largest, [...live.values()].reduce((sum, size) => sum + size, 0));
    const later = new Set(steps.slice(step + 1).flatMap((next) => next.operands.map(owner)));
    for (const id of live.keys()) if (!later.has(id)) live.delete(id);
  }); // prettier-ignore
  return largest;
}

describe("memory", () => {
  it.each(targets)(
    "of ResNet-18's activations on %s is at most 1.3 times what must live at once",
    (_, target) => {
      const { plan, passed } = build(resnet18Graph(), target);
      const least = largestLiveBytes(passed.run);
      // The stem's 64 × 112 × 112 and the pool's 64 × 56 × 56 at the least; where one kernel makes both, what a block
      // reads, has inside and makes.
      const pixels = target.family === "cpu" ? 3 * 56 * 56 : 112 * 112 + 56 * 56;
      expect(least).toBeGreaterThanOrEqual(4 * 64 * pixels);
      expect(plan.liveBytes).toBe(least);
      expect(plan.activationBytes).toBeLessThanOrEqual(1.3 * least);
    },
  );
});

describe("records", () => {
  it("tell for every pass what it is, what it did and why", () => {
    const { passed } = build(graphOf(networks.basicBlock), wasmTarget);
    const names = passed.records.map((record) => record.name);
    expect(names).toEqual([
      ...graphPasses.map((pass) => pass.name),
      ...fusionPasses.map((pass) => `${pass.name} (prepare)`),
      ...fusionPasses.map((pass) => `${pass.name} (run)`),
    ]);
    const decisions = new Map(passed.records.map((record) => [record.name, record.decisions]));
    expect(decisions.get("fold-batch-norm-into-conv")).toEqual(["bn1: folded into conv1", "bn2: folded into conv2"]);
    expect(decisions.get("fuse-conv-batch-norm-relu (run)")).toContain("conv1: conv + add + relu");
    for (const record of passed.records) expect(record.elapsedMs).toBeGreaterThanOrEqual(0);
  }); // prettier-ignore

  it("hand every stage's graph to onStage, in order", () => {
    const stages: string[] = [];
    buildExecutable(graphOf(networks.mlp), wasmTarget, { ...passOptions({}), onStage: (name) => stages.push(name) });
    expect(stages.slice(0, 2)).toEqual(["fold-constants", "simplify-algebra"]);
    expect(stages).toContain("split-prepare");
    expect(stages.at(-1)).toBe("fuse-elementwise-run");
  }); // prettier-ignore

  it.each([
    ["no-such-pass", "there is no pass 'no-such-pass'; there are fold-constants, "],
    ["choose-batch-norm-lowering", "'choose-batch-norm-lowering' cannot be left out"],
  ])("leaving out %s is an error", (name, message) => {
    const graph = graphOf(networks.mlp);
    expect(() => buildExecutable(graph, wasmTarget, passOptions({ withoutPasses: [name] }))).toThrow(message);
  });

  it("passes are a table of contents: names are unique, and each says what it does", () => {
    expect(new Set(passes.map((pass) => pass.name)).size).toBe(passes.length);
    for (const pass of passes) {
      expect(pass.name).toMatch(/^[a-z]+(-[a-z]+)+$/);
      expect(pass.summary.length).toBeGreaterThan(10);
    }
  });
});
