import { describe, expect, it } from "vitest";
import { fuseConvBatchNormRelu } from "../../src/passes/fuse-conv-batch-norm-relu.ts";
import { conv, training } from "./attributes.ts";
import { expectRewrite, expectUnchanged, fewBuffers, gpuTarget, rewritten } from "./rewriting.ts";

const pointwise = conv({ kernel: [1, 1] });
const image = "f32[2,3,4,5]";
const inputs = `%x: input "x" f32[2,2,4,5], %w: parameter "w" f32[3,2,1,1], %u: parameter "u" f32[3,3,1,1], %t: prepared "t" f32[3],
  %t2: prepared "t2" f32[3,1,1], %res: input "r" ${image}, %q: input "q" f32[2,1,4,5]`;
const graph = (...lines: readonly string[]) => `graph g(${inputs}) {\n${lines.join("\n")}\n}`;
const convolution = `%k = conv(%x, %w) ${pointwise} : ${image} @"conv"`;

/** Ops at the top, and those in each fusion's body, in order. */
function fused(lines: readonly string[], options = {}) {
  const { graph: after, record } = rewritten(fuseConvBatchNormRelu, graph(...lines), options);
  const nodes = Object.values(after.nodes);
  return {
    top: nodes.map((node) => node.op),
    bodies: nodes.flatMap((node) =>
      node.op === "fusion" ? [Object.values(node.attributes.body.nodes).map((inner) => inner.op)] : [],
    ),
    decisions: record.decisions,
  };
}

describe("fuse-conv-batch-norm-relu", () => {
  it("computes shift and activation in the convolution's kernel", () => {
    const chain = [`%s = reshape(%t) {shape=[3,1,1]} : f32[3,1,1]`, convolution, `%a = add(%k, %s) : ${image}`, `%y = relu(%a) : ${image}`];
    const record = expectRewrite(
      fuseConvBatchNormRelu,
      graph(...chain, `return "y" %y`),
      graph(
        `%y = fusion(%x, %w, %t) {body=graph body(%x: input "x" f32[2,2,4,5], %w: input "w" f32[3,2,1,1], %t: input "t" f32[3]) {
          ${chain.join("\n")}
          return "y" %y
        }} : ${image} @"conv"`,
        `return "y" %y`,
      ),
    );
    expect(record.decisions).toEqual(["conv: conv + add + relu"]);
    expect(record.patches.map(({ op, path }) => `${op} ${path[1]}`).sort()).toEqual(["remove a", "remove k", "remove s", "replace y"]);
  }); // prettier-ignore

  it("adds a residual and what follows it", () => {
    const { top, bodies } = fused([convolution, `%a = add(%k, %t2) : ${image}`, `%b = add(%a, %res) : ${image}`, `%y = relu(%b) : ${image}`, `return "y" %y`]);
    expect(top).toEqual(["fusion"]);
    expect(bodies).toEqual([["conv", "add", "add", "relu"]]);
  }); // prettier-ignore

  it("takes a residual that broadcasts to the result's shape", () => {
    expect(fused([convolution, `%y = add(%k, %q) : ${image}`, `return "y" %y`]).top).toEqual(["fusion"]);
  });

  it("takes a product of the result with itself", () => {
    expect(fused([convolution, `%y = mul(%k, %k) : ${image}`, `return "y" %y`]).bodies).toEqual([
      ["conv", "mul"],
    ]);
  });

  it("of two convolutions that a residual joins, the later one takes the addition", () => {
    const second = `%k2 = conv(%k, %u) ${pointwise} : ${image} @"second"`;
    const { top, decisions } = fused([convolution, second, `%p = conv(%x, %w) ${pointwise} : ${image} @"shortcut"`, `%y = add(%k2, %p) : ${image}`, `return "y" %y`]);
    expect(top.sort()).toEqual(["conv", "conv", "fusion"]);
    expect(decisions).toEqual(["shortcut: conv + add"]);
  }); // prettier-ignore

  it.each<[string, string, string]>([
    ["matrix products", "matmul(%res, %res2) {packing=null}", "f32[2,3,4,4]"],
    ["softmax", "softmax(%res) {axis=1}", image],
    ["max pooling", `max_pool(%res) {stride=[1,1], padding=[[0,0],[0,0]], dilation=[1,1], kernel=[2,2], ceilMode=false}`, "f32[2,3,3,4]"],
    ["reductions", "mean(%res) {axes=[2,3], keepDims=true}", "f32[2,3,1,1]"],
  ])("continues after %s", (_, node, type) => {
    const { bodies } = fused([`%res2 = permute(%res) {axes=[0,1,3,2]} : f32[2,3,5,4]`, `%a = ${node} : ${type}`, `%y = relu(%a) : ${type}`, `return "y" %y`]);
    expect(bodies).toEqual([[node.slice(0, node.indexOf("(")), "relu"]]);
  }); // prettier-ignore

  it("continues after the image of a training-mode batch norm, whose new state it also returns", () => {
    const norm = `%n, %mu, %i, %m1, %v1, %c1 = batch_norm_training(%x, %g, %g, %m, %v, %c) ${training({ lowering: "fused" })} : f32[2,3], f32[3], f32[3], f32[3], f32[3], i32[]`;
    const text = (...lines: readonly string[]) =>
      `graph g(%x: input "x" f32[2,3], %g: parameter "g" f32[3], %m: state "mean" f32[3], %v: state "var" f32[3], %c: state "count" i32[]) {
        ${lines.join("\n")}
        return "y" %y
        return "mean" %m1 updates %m
        return "var" %v1 updates %v
        return "count" %c1 updates %c
      }`;
    expectRewrite(
      fuseConvBatchNormRelu,
      text(norm, "%y = relu(%n) : f32[2,3]"),
      text(
        `%m1, %v1, %c1, %y = fusion(%x, %g, %m, %v, %c) {body=graph body(%x: input "x" f32[2,3], %g: input "g" f32[3],
          %m: input "m" f32[3], %v: input "v" f32[3], %c: input "c" i32[]) {
          ${norm}
          %y = relu(%n) : f32[2,3]
          return "m1" %m1
          return "v1" %v1
          return "c1" %c1
          return "y" %y
        }} : f32[3], f32[3], i32[], f32[2,3]`,
      ),
    );
  }); // prettier-ignore

  it("computes what comes before a reduction in the reduction's kernel", () => {
    const { bodies } = fused([`%a = sub(%res, %q) : ${image}`, `%b = mul(%a, %a) : ${image}`, `%y = sum(%b) {axes=[1], keepDims=false} : f32[2,4,5]`, `return "y" %y`]);
    expect(bodies).toEqual([["sub", "mul", "sum"]]);
  }); // prettier-ignore
});

