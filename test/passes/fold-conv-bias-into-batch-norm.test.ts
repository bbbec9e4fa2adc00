import { describe, expect, it } from "vitest";
import { foldConvBiasIntoBatchNorm } from "../../src/passes/fold-conv-bias-into-batch-norm.ts";
import { conv, training } from "./attributes.ts";
import { expectRewrite, expectUnchanged, rewritten } from "./rewriting.ts";

const pointwise = conv({ kernel: [1, 1] });
const image = "f32[2,3,4,5]";
const header = `graph g(%x: input "x" f32[2,2,4,5], %w: parameter "w" f32[3,2,1,1], %c: parameter "c" f32[3], %s: input "s" f32[4,1],
  %m: state "mean" f32[3], %v: state "var" f32[3], %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3], %n: state "count" i32[]) {`;
const graph = (...lines: readonly string[]) => `${header}\n${lines.join("\n")}\n}`;

const convolution = `%k = conv(%x, %w) ${pointwise} : ${image} @"conv"`;
const spreadBias = `%cs = reshape(%c) {shape=[3,1,1]} : f32[3,1,1]`;
const biased = `%a = add(%k, %cs) : ${image}`;
const norm = (x: string, mean = "%m") =>
  `%y = batch_norm(${x}, ${mean}, %v, %g, %b) {eps=1e-5} : ${image} @"bn"`;
const trainingTypes = `: ${image}, f32[3], f32[3], f32[3], f32[3], i32[] @"bn"`;
const updates = `return "y" %y\nreturn "mean" %m1 updates %m\nreturn "var" %v1 updates %v\nreturn "count" %n1 updates %n`;

describe("fold-conv-bias-into-batch-norm at inference", () => {
  it("bn(conv + b, μ, …) = bn(conv, μ − b, …)", () => {
    const record = expectRewrite(
      foldConvBiasIntoBatchNorm,
      graph(convolution, spreadBias, biased, norm("%a"), `return "y" %y`),
      graph(convolution, `%d = sub(%m, %c) : f32[3] @"bn"`, norm("%k", "%d"), `return "y" %y`),
    );
    expect(record.decisions).toEqual(["bn: bias subtracted from the running mean"]);
  }); // prettier-ignore

  it("takes the bias from either side of the addition", () => {
    const { graph: after } = rewritten(
      foldConvBiasIntoBatchNorm,
      graph(convolution, spreadBias, `%a = add(%cs, %k) : ${image}`, norm("%a"), `return "y" %y`),
    );
    expect(Object.values(after.nodes).map((node) => node.op)).not.toContain("add");
  });

  it("takes a linear layer's bias as it is", () => {
    const linear = (...lines: readonly string[]) =>
      `graph g(%x: input "x" f32[5,2], %w: parameter "w" f32[2,3], %c: parameter "c" f32[3], %m: state "mean" f32[3],
        %v: state "var" f32[3], %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3]) {\n${lines.join("\n")}\nreturn "y" %y\n}`;
    expectRewrite(
      foldConvBiasIntoBatchNorm,
      linear(
        "%k = matmul(%x, %w) {packing=null} : f32[5,3]",
        "%a = add(%k, %c) : f32[5,3]",
        "%y = batch_norm(%a, %m, %v, %g, %b) {eps=0.1} : f32[5,3]",
      ),
      linear(
        "%k = matmul(%x, %w) {packing=null} : f32[5,3]",
        "%d = sub(%m, %c) : f32[3]",
        "%y = batch_norm(%k, %d, %v, %g, %b) {eps=0.1} : f32[5,3]",
      ),
    );
  });

  it("reshapes a bias that is no vector", () => {
    const text = (...lines: readonly string[]) => graph(...lines).replace("%c: parameter \"c\" f32[3]", "%c: parameter \"c\" f32[1,3,1,1]"); // prettier-ignore
    expectRewrite(
      foldConvBiasIntoBatchNorm,
      text(convolution, `%a = add(%k, %c) : ${image}`, norm("%a"), `return "y" %y`),
      text(convolution, `%cv = reshape(%c) {shape=[3]} : f32[3] @"bn"`, `%d = sub(%m, %cv) : f32[3] @"bn"`, norm("%k", "%d"), `return "y" %y`),
    );
  }); // prettier-ignore

  it("names the nodes it changed", () => {
    const { record } = rewritten(
      foldConvBiasIntoBatchNorm,
      graph(convolution, spreadBias, biased, norm("%a"), `return "y" %y`),
    );
    const patches = record.patches.map(({ op, path }) => `${op} ${path.slice(0, 2).join("/")}`).sort();
    expect(patches).toEqual(["add nodes/r0", "remove nodes/a", "remove nodes/cs", "replace nodes/y"]);
  });
});

