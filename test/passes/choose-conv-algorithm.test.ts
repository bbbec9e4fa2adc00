import { describe, expect, it } from "vitest";
import { chooseConvAlgorithm } from "../../src/passes/choose-conv-algorithm.ts";
import { conv } from "./attributes.ts";
import { expectRewrite, expectUnchanged, gpuTarget, rewritten, wideCpuTarget } from "./rewriting.ts";

interface ConvCase {
  readonly channels?: number;
  readonly size?: number;
  readonly role?: string;
  readonly attributes?: string;
  readonly kernel?: number;
}

function convGraph({
  channels = 32,
  size = 32,
  role = "parameter",
  kernel = 3,
  attributes,
}: ConvCase = {}): string {
  const written = attributes ?? conv({ kernel: [kernel, kernel], padding: (kernel - 1) / 2 });
  return `graph g(%x: input "x" f32[1,${channels},${size},${size}], %w: ${role} "w" f32[${channels},${channels},${kernel},${kernel}]) {
    %y = conv(%x, %w) ${written} : f32[1,${channels},${size},${size}]
    return "y" %y
  }`;
}

const strided = "{stride=[2,2], padding=[[1,1],[1,1]], dilation=[1,1], kernel=[3,3], groups=1, packing=null}";
const dilated = "{stride=[1,1], padding=[[2,2],[2,2]], dilation=[2,2], kernel=[3,3], groups=1, packing=null}";

/** G ⊗ G of F(4×4, 3×3), from its definition. */
const transformText = (() => {
  const g = [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]; // prettier-ignore
  return g.flatMap((a) => g.flatMap((b) => a.flatMap((x) => b.map((y) => Math.fround(x * y) + 0)))).join();
})();

const softwareGpu = { ...gpuTarget, software: true };

/** Winograd's intermediate values are rounded to f32, and are larger than what they cancel to. */
const tolerance = 1e-5;

