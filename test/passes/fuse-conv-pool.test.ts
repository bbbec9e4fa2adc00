import { describe, expect, it } from "vitest";
import { fuseConvPool } from "../../src/passes/fuse-conv-pool.ts";
import { conv } from "./attributes.ts";
import { expectRewrite, expectUnchanged, gpuTarget, wideCpuTarget } from "./rewriting.ts";

const target = { ...wideCpuTarget, computeUnits: 2 };
const image = (size: number) => `f32[1,16,${size},${size}]{0,2,3,1}`;
const inputs = `%x: input "x" f32[1,3,100,100]{0,2,3,1}, %w: prepared "w" f32[1,3,3,3,16], %b: prepared "b" f32[16,1,1]`;
const packed = conv({ kernel: [3, 3], padding: 1, packing: "{block=16, columns=16}" });
const pool = (options = "") =>
  `{stride=[2,2], padding=[[1,1],[1,1]], dilation=[1,1], kernel=[3,3], ceilMode=false${options}}`;
const firstBody = `%k = conv(%x, %w) ${packed} : ${image(100)}
  %a = add(%k, %b) : ${image(100)}
  %y = relu(%a) : ${image(100)}`;
const first = `%y = fusion(%x, %w, %b) {body=graph body(%x: input "x" f32[1,3,100,100]{0,2,3,1}, %w: input "w" f32[1,3,3,3,16], %b: input "b" f32[16,1,1]) {
  ${firstBody}
  return "y" %y
}} : ${image(100)}`;
const second = `%z = max_pool(%y) ${pool()} : ${image(50)}`;
const graph = (...lines: readonly string[]) => `graph g(${inputs}) {\n${lines.join("\n")}\n}`;

describe("fuse-conv-pool", () => {
  it("makes one kernel of a convolution, with what is fused to it, and the max pooling that reads it", () => {
    const record = expectRewrite(
      fuseConvPool,
      graph(first, second, `return "z" %z`),
      graph(
        `%z = fusion(%x, %w, %b) {body=graph body(%x: input "x" f32[1,3,100,100]{0,2,3,1}, %w: input "w" f32[1,3,3,3,16], %b: input "b" f32[16,1,1]) {
          ${firstBody}
          ${second}
          return "z" %z
        }} : ${image(50)}`,
        `return "z" %z`,
      ),
      { target },
    );
    expect(record.decisions).toEqual(["%z: takes %y"]);
  });

  it("takes a plain convolution, too", () => {
    const plain = `%y = conv(%x, %w) ${packed} : ${image(100)}`;
    expectRewrite(
      fuseConvPool,
      graph(plain, second, `return "z" %z`),
      graph(
        `%z = fusion(%x, %w) {body=graph body(%x: input "x" f32[1,3,100,100]{0,2,3,1}, %w: input "w" f32[1,3,3,3,16]) {
          ${plain}
          ${second}
          return "z" %z
        }} : ${image(50)}`,
        `return "z" %z`,
      ),
      { target },
    );
  });

  it("leaves alone a result that something else reads", () => {
    expectUnchanged(fuseConvPool, graph(first, second, `return "z" %z`, `return "y" %y`), { target });
  });

  it("leaves alone results that stay in a cache", () => {
    const text = graph(first, second, `return "z" %z`)
      .replaceAll("100,100]", "20,20]")
      .replaceAll("50,50]", "10,10]");
    expectUnchanged(fuseConvPool, text, { target });
  });

  it("leaves alone windows with gaps", () => {
    const gaps = `%z = max_pool(%y) {stride=[2,2], padding=[[1,1],[1,1]], dilation=[2,2], kernel=[3,3], ceilMode=false} : ${image(49)}`;
    expectUnchanged(fuseConvPool, graph(first, gaps, `return "z" %z`), { target });
  });

  it("leaves GPUs alone, and targets that bind fewer buffers", () => {
    const text = graph(first, second, `return "z" %z`);
    expectUnchanged(fuseConvPool, text, { target: gpuTarget });
    expectUnchanged(fuseConvPool, text, { target: { ...target, maxStorageBuffers: 3 } });
  });
});
