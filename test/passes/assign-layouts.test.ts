import { describe, expect, it } from "vitest";
import { assignLayouts } from "../../src/passes/assign-layouts.ts";
import { conv, training } from "./attributes.ts";
import { expectRewrite, expectUnchanged, rewritten } from "./rewriting.ts";

const pointwise = conv({ kernel: [1, 1] });
const plain = "f32[1,4,5,6]";
const last = `${plain}{0,2,3,1}`;
const graph = (...lines: readonly string[]) =>
  `graph g(%x: input "x" f32[1,4,5,6], %w: parameter "w" f32[4,4,1,1], %b: parameter "b" f32[4,1,1]) {\n${lines.join("\n")}\n}`;
const pool = `{stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[2,2], ceilMode=false}`;

describe("assign-layouts", () => {
  it("keeps images channels-last between convolutions, and gives the caller row-major", () => {
    const record = expectRewrite(
      assignLayouts,
      graph(`%k = conv(%x, %w) ${pointwise} : ${plain}`, `%a = relu(%k) : ${plain}`, `%y = conv(%a, %w) ${pointwise} : ${plain}`, `return "y" %y`),
      graph(`%k = conv(%x, %w) ${pointwise} : ${last}`, `%a = relu(%k) : ${last}`, `%y = conv(%a, %w) ${pointwise} : ${plain}`, `return "y" %y`),
    );
    expect(record.decisions).toEqual(["3 values channels-last"]);
    expect(record.patches.map(({ path }) => path[1])).toEqual(expect.arrayContaining(["k", "a"]));
  }); // prettier-ignore

  it.each<[string, string, string]>([
    ["pooling", `max_pool(%k) ${pool}`, "f32[1,4,4,5]"],
    ["padding", "pad(%k) {padding=[[0,0],[0,0],[1,1],[0,0]], value=0}", "f32[1,4,7,6]"],
    ["slices", "slice(%k) {start=[0,0,0,0], size=[1,2,5,6], step=[1,1,1,1]}", "f32[1,2,5,6]"],
    ["concatenation", "concat(%k, %k) {axis=1}", "f32[1,8,5,6]"],
    ["softmax", "softmax(%k) {axis=1}", plain],
    ["operands that broadcast", "add(%b, %k)", plain],
    ["comparisons", "lt(%k, %b)", "bool[1,4,5,6]"],
  ])("carries the layout through %s", (_, node, type) => {
    const dtype = type.split("[")[0]!;
    const ending = (layout: string) => [`%p = ${node} : ${type}${layout}`, `%r = cast(%p) {dtype="i32"} : ${type.replace(dtype, "i32")}${layout}`]; // prettier-ignore
    const row = (lines: readonly string[]) => [lines[0]!, lines[1]!.replace("{0,2,3,1}", "")];
    expectRewrite(
      assignLayouts,
      graph(`%k = conv(%x, %w) ${pointwise} : ${plain}`, ...ending(""), `return "r" %r`),
      graph(`%k = conv(%x, %w) ${pointwise} : ${last}`, ...row(ending("{0,2,3,1}")), `return "r" %r`),
    );
  });

  it("puts channels last in one and three spatial dimensions", () => {
    const text = (
      layouts: readonly string[],
    ) => `graph g(%x: input "x" f32[1,2,5], %z: input "z" f32[1,2,3,4,5],
        %w: parameter "w" f32[2,2,1], %u: parameter "u" f32[2,2,1,1,1]) {
      %a = conv(%x, %w) ${conv({ kernel: [1] })} : f32[1,2,5]${layouts[0]}
      %p = neg(%a) : f32[1,2,5]
      %b = conv(%z, %u) ${conv({ kernel: [1, 1, 1] })} : f32[1,2,3,4,5]${layouts[1]}
      %q = neg(%b) : f32[1,2,3,4,5]
      return "p" %p
      return "q" %q
    }`;
    expectRewrite(assignLayouts, text(["", ""]), text(["{0,2,1}", "{0,2,3,4,1}"]));
  });

  it("carries the layout through training-mode batch norm to its image, not to its statistics", () => {
    const statistics = "f32[4], f32[4]";
    const norm = (type: string) => `%n, %mu, %i = batch_norm_training(%k, %g, %g) ${training({ tracked: false })} : ${type}, ${statistics}`; // prettier-ignore
    const text = (layout: string) => `graph g(%x: input "x" f32[1,4,5,6], %w: parameter "w" f32[4,4,1,1], %g: parameter "g" f32[4]) {
      %k = conv(%x, %w) ${pointwise} : ${plain}${layout}
      ${norm(plain + layout)}
      %y = relu(%n) : ${plain}
      return "y" %y
      return "mu" %mu
    }`; // prettier-ignore
    expectRewrite(assignLayouts, text(""), text("{0,2,3,1}"));
  });

  it("converts an image that is returned and also goes on", () => {
    expectRewrite(
      assignLayouts,
      graph(`%k = conv(%x, %w) ${pointwise} : ${plain}`, `%s = sum(%k) {axes=[1], keepDims=false} : f32[1,5,6]`, `return "k" %k`, `return "s" %s`),
      graph(`%k = conv(%x, %w) ${pointwise} : ${last}`, `%s = sum(%k) {axes=[1], keepDims=false} : f32[1,5,6]`, `%r = relayout(%k) {layout=[0,1,2,3]} : ${plain}`, `return "k" %r`, `return "s" %s`),
    );
  }); // prettier-ignore

  it("gives both of two outputs that return one image the same conversion", () => {
    const { graph: after } = rewritten(
      assignLayouts,
      graph(`%k = conv(%x, %w) ${pointwise} : ${plain}`, `%s = neg(%k) : ${plain}`, `return "a" %k`, `return "b" %k`, `return "s" %s`),
    );
    const [a, b] = after.outputs;
    expect(a!.value).toBe(b!.value);
    expect(after.nodes[a!.value]).toMatchObject({ op: "relayout", operands: ["k"] });
  }); // prettier-ignore

  it.each<[string, readonly string[]]>([
    ["without convolutions", [`%a = relu(%x) : ${plain}`, `return "a" %a`]],
    ["on reductions, reshapes and permutes of images", [`%s = reshape(%x) {shape=[4,30]} : f32[4,30]`, "%p = permute(%s) {axes=[1,0]} : f32[30,4]", `return "p" %p`]],
  ])("does not fire %s", (_, lines) => {
    expect(expectUnchanged(assignLayouts, graph(...lines)).decisions).toEqual([]);
  }); // prettier-ignore
});
