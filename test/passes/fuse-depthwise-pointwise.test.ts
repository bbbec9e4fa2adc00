import { describe, expect, it } from "vitest";
import { fuseDepthwisePointwise } from "../../src/passes/fuse-depthwise-pointwise.ts";
import { conv } from "./attributes.ts";
import { expectRewrite, expectUnchanged, gpuTarget, wideCpuTarget } from "./rewriting.ts";

const target = { ...wideCpuTarget, computeUnits: 2 };
const inputs = `%x: input "x" f32[1,16,20,20]{0,2,3,1}, %d: prepared "d" f32[1,3,3,1,16], %s: prepared "s" f32[16,1,1],
  %p: prepared "p" f32[1,1,1,16,16], %r: input "r" f32[1,16,20,20]`;
const depthwise = conv({ kernel: [3, 3], padding: 1, groups: 16, packing: "{block=16, columns=16}" });
const pointwise = conv({ kernel: [1, 1], packing: "{block=16, columns=16}" });
const image = "f32[1,16,20,20]{0,2,3,1}";

const firstBody = `%k = conv(%x, %d) ${depthwise} : ${image}
  %y = add(%k, %s) : ${image}`;
const first = `%y = fusion(%x, %d, %s) {body=graph body(%x: input "x" ${image}, %d: input "d" f32[1,3,3,1,16], %s: input "s" f32[16,1,1]) {
  ${firstBody}
  return "y" %y
}} : ${image}`;
const secondBody = `%c = conv(%y, %p) ${pointwise} : ${image}
  %z = add(%c, %r) : ${image}`;
const second = `%z = fusion(%y, %p, %r) {body=graph body(%y: input "y" ${image}, %p: input "p" f32[1,1,1,16,16], %r: input "r" f32[1,16,20,20]) {
  ${secondBody}
  return "z" %z
}} : ${image}`;
const graph = (...lines: readonly string[]) => `graph g(${inputs}) {\n${lines.join("\n")}\n}`;

describe("fuse-depthwise-pointwise", () => {
  it("makes one kernel of a depthwise convolution and the 1×1 convolution that reads it, with what is fused to both", () => {
    const record = expectRewrite(
      fuseDepthwisePointwise,
      graph(first, second, `return "z" %z`),
      graph(
        `%z = fusion(%x, %d, %s, %p, %r) {body=graph body(%x: input "x" ${image}, %d: input "d" f32[1,3,3,1,16], %s: input "s" f32[16,1,1], %p: input "p" f32[1,1,1,16,16], %r: input "r" f32[1,16,20,20]) {
          ${firstBody}
          ${secondBody}
          return "z" %z
        }} : ${image}`,
        `return "z" %z`,
      ),
      { target },
    );
    expect(record.decisions).toEqual(["%z: takes %y"]);
  });

  it("takes plain convolutions, too", () => {
    const [d, p] = [`%k = conv(%x, %d) ${depthwise} : ${image}`, `%c = conv(%k, %p) ${pointwise} : ${image}`];
    expectRewrite(
      fuseDepthwisePointwise,
      graph(d, p, `return "c" %c`),
      graph(
        `%c = fusion(%x, %d, %p) {body=graph body(%x: input "x" ${image}, %d: input "d" f32[1,3,3,1,16], %p: input "p" f32[1,1,1,16,16]) {
          ${d}
          ${p}
          return "c" %c
        }} : ${image}`,
        `return "c" %c`,
      ),
      { target },
    );
  });

  it("leaves alone a result that something else reads", () => {
    expectUnchanged(fuseDepthwisePointwise, graph(first, second, `return "z" %z`, `return "y" %y`), {
      target,
    });
    const residual = second.replace("%c, %r", "%c, %y");
    expectUnchanged(fuseDepthwisePointwise, graph(first, residual, `return "z" %z`), { target });
  });

  it("leaves alone maps with too few pixels for the cores", () => {
    const many = { ...target, computeUnits: 64 };
    expectUnchanged(fuseDepthwisePointwise, graph(first, second, `return "z" %z`), { target: many });
  });

  it("leaves GPUs alone, and targets that bind fewer buffers", () => {
    const text = graph(first, second, `return "z" %z`);
    expectUnchanged(fuseDepthwisePointwise, text, { target: gpuTarget });
    expectUnchanged(fuseDepthwisePointwise, text, { target: { ...target, maxStorageBuffers: 5 } });
  });
});
