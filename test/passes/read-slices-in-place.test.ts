import { describe, expect, it } from "vitest";
import { wasmTarget } from "../../src/codegen/target.ts";
import { buildExecutable, passOptions } from "../../src/compile.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { readSlicesInPlace } from "../../src/passes/read-slices-in-place.ts";
import { expectRewrite, expectUnchanged } from "./rewriting.ts";

const graph = (...lines: readonly string[]) => `graph g(%x: input "x" f32[4,6], %y: input "y" f32[3,4]) {\n${lines.join("\n")}\n}`; // prettier-ignore
const slice = (from = "x", more = "", step = "1,1") => `%s = slice(%${from}) {start=[0,3], size=[4,3], step=[${step}]${more}} : f32[4,3]`; // prettier-ignore
const read = "%r = softmax(%s) {axis=1} : f32[4,3]";
const returned = `return "r" %r`;

describe("read-slices-in-place", () => {
  it("marks a slice of an input that a kernel with loops of its own reads", () => {
    const record = expectRewrite(
      readSlicesInPlace,
      graph(slice(), read, returned),
      graph(slice("x", ", inPlace=true"), read, returned),
    );
    expect(record.decisions).toEqual(["%s: read in %x"]);
  });

  it("marks one that elementwise kernels read as well", () => {
    const more = ["%e = exp(%s) : f32[4,3]", `return "e" %e`];
    expectRewrite(
      readSlicesInPlace,
      graph(slice(), read, ...more, returned),
      graph(slice("x", ", inPlace=true"), read, ...more, returned),
    );
  });

  it("marks every half of what an elementwise kernel computes", () => {
    const e = "%e = exp(%x) : f32[4,6]";
    const other = (more: string) => `%t = slice(%e) {start=[0,0], size=[4,3], step=[1,1]${more}} : f32[4,3]`;
    const rest = ["%q = softmax(%t) {axis=1} : f32[4,3]", `return "q" %q`, returned];
    expectRewrite(
      readSlicesInPlace,
      graph(e, slice("e"), read, other(""), ...rest),
      graph(e, slice("e", ", inPlace=true"), read, other(", inPlace=true"), ...rest),
    );
  });

  it.each<[string, readonly string[]]>([
    ["only elementwise kernels read it: they read the whole themselves", [slice(), "%r = exp(%s) : f32[4,3]", returned]],
    ["it is returned", [slice(), read, returned, `return "s" %s`]],
    ["it is all that is read of what an elementwise kernel computes", ["%e = exp(%x) : f32[4,6]", slice("e"), read, returned]],
    ["neighbours in memory are none in the slice", ["%s = slice(%x) {start=[0,0], size=[4,3], step=[1,2]} : f32[4,3]", read, returned]],
    ["it runs backwards", ["%s = slice(%x) {start=[3,3], size=[4,3], step=[-1,1]} : f32[4,3]", read, returned]],
    ["a kernel that reads it wants it in one piece", [slice(), "%r = matmul(%s, %y) {packing=null} : f32[4,4]", returned]],
    ["a view of it would be a copy", [slice(), read, "%v = reshape(%s) {shape=[12]} : f32[12]", "%q = softmax(%v) {axis=0} : f32[12]", `return "q" %q`, returned]],
  ])("does not fire where %s", (_, lines) => {
    expectUnchanged(readSlicesInPlace, graph(...lines));
  }); // prettier-ignore

  it("does not fire where what it is cut from is replaced", () => {
    expectUnchanged(
      readSlicesInPlace,
      `graph g(%x: state "x" f32[4,6]) {
        ${slice()}
        %r = softmax(%s) {axis=1} : f32[4,3]
        %n = concat(%r, %r) {axis=1} : f32[4,6]
        return "x" %n updates %x
      }`,
    );
  });

  it("does not fire where more memory would be in use at once", () => {
    const { decisions } = expectUnchanged(
      readSlicesInPlace,
      `graph g(%x: input "x" f32[300]) {
        %a = softmax(%x) {axis=0} : f32[300]
        %s = slice(%a) {start=[0], size=[3], step=[1]} : f32[3]
        %b = softmax(%x) {axis=0} : f32[300]
        %c = softmax(%b) {axis=0} : f32[300]
        %d = softmax(%c) {axis=0} : f32[300]
        %m = reduce_max(%d) {axes=[0], keepDims=false} : f32[]
        %r = softmax(%s) {axis=0} : f32[3]
        return "m" %m
        return "r" %r
      }`,
    );
    expect(decisions).toEqual([expect.stringMatching(/^%s: \d+ bytes more would be live at once$/)]);
  });
});

describe("planning", () => {
  const build = (text: string) => buildExecutable(parseGraph(text), wasmTarget, passOptions({}));

  it("gives a slice that is read in place no kernel and no buffer", () => {
    const { executable } = build(graph(slice(), read, returned));
    expect(executable.run).toHaveLength(1);
    expect(executable.buffers.map(({ kind }) => kind).sort()).toEqual(["input", "input", "output"]);
  });

  it("ignores a mark that cannot be", () => {
    const { executable } = build(graph(slice("x", ", inPlace=true"), "%r = matmul(%s, %y) {packing=null} : f32[4,4]", returned)); // prettier-ignore
    expect(executable.run).toHaveLength(2);
  });

  it("copies a slice of what the run replaces", () => {
    const { executable } = build(`graph g(%x: state "x" f32[4,6]) {
      ${slice("x", ", inPlace=true")}
      %r = softmax(%s) {axis=1} : f32[4,3]
      %n = concat(%r, %r) {axis=1} : f32[4,6]
      return "x" %n updates %x
    }`);
    expect(executable.kernels.map(({ name }) => name.replace(/^k\d+_/, ""))).toContain("slice_f32");
  });
});