describe("choose-conv-algorithm", () => {
  it("transforms the weight of a 3×3 convolution of enough channels, block by block", () => {
    const record = expectRewrite(
      chooseConvAlgorithm,
      convGraph({ channels: 40 }),
      `graph g(%x: input "x" f32[1,40,32,32], %w: parameter "w" f32[40,40,3,3]) {
        %s = reshape(%w) {shape=[5,8,40,9]} : f32[5,8,40,9]
        %p = permute(%s) {axes=[0,2,3,1]} : f32[5,40,9,8]
        %r = reshape(%p) {shape=[5,40,9,8]} : f32[5,40,9,8]
        %t = constant() {value=dense f32[36,9] [${transformText}]} : f32[36,9]
        %u = matmul(%t, %r) {packing={block=8, columns=320}} : f32[5,36,320]
        %f = reshape(%u) {shape=[5,36,40,8]} : f32[5,36,40,8]
        %y = conv(%x, %f) ${conv({ kernel: [3, 3], padding: 1, packing: "{block=8, columns=40, winograd=4}" })} : f32[1,40,32,32]
        return "y" %y
      }`,
      { tolerance },
    );
    expect(record.decisions).toEqual(["%y: F(4×4, 3×3)"]);
  });

  it("makes it two transforms and a product on a software GPU", () => {
    expectRewrite(
      chooseConvAlgorithm,
      convGraph({ channels: 64 }),
      `graph g(%x: input "x" f32[1,64,32,32], %w: parameter "w" f32[64,64,3,3]) {
        %v = winograd_input(%x) {tile=4, padding=[[1,1],[1,1]], rows=4} : f32[36,16,4,64]{1,0,2,3}
        %s = reshape(%w) {shape=[1,64,64,9]} : f32[1,64,64,9]
        %p = permute(%s) {axes=[0,2,3,1]} : f32[1,64,9,64]
        %r = reshape(%p) {shape=[64,9,64]} : f32[64,9,64]
        %t = constant() {value=dense f32[36,9] [${transformText}]} : f32[36,9]
        %u = matmul(%t, %r) {packing={block=64, columns=4096}} : f32[36,4096]
        %f = reshape(%u) {shape=[36,1,1,64,64]} : f32[36,1,1,64,64]
        %m = matmul(%v, %f) {packing={block=64, columns=64}} : f32[36,16,4,64]{1,0,2,3}
        %y = winograd_output(%m) {tile=4, batch=1, size=[32,32]} : f32[1,64,32,32]
        return "y" %y
      }`,
      { target: softwareGpu, tolerance },
    );
  });

  it("stays direct there where three launches would not save clearly more than half the work", () => {
    expectUnchanged(chooseConvAlgorithm, convGraph({ channels: 40 }), { target: softwareGpu });
  });

  it.each([
    ["the smaller tile where the larger would reach far over the edge", { channels: 256, size: 10 }, "2×2"],
    ["rows alone where weights are what counts", { channels: 512, size: 7 }, "1×2"],
  ] as const)("takes %s", (_, sizes, tile) => {
    const { record } = rewritten(chooseConvAlgorithm, convGraph(sizes), { target: wideCpuTarget, tolerance });
    expect(record.decisions).toEqual([`%y: F(${tile}, 3×3)`]);
  });

  it("transforms each row of three of a weight, block by block, where rows alone are transformed", () => {
    expectRewrite(
      chooseConvAlgorithm,
      convGraph({ channels: 256, size: 6 }),
      `graph g(%x: input "x" f32[1,256,6,6], %w: parameter "w" f32[256,256,3,3]) {
        %s = reshape(%w) {shape=[8,32,256,3,3]} : f32[8,32,256,3,3]
        %p = permute(%s) {axes=[0,3,2,4,1]} : f32[8,3,256,3,32]
        %r = reshape(%p) {shape=[8,768,3,32]} : f32[8,768,3,32]
        %t = constant() {value=dense f32[4,3] [1,0,0,0.5,0.5,0.5,0.5,-0.5,0.5,0,0,1]} : f32[4,3]
        %u = matmul(%t, %r) {packing={block=32, columns=24576}} : f32[8,4,24576]
        %f = reshape(%u) {shape=[8,4,3,256,32]} : f32[8,4,3,256,32]
        %y = conv(%x, %f) ${conv({ kernel: [3, 3], padding: 1, packing: "{block=32, columns=256, winogradRows=2}" })} : f32[1,256,6,6]
        return "y" %y
      }`,
      { target: wideCpuTarget, tolerance },
    );
  });

  it.each([
    ["the weight as it is where a core keeps all tiles", 14, ", weight transformed in the kernel"],
    ["it as it is where two items share them", 28, ", weight transformed in the kernel"],
    ["a transformed weight where there are more", 40, ""],
  ])("takes %s", (_, size, rest) => {
    const { record } = rewritten(chooseConvAlgorithm, convGraph({ channels: 128, size }), { tolerance });
    expect(record.decisions).toEqual([`%y: F(4×4, 3×3)${rest}`]);
  });

  it("packs a weight that the kernel transforms by blocks, then input channels", () => {
    const packing = "{block=16, columns=128, winograd=4, untransformed=true}";
    expectRewrite(
      chooseConvAlgorithm,
      convGraph({ channels: 128, size: 7 }),
      `graph g(%x: input "x" f32[1,128,7,7], %w: parameter "w" f32[128,128,3,3]) {
        %s = reshape(%w) {shape=[8,16,128,3,3]} : f32[8,16,128,3,3]
        %p = permute(%s) {axes=[0,2,3,4,1]} : f32[8,128,3,3,16]
        %y = conv(%x, %p) ${conv({ kernel: [3, 3], padding: 1, packing })} : f32[1,128,7,7]
        return "y" %y
      }`,
      { tolerance },
    );
  });

  it.each([
    ["few channels", { channels: 8 }],
    ["a small map, where launches cost more than they save", { channels: 16, size: 8 }],
    ["other kernels", { kernel: 5 }],
    ["weights that change from run to run", { role: "input" }],
    ["strides", { size: 31, attributes: strided }],
    ["dilations", { attributes: dilated }],
  ] as const)("leaves alone %s", (_, sizes) => {
    const text = sizes as ConvCase;
    const before = text.attributes === strided ? convGraph(text).replace(/f32\[1,32,31,31\]\n/, "f32[1,32,16,16]\n") : convGraph(text); // prettier-ignore
    expectUnchanged(chooseConvAlgorithm, before, { target: wideCpuTarget });
  });

  it("leaves alone what would bind a larger buffer than the target allows", () => {
    expectUnchanged(chooseConvAlgorithm, convGraph(), {
      target: { ...softwareGpu, maxBufferBytes: 36 * 32 * 32 * 4 },
    });
  });

  it("leaves real GPUs alone, which wait for memory", () => {
    expectUnchanged(chooseConvAlgorithm, convGraph(), { target: gpuTarget });
  });

  it("leaves everything alone where the caller turned it off", () => {
    expectUnchanged(chooseConvAlgorithm, convGraph(), { target: wideCpuTarget, winograd: false });
  });
});