describe("fold-conv-bias-into-batch-norm in training", () => {
  const before = graph(
    convolution,
    spreadBias,
    biased,
    `%y, %mu, %i, %m1, %v1, %n1 = batch_norm_training(%a, %g, %b, %m, %v, %n) ${training()} ${trainingTypes}`,
    updates,
  );

  it("drops the bias, which the batch mean cancels, and keeps it in the running mean", () => {
    const record = expectRewrite(
      foldConvBiasIntoBatchNorm,
      before,
      graph(
        convolution,
        `%y, %mu, %i, %m1, %v1, %n1 = batch_norm_training(%k, %g, %b, %m, %v, %n, %c) ${training({ meanOffset: true })} ${trainingTypes}`,
        updates,
      ),
    );
    expect(record.decisions).toEqual(["bn: bias dropped (the batch mean cancels it) and kept in the running mean"]); // prettier-ignore
  });

  it("drops the bias for good where no running mean is kept", () => {
    const untracked = (x: string) =>
      `%y, %mu, %i = batch_norm_training(${x}, %g, %b) ${training({ tracked: false })} : ${image}, f32[3], f32[3] @"bn"`;
    const record = expectRewrite(
      foldConvBiasIntoBatchNorm,
      graph(convolution, spreadBias, biased, untracked("%a"), `return "y" %y`),
      graph(convolution, untracked("%k"), `return "y" %y`),
    );
    expect(record.decisions).toEqual(["bn: bias dropped: the batch mean cancels it"]);
  });
});

describe("fold-conv-bias-into-batch-norm does not fire", () => {
  it.each([
    ["without an addition", [convolution, norm("%k"), `return "y" %y`]],
    ["when the biased sum is used twice", [convolution, spreadBias, biased, norm("%a"), `%z = relu(%a) : ${image}`, `return "y" %y`, `return "z" %z`]],
    ["when the biased sum is returned", [convolution, spreadBias, biased, norm("%a"), `return "y" %y`, `return "a" %a`]],
    ["when the sum has no convolution", [spreadBias, `%k = exp(%x) : f32[2,2,4,5]`, `%p = concat(%k, %k) {axis=1} : f32[2,4,4,5]`, `%q = slice(%p) {start=[0,0,0,0], size=[2,3,4,5], step=[1,1,1,1]} : ${image}`, `%a = add(%q, %cs) : ${image}`, norm("%a"), `return "y" %y`]],
    ["when the other operand is one value per row", [convolution, `%a = add(%k, %s) : ${image}`, norm("%a"), `return "y" %y`]],
    ["when the other operand is a whole image (a residual)", [convolution, `%e = exp(%k) : ${image}`, `%a = add(%k, %e) : ${image}`, norm("%a"), `return "y" %y`]],
  ])("%s", (_, lines) => {
    expect(expectUnchanged(foldConvBiasIntoBatchNorm, graph(...lines)).decisions).toEqual([]);
  }); // prettier-ignore

  it("when the bias spans the last axis, although it has as many elements as there are channels", () => {
    const square = "f32[2,3,3,3]";
    expectUnchanged(
      foldConvBiasIntoBatchNorm,
      `graph g(%x: input "x" f32[2,2,3,3], %w: parameter "w" f32[3,2,1,1], %c: parameter "c" f32[3], %m: state "mean" f32[3],
        %v: state "var" f32[3], %g: parameter "gamma" f32[3], %b: parameter "beta" f32[3]) {
        %k = conv(%x, %w) ${pointwise} : ${square}
        %a = add(%k, %c) : ${square}
        %y = batch_norm(%a, %m, %v, %g, %b) {eps=1e-5} : ${square}
        return "y" %y
      }`,
    );
  });

  it("when the batch norm has a mean offset already", () => {
    expectUnchanged(
      foldConvBiasIntoBatchNorm,
      graph(convolution, spreadBias, biased,
        `%y, %mu, %i, %m1, %v1, %n1 = batch_norm_training(%a, %g, %b, %m, %v, %n, %c) ${training({ meanOffset: true })} ${trainingTypes}`,
        updates),
    );
  }); // prettier-ignore

  it("when the batch's own mean is used, which the bias shifts", () => {
    expectUnchanged(
      foldConvBiasIntoBatchNorm,
      graph(convolution, spreadBias, biased,
        `%y, %mu, %i = batch_norm_training(%a, %g, %b) ${training({ tracked: false })} : ${image}, f32[3], f32[3]`,
        `return "y" %y`, `return "mean" %mu`),
    );
  }); // prettier-ignore
});
