import { describe, expect, it } from "vitest";
import { foldPadIntoWindow } from "../../src/passes/fold-pad-into-window.ts";
import { expectRewrite, expectUnchanged } from "./rewriting.ts";

const pad = (value: string, padding = "[[0,0],[0,0],[0,1],[2,1]]") =>
  `%p = pad(%x) {padding=${padding}, value=${value}} : f32[1,4,11,13]`;
const graph = (...lines: readonly string[]) =>
  `graph g(%x: input "x" f32[1,4,10,10], %w: parameter "w" f32[6,4,3,3]) {\n${lines.join("\n")}\nreturn "y" %y\n}`;
const conv = (operand: string, padding: string) =>
  `%y = conv(${operand}, %w) {stride=[2,1], padding=${padding}, dilation=[1,1], kernel=[3,3], groups=1, packing=null} : f32[1,6,6,11]`;
const pool = (op: string, operand: string, padding: string, { rest = "", ceilMode = false } = {}) =>
  `%y = ${op}(${operand}) {stride=[1,1], padding=${padding}, dilation=[1,1], kernel=[5,5], ceilMode=${ceilMode}${rest}} : f32[1,4,7,9]`;

describe("fold-pad-into-window", () => {
  it("adds zeros in front of a convolution to its padding", () => {
    const record = expectRewrite(
      foldPadIntoWindow,
      graph(pad("0"), conv("%p", "[[1,1],[0,0]]")),
      graph(conv("%x", "[[1,2],[2,1]]")),
    );
    expect(record.decisions).toEqual(["%y: padding 0+1, 2+1"]);
  });

  it("lets an average count them", () => {
    for (const counts of ["true", "false"])
      expectRewrite(
        foldPadIntoWindow,
        graph(pad("0"), pool("avg_pool", "%p", "[[0,0],[0,0]]", { rest: `, countIncludePad=${counts}` })),
        graph(pool("avg_pool", "%x", "[[0,1],[2,1]]", { rest: ", countIncludePad=true" })),
      );
  });

  it("leaves −∞ to a maximum", () => {
    expectRewrite(
      foldPadIntoWindow,
      graph(pad("-inf"), pool("max_pool", "%p", "[[0,0],[0,0]]")),
      graph(pool("max_pool", "%x", "[[0,1],[2,1]]")),
    );
  });

  it("keeps padding that something else reads", () => {
    const both = (operand: string, padding: string) => `${conv(operand, padding)}\nreturn "p" %p`;
    expectRewrite(
      foldPadIntoWindow,
      graph(pad("0"), both("%p", "[[1,1],[0,0]]")),
      graph(pad("0"), both("%x", "[[1,2],[2,1]]")),
    );
  });

  it("leaves alone other values, channels, and averages of another number of elements", () => {
    expectUnchanged(foldPadIntoWindow, graph(pad("1"), conv("%p", "[[1,1],[0,0]]")));
    expectUnchanged(foldPadIntoWindow, graph(pad("0"), pool("max_pool", "%p", "[[0,0],[0,0]]")));
    const average = pool("avg_pool", "%p", "[[1,1],[0,0]]", { rest: ", countIncludePad=false" });
    expectUnchanged(foldPadIntoWindow, graph(pad("0"), average.replace("4,7,9", "4,9,9")));
    const rounded = pool("avg_pool", "%p", "[[0,0],[0,0]]", { rest: ", countIncludePad=true", ceilMode: true }); // prettier-ignore
    expectUnchanged(foldPadIntoWindow, graph(pad("0"), rounded));
    const channels = pad("0", "[[0,0],[1,1],[0,0],[0,0]]").replace("4,11,13", "6,10,10");
    const wide = graph(channels, conv("%p", "[[1,1],[1,1]]").replace("6,6,11", "6,5,10"));
    expectUnchanged(foldPadIntoWindow, wide.replace("f32[6,4,3,3]", "f32[6,6,3,3]"));
  });

  it("leaves alone more padding than pooling takes", () => {
    const much = pad("-inf", "[[0,0],[0,0],[0,1],[3,0]]");
    expectUnchanged(foldPadIntoWindow, graph(much, pool("max_pool", "%p", "[[0,0],[0,0]]")));
  });
});
