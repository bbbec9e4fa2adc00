import { describe, expect, it } from "vitest";
import { wasmTarget, type Target } from "../../src/codegen/target.ts";
import { chooseBatchNormLowering } from "../../src/passes/choose-batch-norm-lowering.ts";
import { training } from "./attributes.ts";
import {
  expectRewrite,
  fewBuffers,
  gpuTarget,
  rewritten,
  wideCpuTarget,
  type RewriteOptions,
} from "./rewriting.ts";

const inference = (...lines: readonly string[]) =>
  `graph g(%x: input "x" f32[2,3,4,5], %m: state "mean" f32[3], %v: state "var" f32[3],
    %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3]) {\n${lines.join("\n")}\nreturn "y" %y\n}`;
const norm = `%y = batch_norm(%x, %m, %v, %g, %b) {eps=1e-5} : f32[2,3,4,5] @"bn"`;
const epsilon = `%e = constant() {value=dense f32[] [0.000009999999747378752]} : f32[]`;

describe("choose-batch-norm-lowering at inference", () => {
  it("makes one scale and one shift per channel, which prepare can compute", () => {
    const record = expectRewrite(
      chooseBatchNormLowering,
      inference(norm),
      inference(
        `%ms = reshape(%m) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%c = sub(%x, %ms) : f32[2,3,4,5] @"bn"`,
        epsilon,
        `%ve = add(%v, %e) : f32[3] @"bn"`,
        `%i = rsqrt(%ve) : f32[3] @"bn"`,
        `%s = mul(%g, %i) : f32[3] @"bn"`,
        `%ss = reshape(%s) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%z = mul(%c, %ss) : f32[2,3,4,5] @"bn"`,
        `%bs = reshape(%b) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%y = add(%z, %bs) : f32[2,3,4,5] @"bn"`,
      ),
    );
    expect(record.decisions).toEqual(["bn: fused: inference is one scale and shift per channel"]);
    expect(record.patches).toContainEqual({ op: "remove", path: ["nodes", "y"] });
  });

  it("spells the formula out when asked for the naive lowering", () => {
    const record = expectRewrite(
      chooseBatchNormLowering,
      inference(norm),
      inference(
        `%ms = reshape(%m) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%c = sub(%x, %ms) : f32[2,3,4,5] @"bn"`,
        epsilon,
        `%ve = add(%v, %e) : f32[3] @"bn"`,
        `%s = sqrt(%ve) : f32[3] @"bn"`,
        `%ss = reshape(%s) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%d = div(%c, %ss) : f32[2,3,4,5] @"bn"`,
        `%gs = reshape(%g) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%z = mul(%d, %gs) : f32[2,3,4,5] @"bn"`,
        `%bs = reshape(%b) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%y = add(%z, %bs) : f32[2,3,4,5] @"bn"`,
      ),
      { batchNorm: "naive" },
    );
    expect(record.decisions).toEqual(["bn: naive: asked for"]);
  });
});

/** Training-mode batch norm of an image, followed by what `extra` says. */
function trainingGraph(shape: readonly number[], attributes = training(), extra = ""): string {
  const x = `f32[${shape.join()}]`;
  const c = `f32[${shape[1]}]`;
  return `graph g(%x: input "x" ${x}, %g: parameter "gamma" ${c}, %b: parameter "beta" ${c},
      %m: state "mean" ${c}, %v: state "var" ${c}, %n: state "count" i32[]) {
    %y, %mu, %i, %m1, %v1, %n1 = batch_norm_training(%x, %g, %b, %m, %v, %n) ${attributes} : ${x}, ${c}, ${c}, ${c}, ${c}, i32[] @"bn"
    ${extra}
    return "y" %y
    return "mean" %m1 updates %m
    return "var" %v1 updates %v
    return "count" %n1 updates %n
  }`;
}

/** The ops that a lowering left, and the reason it gave. */
function lowered(text: string, options: RewriteOptions = {}) {
  const { graph, record } = rewritten(chooseBatchNormLowering, text, options);
  expect(record.decisions).toHaveLength(1);
  return { ops: Object.values(graph.nodes).map((node) => node.op), decision: record.decisions[0] };
}

const small = [2, 4, 3, 3];
/** 16,384 values in each of two channels. */
const largeMap = [1, 2, 128, 128];