describe("fuse-conv-batch-norm-relu stops", () => {
  it.each<[string, readonly string[]]>([
    ["where something else reads the convolution's result", [convolution, `%y = relu(%k) : ${image}`, `%z = exp(%k) : ${image}`, `return "y" %y`, `return "z" %z`]],
    ["where the convolution's result is returned", [convolution, `%y = relu(%k) : ${image}`, `return "y" %y`, `return "k" %k`]],
    ["where the next operation is not elementwise", [convolution, `%y = permute(%k) {axes=[0,2,3,1]} : f32[2,4,5,3]`, `return "y" %y`]],
    ["where the next operation broadcasts the result", [`%k = conv(%x, %u1) ${pointwise} : f32[2,1,4,5]`, `%y = add(%k, %res) : ${image}`, `return "y" %y`]],
    ["where there is nothing to fuse", [convolution, `return "k" %k`]],
  ])("%s", (_, lines) => {
    const text = graph(...lines).replace(`%q: input`, `%u1: parameter "u1" f32[1,2,1,1], %q: input`);
    expect(expectUnchanged(fuseConvBatchNormRelu, text).decisions).toEqual([]);
  }); // prettier-ignore

  it("before softmax, which would compute its prologue three times", () => {
    expectUnchanged(fuseConvBatchNormRelu, graph(`%a = exp(%res) : ${image}`, `%y = softmax(%a) {axis=1} : ${image}`, `return "y" %y`)); // prettier-ignore
  });

  it("before a reduction that would compute a smaller, broadcast value again and again", () => {
    const { bodies } = fused([`%a = exp(%q) : f32[2,1,4,5]`, `%b = mul(%res, %a) : ${image}`, `%y = sum(%b) {axes=[1], keepDims=false} : f32[2,4,5]`, `return "y" %y`]);
    expect(bodies).toEqual([["mul", "sum"]]);
  }); // prettier-ignore

  it("before a reduction whose operand something else reads", () => {
    const text = graph(`%a = exp(%res) : ${image}`, `%y = sum(%a) {axes=[1], keepDims=false} : f32[2,4,5]`, `return "y" %y`, `return "a" %a`); // prettier-ignore
    expectUnchanged(fuseConvBatchNormRelu, text);
  });

  it("where the kernel would bind more buffers than the target allows, and says so", () => {
    const lines = [convolution, `%a = add(%k, %t2) : ${image}`, `%b = add(%a, %res) : ${image}`, `%y = relu(%b) : ${image}`, `return "y" %y`];
    const { top, bodies, decisions } = fused(lines, { target: fewBuffers });
    expect(top.sort()).toEqual(["add", "fusion", "relu"]);
    expect(bodies).toEqual([["conv", "add"]]);
    expect(decisions).toEqual(["conv: add left out: 5 storage buffers, the target allows 4", "conv: conv + add"]);
    expect(fused(lines, { target: gpuTarget }).bodies).toEqual([["conv", "add", "add", "relu"]]);
  }); // prettier-ignore

  it("where the other operand depends on another result of the same node", () => {
    const text = `graph g(%x: input "x" f32[4,3], %g: parameter "g" f32[3]) {
      %n, %mu, %i = batch_norm_training(%x, %g, %g) ${training({ tracked: false })} : f32[4,3], f32[3], f32[3]
      %e = exp(%mu) : f32[3]
      %y = add(%n, %e) : f32[4,3]
      return "y" %y
    }`;
    expectUnchanged(fuseConvBatchNormRelu, text);
  });
});
