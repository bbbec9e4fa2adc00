import { describe, expect, it } from "vitest";
import { fuseElementwise } from "../../src/passes/fuse-elementwise.ts";
import { expectRewrite, expectUnchanged, fewBuffers, rewritten } from "./rewriting.ts";

const inputs = `%a: input "a" f32[2,3], %b: input "b" f32[3,2], %v: input "v" f32[3], %w: input "w" f32[2,3]`;
const graph = (...lines: readonly string[]) => `graph g(${inputs}) {\n${lines.join("\n")}\n}`;

function fused(text: string, options = {}) {
  const { graph: after, record } = rewritten(fuseElementwise, text, options);
  const nodes = Object.values(after.nodes);
  const top = nodes.map((node) =>
    node.op === "fusion" ? Object.values(node.attributes.body.nodes).map((inner) => inner.op).join("+") : node.op); // prettier-ignore
  return { top, decisions: record.decisions };
}

describe("fuse-elementwise", () => {
  it("joins a chain of elementwise and moving operations", () => {
    const chain = ["%e = exp(%a) : f32[2,3]", "%p = permute(%e) {axes=[1,0]} : f32[3,2]", "%y = add(%p, %b) : f32[3,2]"]; // prettier-ignore
    const record = expectRewrite(
      fuseElementwise,
      graph(...chain, `return "y" %y`),
      graph(
        `%y = fusion(%a, %b) {body=graph body(%a: input "a" f32[2,3], %b: input "b" f32[3,2]) {
          ${chain.join("\n")}
          return "y" %y
        }} : f32[3,2]`,
        `return "y" %y`,
      ),
    );
    expect(record.decisions).toEqual(["%y: exp + permute + add"]);
    expect(record.patches.map(({ op, path }) => `${op} ${path[1]}`).sort()).toEqual([
      "remove e",
      "remove p",
      "replace y",
    ]);
  });

  it("puts constants of one element into the kernel, and reads others", () => {
    const number = "%c = constant() {value=dense f32[] [2]} : f32[]";
    const vector = "%d = constant() {value=dense f32[3] [1,2,3]} : f32[3]";
    const chain = ["%m = mul(%a, %c) : f32[2,3]", "%y = add(%m, %d) : f32[2,3]"];
    expectRewrite(
      fuseElementwise,
      graph(number, vector, ...chain, `return "y" %y`),
      graph(
        vector,
        `%y = fusion(%a, %d) {body=graph body(%a: input "a" f32[2,3], %d: input "d" f32[3]) {
          ${number}
          ${chain.join("\n")}
          return "y" %y
        }} : f32[2,3]`,
        number,
        `return "y" %y`,
      ),
    );
  });

  it("joins a value that several members read, once all of them are in", () => {
    const { top } = fused(graph("%e = exp(%a) : f32[2,3]", "%n = neg(%e) : f32[2,3]", "%s = sqrt(%e) : f32[2,3]", "%y = mul(%n, %s) : f32[2,3]", `return "y" %y`)); // prettier-ignore
    expect(top).toEqual(["exp+neg+sqrt+mul"]);
  });

  it("takes views of small values in: they cost nothing", () => {
    const { top } = fused(graph("%r = reshape(%v) {shape=[1,3]} : f32[1,3]", "%y = mul(%a, %r) : f32[2,3]", `return "y" %y`)); // prettier-ignore
    expect(top).toEqual(["reshape+mul"]);
  });

  it("makes two kernels where two values are returned", () => {
    const { top } = fused(graph("%e = exp(%a) : f32[2,3]", "%f = neg(%e) : f32[2,3]", "%y = sqrt(%f) : f32[2,3]", "%z = abs(%y) : f32[2,3]", `return "f" %f`, `return "z" %z`)); // prettier-ignore
    expect(top.sort()).toEqual(["exp+neg", "sqrt+abs"]);
  });

  it("makes kernels of no more operations than a limit", () => {
    const lines = Array.from({ length: 60 }, (_, i) => `%n${i + 1} = neg(%${i === 0 ? "a" : `n${i}`}) : f32[2,3]`); // prettier-ignore
    const { top } = fused(graph(...lines, `return "y" %n60`));
    expect(top.map((ops) => ops.split("+").length).sort()).toEqual([12, 48]);
  });
});

describe("fuse-elementwise does not fire", () => {
  it.each<[string, readonly string[]]>([
    ["when there is one operation", ["%y = exp(%a) : f32[2,3]", `return "y" %y`]],
    ["when the value between is returned", ["%e = exp(%a) : f32[2,3]", "%y = neg(%e) : f32[2,3]", `return "y" %y`, `return "e" %e`]],
    ["when another kernel reads the value between", ["%e = exp(%a) : f32[2,3]", "%y = neg(%e) : f32[2,3]", "%s = sum(%e) {axes=[0], keepDims=false} : f32[3]", `return "y" %y`, `return "s" %s`]],
    ["when a small value would be computed for every element that it is broadcast to", ["%e = exp(%v) : f32[3]", "%y = mul(%a, %e) : f32[2,3]", `return "y" %y`]],
    ["on views of views, which need no kernel at all", ["%r = reshape(%a) {shape=[6]} : f32[6]", "%y = reshape(%r) {shape=[3,2]} : f32[3,2]", `return "y" %y`]],
    ["across a reduction", ["%e = exp(%a) : f32[2,3]", "%s = sum(%e) {axes=[0], keepDims=false} : f32[3]", "%y = neg(%s) : f32[3]", `return "y" %y`]],
  ])("%s", (_, lines) => {
    expect(expectUnchanged(fuseElementwise, graph(...lines)).decisions).toEqual([]);
  }); // prettier-ignore

  it("beyond the storage buffers of the target", () => {
    // y reads a, v, w and e: with its result five buffers; b and c would be six.
    const text = graph("%e = mul(%a, %w) : f32[2,3]", "%f = add(%e, %v) : f32[2,3]", "%g = permute(%b) {axes=[1,0]} : f32[2,3]", "%y = sub(%f, %g) : f32[2,3]", `return "y" %y`); // prettier-ignore
    const wide = fused(text);
    expect(wide.top).toEqual(["mul+add+permute+sub"]);
    const { top } = fused(text, { target: fewBuffers });
    expect(top.length).toBeGreaterThan(1);
    const { graph: after } = rewritten(fuseElementwise, text, { target: fewBuffers });
    for (const node of Object.values(after.nodes)) expect(node.operands.length + node.results.length).toBeLessThanOrEqual(4); // prettier-ignore
  });
});
