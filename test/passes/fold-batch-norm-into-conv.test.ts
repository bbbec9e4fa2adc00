import { describe, expect, it } from "vitest";
import { foldBatchNormIntoConv } from "../../src/passes/fold-batch-norm-into-conv.ts";
import { conv } from "./attributes.ts";
import { expectRewrite, expectUnchanged, rewritten } from "./rewriting.ts";

const pointwise = conv({ kernel: [1, 1] });
const image = "f32[2,3,4,5]";
const header = `graph g(%x: input "x" f32[2,2,4,5], %w: parameter "w" f32[3,2,1,1], %dw: input "dw" f32[3,2,1,1],
  %m: state "mean" f32[3], %v: state "var" f32[3], %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3], %im: input "input_mean" f32[3]) {`;
const graph = (...lines: readonly string[]) => `${header}\n${lines.join("\n")}\n}`;
const convolution = `%k = conv(%x, %w) ${pointwise} : ${image} @"conv"`;
const norm = (x: string, id = "y", mean = "%m") =>
  `%${id} = batch_norm(${x}, ${mean}, %v, %g, %b) {eps=1e-5} : ${image} @"bn"`;
/** s = γ / sqrt(σ² + ε), t = β − μ·s */
const scaleAndShift = `
  %e = constant() {value=dense f32[] [0.000009999999747378752]} : f32[]
  %ve = add(%v, %e) : f32[3] @"bn"
  %i = rsqrt(%ve) : f32[3] @"bn"
  %s = mul(%g, %i) : f32[3] @"bn"
  %ms = mul(%m, %s) : f32[3] @"bn"
  %t = sub(%b, %ms) : f32[3] @"bn"`;

describe("fold-batch-norm-into-conv", () => {
  it("bn(conv(x, w)) = conv(x, w·s) + t", () => {
    const record = expectRewrite(
      foldBatchNormIntoConv,
      graph(convolution, norm("%k"), `return "y" %y`),
      graph(
        scaleAndShift,
        `%so = reshape(%s) {shape=[3,1,1,1]} : f32[3,1,1,1] @"bn"`,
        `%ws = mul(%w, %so) : f32[3,2,1,1] @"bn"`,
        `%k = conv(%x, %ws) ${pointwise} : ${image} @"conv"`,
        `%ts = reshape(%t) {shape=[3,1,1]} : f32[3,1,1] @"bn"`,
        `%y = add(%k, %ts) : ${image} @"bn"`,
        `return "y" %y`,
      ),
    );
    expect(record.decisions).toEqual(["bn: folded into conv"]);
    const removed = record.patches.flatMap(({ op, path }) => (op === "remove" ? [path.join("/")] : []));
    expect(removed.sort()).toEqual(["nodes/k", "nodes/y"]);
  });

  it("scales the columns of a linear layer's matrix (BatchNorm1d)", () => {
    const linear = (...lines: readonly string[]) =>
      `graph g(%x: input "x" f32[5,2], %w: parameter "w" f32[2,3], %m: state "mean" f32[3], %v: state "var" f32[3],
        %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3]) {\n${lines.join("\n")}\nreturn "y" %y\n}`;
    expectRewrite(
      foldBatchNormIntoConv,
      linear(
        "%k = matmul(%x, %w) {packing=null} : f32[5,3]",
        `%y = batch_norm(%k, %m, %v, %g, %b) {eps=1e-5} : f32[5,3] @"bn"`,
      ),
      linear(
        scaleAndShift,
        `%ws = mul(%w, %s) : f32[2,3] @"bn"`,
        "%k = matmul(%x, %ws) {packing=null} : f32[5,3]",
        `%y = add(%k, %t) : f32[5,3] @"bn"`,
      ),
    );
  });

  it.each([
    ["grouped", "f32[1,4,3,3]", "f32[6,2,1,1]", "f32[1,6,3,3]", conv({ kernel: [1, 1], groups: 2 })],
    ["depthwise", "f32[1,4,3,3]", "f32[4,1,3,3]", "f32[1,4,1,1]", conv({ kernel: [3, 3], groups: 4 })],
    ["one-dimensional", "f32[2,3,7]", "f32[4,3,2]", "f32[2,4,6]", conv({ kernel: [2] })],
    ["three-dimensional", "f32[1,2,3,4,5]", "f32[3,2,1,1,1]", "f32[1,3,3,4,5]", conv({ kernel: [1, 1, 1] })],
  ])("folds into a %s convolution: scales go by output channel", (_, x, w, y, attributes) => {
    const channels = `f32[${y.split(",")[1]}]`;
    const { graph: after } = rewritten(
      foldBatchNormIntoConv,
      `graph g(%x: input "x" ${x}, %w: parameter "w" ${w}, %m: state "mean" ${channels}, %v: state "var" ${channels},
        %g: parameter "gamma" ${channels}, %b: parameter "beta" ${channels}) {
        %k = conv(%x, %w) ${attributes} : ${y}
        %y = batch_norm(%k, %m, %v, %g, %b) {eps=1e-3} : ${y}
        return "y" %y
      }`,
    );
    const ops = Object.values(after.nodes).map((node) => node.op);
    expect(ops).toContain("conv");
    expect(ops).not.toContain("batch_norm");
  });

  it("folds where the mean was just shifted by a bias", () => {
    const { graph: after } = rewritten(
      foldBatchNormIntoConv,
      graph(convolution, "%d = sub(%m, %b) : f32[3]", norm("%k", "y", "%d"), `return "y" %y`),
    );
    expect(Object.values(after.nodes).map((node) => node.op)).not.toContain("batch_norm");
  });

  it("folds the first of two batch norms in a row", () => {
    const { graph: after } = rewritten(
      foldBatchNormIntoConv,
      graph(convolution, norm("%k", "y"), norm("%y", "z"), `return "z" %z`),
    );
    expect(Object.values(after.nodes).filter((node) => node.op === "batch_norm")).toHaveLength(1);
  });
});

