/** Decisions: rules choose unless choices overrule them, by a signature that says all that matters. */
import { describe, expect, it } from "vitest";
import { wasmTarget, type Target } from "../../src/codegen/target.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { chooseConvAlgorithm } from "../../src/passes/choose-conv-algorithm.ts";
import { choose, type Choices, type Decision } from "../../src/passes/decision.ts";
import { fuseDepthwisePointwise } from "../../src/passes/fuse-depthwise-pointwise.ts";
import { packWeights } from "../../src/passes/pack-weights.ts";
import type { Pass } from "../../src/passes/pass.ts";
import { runPass, runPasses } from "../../src/passes/pipeline.ts";
import { relativeError } from "../recordings/compare.ts";
import { separableNetwork } from "../tuning/networks.ts";
import { conv } from "./attributes.ts";
import { gpuTarget, valuesFor, wideCpuTarget } from "./rewriting.ts";

const softwareGpu: Target = { ...gpuTarget, software: true };
const options = { batchNorm: "auto", winograd: true, without: [] } as const;

function decisionsOf(graph: Graph, target: Target, choices?: Choices, without: readonly string[] = []) {
  const found = new Map<string, { readonly decision: Decision; readonly choice: string }>();
  runPasses(graph, target, {
    ...options,
    without,
    choices,
    onDecision: (decision, choice) => found.set(decision.signature, { decision, choice }),
  });
  return found;
}

/** One pass over a text: which decisions came up, and what they made of the graph. */
function decide(pass: Pass, text: string, target: Target, choices: Readonly<Record<string, string>> = {}) {
  const before = parseGraph(text);
  const asked: (readonly [string, readonly string[], string])[] = [];
  const { graph } = runPass(pass, before, target, {
    batchNorm: "auto",
    winograd: true,
    choices: new Map(Object.entries(choices)),
    onDecision: ({ signature, candidates }, choice) => asked.push([signature, candidates, choice]),
  });
  const values = valuesFor(before);
  const error = relativeError(evaluate(graph, values)["y"]!, evaluate(before, values)["y"]!);
  expect(error).toBeLessThanOrEqual(1e-5);
  return { asked, graph };
}

const image = "f32[1,32,32,32]{0,2,3,1}";
const conv3x3 = `graph g(%x: input "x" ${image}, %w: parameter "w" f32[32,32,3,3]) {
  %y = conv(%x, %w) ${conv({ kernel: [3, 3], padding: 1 })} : ${image}
  return "y" %y
}`;
const algorithm = "algorithm conv3x3 n1 c32 32x32 o32 pad1 f32";
const winogradOf = (graph: Graph) => {
  const convs = Object.values(graph.nodes).filter((node) => node.op === "conv");
  return convs.map((node) => node.attributes.packing?.winograd);
};

describe("how a 3×3 convolution is computed", () => {
  it("is the rule's choice without choices, with the other ways after it", () => {
    const { asked, graph } = decide(chooseConvAlgorithm, conv3x3, wideCpuTarget);
    expect(asked[0]).toEqual([
      algorithm,
      ["winograd-4", "winograd-2", "winograd-rows-2", "direct"],
      "winograd-4",
    ]);
    expect(winogradOf(graph)).toEqual([4]);
  });

  it.each([
    ["winograd-2", 2],
    ["direct", undefined],
  ])("is %s where choices say so", (choice, tile) => {
    expect(winogradOf(decide(chooseConvAlgorithm, conv3x3, wideCpuTarget, { [algorithm]: choice }).graph)).toEqual([tile]); // prettier-ignore
  });

  it("is the rule's choice where choices name no candidate, or are about another shape", () => {
    for (const choices of [{ [algorithm]: "strassen" }, { [algorithm.replace("c32", "c64")]: "direct" }])
      expect(winogradOf(decide(chooseConvAlgorithm, conv3x3, wideCpuTarget, choices).graph)).toEqual([4]);
  });

  it("is direct on a real GPU unless choices say otherwise", () => {
    expect(decide(chooseConvAlgorithm, conv3x3, gpuTarget).asked).toEqual([
      [algorithm, ["direct", "winograd-2", "winograd-4"], "direct"],
    ]);
    const { graph } = decide(chooseConvAlgorithm, conv3x3, gpuTarget, { [algorithm]: "winograd-4" });
    expect(Object.values(graph.nodes).map(({ op }) => op)).toContain("winograd_output");
  });

  it("is no decision where there is only one way", () => {
    const few = conv3x3.replaceAll("32,32,3,3", "8,8,3,3").replaceAll("1,32,32,32", "1,8,32,32");
    expect(decide(chooseConvAlgorithm, few, wideCpuTarget).asked).toEqual([]);
  });
});