describe("choose-batch-norm-lowering in training", () => {
  it("fuses small maps, and writes choice and reason into the graph", () => {
    const reason = "1 task of 18 values a channel: enough to keep every core busy";
    const record = expectRewrite(
      chooseBatchNormLowering,
      trainingGraph(small),
      trainingGraph(small, training({ lowering: "fused", reason })),
    );
    expect(record.decisions).toEqual([`bn: fused: ${reason}`]);
    expect(record.patches.map(({ op, path }) => [op, ...path.slice(0, 2)])).toEqual([
      ["replace", "nodes", "y"],
    ]);
  });

  it("splits few channels over a large map, where owners of whole channels would leave cores idle", () => {
    for (const target of [gpuTarget, wideCpuTarget]) {
      const { ops, decision } = lowered(trainingGraph(largeMap), {
        target: { ...target, maxStorageBuffers: 64 },
      });
      expect(ops).toEqual(["batch_norm_partial", "batch_norm_apply"]);
      expect(decision).toMatch(/^bn: split: \d+ owners of 16384 values each would leave cores idle$/);
    }
  });

  it("splits on a software adapter, where barriers are slow", () => {
    const software: Target = { ...gpuTarget, maxStorageBuffers: 64, software: true };
    const { ops, decision } = lowered(trainingGraph([2, 4, 32, 32]), { target: software });
    expect(ops).toEqual(["batch_norm_partial", "batch_norm_apply"]);
    expect(decision).toBe("bn: split: barriers are slow on a software adapter, and two launches need none");
  });

  it.each<[string, readonly number[], Target]>([
    ["on one core: there is nothing to divide the work among", largeMap, { ...wasmTarget, computeUnits: 1 }],
    ["one value below the size of a large map", [1, 2, 127, 129], gpuTarget],
    ["with as many channels as there are owners to keep busy", [2, 32, 128, 128], gpuTarget],
  ])("does not split %s", (_, shape, target) => {
    const { ops } = lowered(trainingGraph(shape), { target: { ...target, maxStorageBuffers: 64 } });
    expect(ops).toEqual(["batch_norm_training"]);
  });

  it("does not split small maps on a software adapter", () => {
    const software: Target = { ...gpuTarget, maxStorageBuffers: 64, software: true };
    expect(lowered(trainingGraph([2, 4, 22, 23]), { target: software }).ops).toEqual(["batch_norm_training"]);
  });

  it("does as it is told", () => {
    const options = { target: { ...gpuTarget, maxStorageBuffers: 64 } };
    expect(lowered(trainingGraph(largeMap), { ...options, batchNorm: "fused" })).toEqual({ ops: ["batch_norm_training"], decision: "bn: fused: asked for" });
    expect(lowered(trainingGraph(small), { ...options, batchNorm: "split" })).toEqual({ ops: ["batch_norm_partial", "batch_norm_apply"], decision: "bn: split: asked for" });
    const naive = lowered(trainingGraph(small), { ...options, batchNorm: "naive" });
    expect(naive.decision).toBe("bn: naive: asked for");
    expect(naive.ops.filter((op) => op.startsWith("batch_norm"))).toEqual([]);
  }); // prettier-ignore

  it("leaves no block of a split empty", () => {
    const { graph } = rewritten(chooseBatchNormLowering, trainingGraph([1, 2, 13, 10]), { target: { ...gpuTarget, maxStorageBuffers: 64 }, batchNorm: "split" }); // prettier-ignore
    const partial = Object.values(graph.nodes).find((node) => node.op === "batch_norm_partial");
    expect(partial?.attributes).toEqual({ blocks: 2 });
  });

  it("takes the fused kernel where the split one would bind too many buffers", () => {
    // x, γ, β, mean, variance, count, y; the new state is written over the old. Partial statistics are two more.
    const target = { ...gpuTarget, maxStorageBuffers: 8 };
    expect(lowered(trainingGraph(largeMap), { target })).toEqual({
      ops: ["batch_norm_training"],
      decision: "bn: fused: split would bind 9 storage buffers, the target allows 8",
    });
  });

  it.each(["fused", "split"] as const)("spells the formula out where even the fused kernel would bind too many buffers (%s)", (batchNorm) => {
    const { ops, decision } = lowered(trainingGraph(small), { target: fewBuffers, batchNorm });
    expect(ops.filter((op) => op.startsWith("batch_norm"))).toEqual([]);
    const count = batchNorm === "fused" ? 7 : 9;
    expect(decision).toBe(`bn: naive: ${batchNorm} would bind ${count} storage buffers, the target allows 4`);
  }); // prettier-ignore

  it("counts a batch mean that something reads as one more buffer", () => {
    const target = { ...gpuTarget, maxStorageBuffers: 7 };
    expect(lowered(trainingGraph(small), { target }).ops).toEqual(["batch_norm_training"]);
    const { decision } = lowered(trainingGraph(small, training(), `return "mu" %mu`).replace(/return "mu" %mu\n\s*return "y" %y/, `return "y" %y\n return "mu" %mu`), { target }); // prettier-ignore
    expect(decision).toBe("bn: naive: fused would bind 8 storage buffers, the target allows 7");
  });
});

describe("the naive lowering in training", () => {
  it.each<[string, readonly number[], string]>([
    ["a momentum", small, training()],
    ["the cumulative average", small, training({ momentum: null })],
    ["two dimensions", [5, 3], training()],
    ["one value a channel", [1, 3], training().replace("error", "zero-variance")],
  ])("means the same with %s", (_, shape, attributes) => {
    lowered(trainingGraph(shape, attributes), { batchNorm: "naive" });
  });

  it("means the same with a mean offset", () => {
    const text = trainingGraph(small, training({ meanOffset: true })).replace("%n) {", "%n, %b) {");
    expect(text).toContain("%v, %n, %b)");
    lowered(text, { batchNorm: "naive" });
  });
});

describe("choose-batch-norm-lowering", () => {
  it("leaves graphs without batch norms alone", () => {
    const { record } = rewritten(
      chooseBatchNormLowering,
      `graph g(%x: input "x" f32[2]) {
        %y = relu(%x) : f32[2]
        return "y" %y
      }`,
    );
    expect(record).toMatchObject({ patches: [], decisions: [] });
  });
});