describe("fold-batch-norm-into-conv does not fire", () => {
  const twice = "bn: kept: the convolution's own result is used elsewhere, too";
  const inTheRun = "bn: kept: its weights or statistics are computed in the run";
  it.each([
    ["when the convolution's result is used twice", [convolution, norm("%k"), `%z = relu(%k) : ${image}`, `return "y" %y`, `return "z" %z`], [twice]],
    ["when the convolution's result is returned", [convolution, norm("%k"), `return "y" %y`, `return "k" %k`], [twice]],
    ["when two batch norms share one convolution", [convolution, norm("%k", "y"), norm("%k", "z"), `return "y" %y`, `return "z" %z`], [twice, twice]],
    ["when the weights are an input of the run", [`%k = conv(%x, %dw) ${pointwise} : ${image}`, norm("%k"), `return "y" %y`], [inTheRun]],
    ["when the statistics are an input of the run", [convolution, norm("%k", "y", "%im"), `return "y" %y`], [inTheRun]],
    ["when the statistics change in the run", [convolution, norm("%k"), "%m1 = add(%m, %im) : f32[3]", `return "y" %y`, `return "m" %m1 updates %m`], [inTheRun]],
    ["when an activation is between the two", [convolution, `%r = relu(%k) : ${image}`, norm("%r"), `return "y" %y`], []],
    ["when there is no convolution", [`%k = concat(%x, %x) {axis=1} : f32[2,4,4,5]`, `%q = slice(%k) {start=[0,0,0,0], size=[2,3,4,5], step=[1,1,1,1]} : ${image}`, norm("%q"), `return "y" %y`], []],
  ])("%s", (_, lines, decisions) => {
    expect(expectUnchanged(foldBatchNormIntoConv, graph(...lines)).decisions).toEqual(decisions);
  }); // prettier-ignore

  it("on packed weights, whose output channels are no longer one axis", () => {
    expectUnchanged(
      foldBatchNormIntoConv,
      `graph g(%x: input "x" f32[1,2,3,3], %w: parameter "w" f32[1,1,1,2,4], %m: state "mean" f32[3], %v: state "var" f32[3],
        %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3]) {
        %k = conv(%x, %w) ${conv({ kernel: [1, 1], packing: "{block=4, columns=3}" })} : f32[1,3,3,3]
        %y = batch_norm(%k, %m, %v, %g, %b) {eps=1e-5} : f32[1,3,3,3]
        return "y" %y
      }`,
    );
  });

  it("on a batch of matrix products: their channels are not columns", () => {
    expectUnchanged(
      foldBatchNormIntoConv,
      `graph g(%x: input "x" f32[2,3,4], %w: parameter "w" f32[4,3], %m: state "mean" f32[3], %v: state "var" f32[3],
        %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3]) {
        %k = matmul(%x, %w) {packing=null} : f32[2,3,3]
        %y = batch_norm(%k, %m, %v, %g, %b) {eps=1e-5} : f32[2,3,3]
        return "y" %y
      }`,
    );
  });
});