describe("how wide a block of packed columns is", () => {
  const block = "block conv3x3 n1 c32 32x32 o32 pad1 f32";
  const blocks = (graph: Graph) =>
    Object.values(graph.nodes).flatMap((node) =>
      node.op === "conv" || node.op === "matmul" ? [node.attributes.packing?.block] : [],
    );

  it("is one, two or four vectors on a CPU, the rule's choice first", () => {
    const { asked, graph } = decide(packWeights, conv3x3, wasmTarget);
    expect(asked[0]).toEqual([block, ["16", "4", "8"], "16"]);
    expect(blocks(graph)).toEqual([16]);
    expect(blocks(decide(packWeights, conv3x3, wasmTarget, { [block]: "8" }).graph)).toEqual([8]);
  });

  it("is decided for the algorithm that was chosen", () => {
    const transformed = block.replace("block ", "block winograd-2 ");
    const choices = { [algorithm]: "winograd-2", [transformed]: "4", [block]: "16" };
    const { asked, graph } = decide(chooseConvAlgorithm, conv3x3, wasmTarget, choices);
    expect(asked.map(([signature, , choice]) => [signature, choice])).toEqual([
      [algorithm, "winograd-2"],
      [transformed, "4"],
      [transformed.replace("block", "rows block4"), "8"],
    ]);
    expect(blocks(graph).at(-1)).toBe(4);
  });

  it("is decided for matrix products, too", () => {
    const text = `graph g(%x: input "x" f32[6,24], %w: parameter "w" f32[24,20]) {
      %y = matmul(%x, %w) {packing=null} : f32[6,20]
      return "y" %y
    }`;
    const signature = "block matmul m6 k24 n20 f32";
    expect(decide(packWeights, text, wasmTarget).asked[0]).toEqual([signature, ["4", "8", "16"], "4"]);
    expect(blocks(decide(packWeights, text, wasmTarget, { [signature]: "16" }).graph)).toEqual([16]);
  });

  it("is no decision on a GPU", () => {
    const { asked } = decide(packWeights, conv3x3, gpuTarget);
    expect(asked.filter(([signature]) => signature.startsWith("block"))).toEqual([]);
  });
});

describe("how many rows share the loads of a block", () => {
  const rows = "rows block16 conv3x3 n1 c32 32x32 o32 pad1 f32";
  const rowsOf = (graph: Graph) =>
    Object.values(graph.nodes).flatMap((node) =>
      node.op === "conv" || node.op === "matmul" ? [node.attributes.packing?.rows] : [],
    );

  it("is left to the schedule's rule, or said in the packing", () => {
    const { asked, graph } = decide(packWeights, conv3x3, wasmTarget);
    expect(asked[1]).toEqual([rows, ["2", "3", "1"], "2"]);
    expect(rowsOf(graph)).toEqual([undefined]);
    expect(rowsOf(decide(packWeights, conv3x3, wasmTarget, { [rows]: "3" }).graph)).toEqual([3]);
  });

  it("is decided for the block that was chosen", () => {
    const choices = { [rows.replace("rows block16", "block")]: "8", [rows]: "6" };
    const { asked, graph } = decide(packWeights, conv3x3, wasmTarget, choices);
    expect(asked[1]).toEqual([rows.replace("block16", "block8"), ["4", "6", "3", "2"], "4"]);
    expect(rowsOf(graph)).toEqual([undefined]);
  });

  it("is decided for transformed weights and matrix products, too", () => {
    const transformed = rows.replace("block16", "block16 winograd-4");
    const { graph } = decide(chooseConvAlgorithm, conv3x3, wasmTarget, {
      [algorithm]: "winograd-4",
      [transformed]: "3",
    });
    expect(rowsOf(graph)).toContain(3);
    const text = `graph g(%x: input "x" f32[6,24], %w: parameter "w" f32[24,20]) {
      %y = matmul(%x, %w) {packing=null} : f32[6,20]
      return "y" %y
    }`;
    const product = decide(packWeights, text, wasmTarget, { "rows block4 matmul m6 k24 n20 f32": "4" });
    expect(rowsOf(product.graph)).toEqual([4]);
  });

  it("is no decision where the rows are few enough for one tile", () => {
    const text = `graph g(%x: input "x" f32[1,24], %w: parameter "w" f32[24,20]) {
      %y = matmul(%x, %w) {packing=null} : f32[1,20]
      return "y" %y
    }`;
    const { asked } = decide(packWeights, text, wasmTarget);
    expect(asked.map(([signature]) => signature)).toEqual(["block matmul m1 k24 n20 f32"]);
  });
});

