import { describe, expect, it } from "vitest";
import { wasmTarget, type Target } from "../../src/codegen/target.ts";
import { packWeights, packingBlock } from "../../src/passes/pack-weights.ts";
import { conv } from "./attributes.ts";
import { expectRewrite, expectUnchanged, gpuTarget, rewritten, wideCpuTarget } from "./rewriting.ts";

interface ConvCase {
  readonly channels: number;
  readonly weight: readonly number[];
  readonly groups?: number;
}

function convGraph({ channels, weight, groups = 1 }: ConvCase, role = "parameter"): string {
  const [outputs, , ...kernel] = weight;
  return `graph g(%x: input "x" f32[1,${channels},3,3], %w: ${role} "w" f32[${weight.join()}]) {
    %y = conv(%x, %w) ${conv({ kernel, groups, padding: (kernel[0]! - 1) / 2 })} : f32[1,${outputs},3,3]
    return "y" %y
  }`;
}

describe("pack-weights", () => {
  it("cuts a convolution's output channels into blocks, the block innermost", () => {
    const record = expectRewrite(
      packWeights,
      convGraph({ channels: 2, weight: [8, 2, 3, 3] }),
      `graph g(%x: input "x" f32[1,2,3,3], %w: parameter "w" f32[8,2,3,3]) {
        %s = reshape(%w) {shape=[1,8,2,3,3]} : f32[1,8,2,3,3]
        %p = permute(%s) {axes=[0,3,4,2,1]} : f32[1,3,3,2,8]
        %y = conv(%x, %p) ${conv({ kernel: [3, 3], padding: 1, packing: "{block=8, columns=8}" })} : f32[1,8,3,3]
        return "y" %y
      }`,
    );
    expect(record.patches.map(({ op, path }) => `${op} ${path[1]}`).sort()).toEqual(["add r0", "add r1", "replace y"]); // prettier-ignore
  });

  it("fills the last block with zeros", () => {
    expectRewrite(
      packWeights,
      convGraph({ channels: 2, weight: [3, 2, 1, 1] }),
      `graph g(%x: input "x" f32[1,2,3,3], %w: parameter "w" f32[3,2,1,1]) {
        %f = pad(%w) {padding=[[0,1],[0,0],[0,0],[0,0]], value=0} : f32[4,2,1,1]
        %s = reshape(%f) {shape=[1,4,2,1,1]} : f32[1,4,2,1,1]
        %p = permute(%s) {axes=[0,3,4,2,1]} : f32[1,1,1,2,4]
        %y = conv(%x, %p) ${conv({ kernel: [1, 1], packing: "{block=4, columns=3}" })} : f32[1,3,3,3]
        return "y" %y
      }`,
    );
  });

  it("cuts a matrix into blocks of columns", () => {
    const text = (...lines: readonly string[]) =>
      `graph g(%x: input "x" f32[2,3], %w: parameter "w" f32[3,5]) {\n${lines.join("\n")}\nreturn "y" %y\n}`;
    expectRewrite(
      packWeights,
      text("%y = matmul(%x, %w) {packing=null} : f32[2,5]"),
      text(
        "%f = pad(%w) {padding=[[0,0],[0,3]], value=0} : f32[3,8]",
        "%s = reshape(%f) {shape=[3,1,8]} : f32[3,1,8]",
        "%p = permute(%s) {axes=[1,0,2]} : f32[1,3,8]",
        "%y = matmul(%x, %p) {packing={block=8, columns=5}} : f32[2,5]",
      ),
    );
  });

  it.each<[string, ConvCase, number]>([
    ["depthwise", { channels: 8, weight: [8, 1, 3, 3], groups: 8 }, 8],
    ["grouped, with blocks that end with the groups", { channels: 4, weight: [16, 2, 1, 1], groups: 2 }, 8],
  ])("packs a convolution that is %s", (_, item, block) => {
    const { graph } = rewritten(packWeights, convGraph(item));
    expect(graph.nodes["y"]?.attributes).toMatchObject({ packing: { block, columns: item.weight[0] } });
  });

  it("packs weights that are computed from parameters", () => {
    const text = convGraph({ channels: 2, weight: [8, 2, 1, 1] })
      .replace("%y = conv(%x, %w)", "%z = neg(%w) : f32[8,2,1,1]\n%y = conv(%x, %z)");
    const { graph } = rewritten(packWeights, text);
    expect(graph.nodes["y"]?.attributes).toMatchObject({ packing: { block: 8 } });
  }); // prettier-ignore

  it.each<[string, string]>([
    ["weights are an input of the run", convGraph({ channels: 2, weight: [8, 2, 3, 3] }, "input")],
    ["a block would straddle two groups", convGraph({ channels: 4, weight: [6, 2, 1, 1], groups: 2 })],
    [
      "depthwise channels would end inside a vector",
      convGraph({ channels: 6, weight: [6, 1, 3, 3], groups: 6 }),
    ],
    [
      "state that the run replaces is the weight",
      `graph g(%x: input "x" f32[2,4], %w: state "w" f32[4,4]) {
        %y = matmul(%x, %w) {packing=null} : f32[2,4]
        %n = neg(%w) : f32[4,4]
        return "y" %y
        return "w" %n updates %w
      }`,
    ],
    [
      "a batch of matrices is the weight",
      `graph g(%x: input "x" f32[2,2,4], %w: parameter "w" f32[2,4,4]) {
        %y = matmul(%x, %w) {packing=null} : f32[2,2,4]
        return "y" %y
      }`,
    ],
    [
      "they are packed already",
      `graph g(%x: input "x" f32[2,3], %w: parameter "w" f32[1,3,8]) {
        %y = matmul(%x, %w) {packing={block=8, columns=5}} : f32[2,5]
        return "y" %y
      }`,
    ],
  ])("does not fire when %s", (_, text) => {
    expect(expectUnchanged(packWeights, text).patches).toEqual([]);
  });
});

describe("packingBlock", () => {
  it.each<[string, Target, number, number]>([
    ["four vectors of the embedded CPU share each input", wasmTarget, 64, 16],
    ["two where it multiplies and adds in one instruction", { ...wasmTarget, fusedMultiplyAdd: true }, 64, 8],
    ["two where four do not come out even", wasmTarget, 24, 8],
    ["one vector where two would leave most of a block empty", wasmTarget, 4, 4],
    ["one vector where the number of vectors is odd and small", wasmTarget, 12, 4],
    ["two vectors where the number of vectors is odd but large", wasmTarget, 36, 8],
    ["two of 16 lanes", wideCpuTarget, 64, 32],
    ["one of 16 lanes", wideCpuTarget, 16, 16],
    ["one of 8 lanes for at most 8 columns", wideCpuTarget, 8, 8],
    ["one of 4 lanes for at most 4 columns", wideCpuTarget, 3, 4],
    ["neighbouring invocations of a GPU read together", gpuTarget, 256, 64],
    ["a GPU's block is never wider than the columns, in steps of 4", gpuTarget, 10, 12],
  ])("%s", (_, target, columns, block) => {
    expect(packingBlock(target, columns)).toBe(block);
  });
});