describe("whether a depthwise convolution joins the 1×1 convolution after it", () => {
  const small = "f32[1,16,20,20]{0,2,3,1}";
  const depthwise = conv({ kernel: [3, 3], padding: 1, groups: 16, packing: "{block=16, columns=16}" });
  const text = `graph g(%x: input "x" ${small}, %d: prepared "d" f32[1,3,3,1,16], %p: prepared "p" f32[1,1,1,16,16]) {
    %k = conv(%x, %d) ${depthwise} : ${small}
    %y = conv(%k, %p) ${conv({ kernel: [1, 1], packing: "{block=16, columns=16}" })} : ${small}
    return "y" %y
  }`;
  const signature = "join conv3x3 n1 c16 20x20 o16 pad1 groups16 then conv1x1 o16 f32";

  it.each([
    ["joined", 2, ["joined", "apart"]],
    ["apart", 512, ["apart", "joined"]],
  ])("is %s by the rule on %i cores, and the other way by choice", (rule, computeUnits, candidates) => {
    const target = { ...wideCpuTarget, computeUnits };
    const { asked, graph } = decide(fuseDepthwisePointwise, text, target);
    expect(asked).toEqual([[signature, candidates, rule]]);
    const [opposite] = candidates.filter((candidate) => candidate !== rule);
    const other = decide(fuseDepthwisePointwise, text, target, { [signature]: opposite! }).graph;
    const counts = [graph, other].map(({ nodes }) => Object.keys(nodes).length);
    expect(counts).toEqual(rule === "joined" ? [1, 2] : [2, 1]);
  });
});

describe("a decision", () => {
  const decision = (candidates: readonly [string, ...string[]]) => ({ kind: "block", signature: "s", candidates, sample: () => parseGraph(conv3x3) }) as const; // prettier-ignore

  it("is the rule's where choices do not know it", () => {
    expect(choose(decision(["a", "b"]), undefined)).toBe("a");
    expect(choose(decision(["a", "b"]), new Map([["s", "b"]]))).toBe("b");
    expect(choose(decision(["a", "b"]), new Map([["s", "constructor"]]))).toBe("a");
  });

  it.each([
    ["the embedded CPU", wasmTarget],
    ["a CPU with wide vectors", { ...wideCpuTarget, computeUnits: 2 }],
    ["a GPU", gpuTarget],
    ["a software GPU", softwareGpu],
  ])("has a sample in which it comes up, on %s", (_, target) => {
    const graph = separableNetwork().graph;
    const kinds = new Set<string>();
    const todo: Choices[] = [new Map()];
    for (const { decision } of decisionsOf(graph, target).values())
      for (const candidate of decision.candidates) todo.push(new Map([[decision.signature, candidate]]));
    for (const choices of todo)
      for (const { decision } of decisionsOf(graph, target, choices).values()) {
        kinds.add(decision.kind);
        for (const candidate of decision.candidates) {
          const withCandidate = new Map([...choices, [decision.signature, candidate]]);
          const inSample = decisionsOf(decision.sample(), target, withCandidate, ["assign-layouts"]);
          expect(inSample.get(decision.signature)).toMatchObject({ choice: candidate });
          expect(inSample.get(decision.signature)!.decision.candidates).toEqual(decision.candidates);
        }
      }
    const expected = target.family === "gpu" ? ["algorithm", "rows"] : ["algorithm", "block", "join", "rows"];
    expect([...kinds].sort()).toEqual(expected);
  });
});
