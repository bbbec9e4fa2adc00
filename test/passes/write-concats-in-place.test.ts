import { describe, expect, it } from "vitest";
import { wasmTarget } from "../../src/codegen/target.ts";
import { buildExecutable, passOptions } from "../../src/compile.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { writeConcatsInPlace } from "../../src/passes/write-concats-in-place.ts";
import { graphOf, networks } from "./networks.ts";
import { expectRewrite, expectUnchanged, fewBuffers } from "./rewriting.ts";

const inputs = `%x: input "x" f32[2,3], %y: input "y" f32[2,4]`;
const graph = (...lines: readonly string[]) => `graph g(${inputs}) {\n${lines.join("\n")}\n}`;
const a = "%a = softmax(%x) {axis=1} : f32[2,3]";
const b = "%b = softmax(%y) {axis=1} : f32[2,4]";
const joined = (attributes = "axis=1") => `%c = concat(%a, %b) {${attributes}} : f32[2,7]`;
const read = "%r = softmax(%c) {axis=1} : f32[2,7]";

describe("write-concats-in-place", () => {
  it("marks a concatenation of what kernels make", () => {
    const record = expectRewrite(
      writeConcatsInPlace,
      graph(a, b, joined(), read, `return "r" %r`),
      graph(a, b, joined("axis=1, inPlace=true"), read, `return "r" %r`),
    );
    expect(record.decisions).toEqual(["%c: 2 values in place"]);
  });

  it("marks one that is returned", () => {
    expectRewrite(
      writeConcatsInPlace,
      graph(a, b, joined(), `return "c" %c`),
      graph(a, b, joined("axis=1, inPlace=true"), `return "c" %c`),
    );
  });

  it("marks one with an operand that its kernel would have computed: that needs a kernel instead", () => {
    const e = "%b = exp(%y) : f32[2,4]";
    expectRewrite(
      writeConcatsInPlace,
      graph(a, e, joined(), read, `return "r" %r`),
      graph(a, e, joined("axis=1, inPlace=true"), read, `return "r" %r`),
    );
  });

  it("marks growing prefixes, and concatenations of concatenations", () => {
    const lines = (mark: string) => [
      a,
      b,
      `%c = concat(%a, %b) {axis=1${mark}} : f32[2,7]`,
      "%p = softmax(%c) {axis=1} : f32[2,7]",
      `%d = concat(%a, %b, %p) {axis=1${mark}} : f32[2,14]`,
      "%q = softmax(%d) {axis=1} : f32[2,14]",
      `%e = concat(%d, %q) {axis=1${mark}} : f32[2,28]`,
      `return "e" %e`,
    ];
    expectRewrite(writeConcatsInPlace, graph(...lines("")), graph(...lines(", inPlace=true")));
  });

  it.each<[string, readonly string[]]>([
    ["an operand is an input", [a, "%c = concat(%a, %y) {axis=1} : f32[2,7]", read, `return "r" %r`]],
    ["an operand is a constant", [a, "%k = constant() {value=dense f32[2,1] [1,2]} : f32[2,1]", "%c = concat(%a, %k) {axis=1} : f32[2,4]", `return "c" %c`]],
    ["an operand is there twice", [a, "%c = concat(%a, %a) {axis=1} : f32[2,6]", `return "c" %c`]],
    ["an operand is returned, too", [a, b, joined(), read, `return "r" %r`, `return "a" %a`]],
    ["an operand is a view of other bytes", [a, "%t = softmax(%y) {axis=0} : f32[2,4]", "%b = reshape(%t) {shape=[2,4]} : f32[2,4]", joined(), read, `return "r" %r`]],
    ["an operand has no elements", [a, "%b = slice(%y) {start=[0,0], size=[2,0], step=[1,1]} : f32[2,0]", "%c = concat(%a, %b) {axis=1} : f32[2,3]", `return "c" %c`]],
    ["an operand lies in memory in another order", ["%a = softmax(%x) {axis=1} : f32[2,3]{1,0}", b, joined(), read, `return "r" %r`]],
    ["a kernel that reads an operand wants it in one piece", [a, b, joined(), read, "%t = permute(%y) {axes=[1,0]} : f32[4,2]", "%m = matmul(%t, %a) {packing=null} : f32[4,3]", `return "r" %r`, `return "m" %m`]],
    ["one kernel computes the operands and joins them", ["%a = exp(%x) : f32[2,3]", "%b = exp(%y) : f32[2,4]", joined(), read, `return "r" %r`]],
    ["several operands would need a kernel each", [a, "%b = exp(%y) : f32[2,4]", "%n = neg(%y) : f32[2,4]", "%c = concat(%a, %b, %n) {axis=1} : f32[2,11]", `return "c" %c`]],
    ["views of operands would need a kernel each", [a, b, "%v = reshape(%a) {shape=[6]} : f32[6]", "%u = reshape(%b) {shape=[8]} : f32[8]", "%s = softmax(%v) {axis=0} : f32[6]", "%t = softmax(%u) {axis=0} : f32[8]", joined(), `return "c" %c`, `return "s" %s`, `return "t" %t`]],
    ["the one kernel that reads it joins the operands as it goes", [a, b, joined(), "%r = exp(%c) : f32[2,7]", `return "r" %r`]],
  ])("does not fire where %s", (_, lines) => {
    expectUnchanged(writeConcatsInPlace, graph(...lines));
  }); // prettier-ignore

  it("does not fire where it replaces state", () => {
    const text = `graph g(${inputs}, %s: state "s" f32[2,7]) {\n${[a, b, joined(), `return "s" %c updates %s`].join("\n")}\n}`;
    expectUnchanged(writeConcatsInPlace, text);
  });

  it("gives a value that two concatenations want to the later one", () => {
    const d = (mark: string) => `%d = concat(%b, %a) {axis=1${mark}} : f32[2,7]`;
    const rest = [read, "%q = softmax(%d) {axis=1} : f32[2,7]", `return "r" %r`, `return "q" %q`];
    expectRewrite(
      writeConcatsInPlace,
      graph(a, b, joined(), d(""), ...rest),
      graph(a, b, joined(), d(", inPlace=true"), ...rest),
    );
  });

  it("does not fire where more memory would be in use at once", () => {
    // The long-lived %a is small; what it would share a buffer with is large, and made after all else.
    const text = `graph g(%x: input "x" f32[2,3], %z: input "z" f32[400]) {
      %a = softmax(%x) {axis=1} : f32[2,3]
      %u = softmax(%z) {axis=0} : f32[400]
      %v = softmax(%u) {axis=0} : f32[400]
      %w = reduce_max(%v) {axes=[0], keepDims=false} : f32[]
      %l = broadcast(%w) {shape=[2,300]} : f32[2,300]
      %b = softmax(%l) {axis=1} : f32[2,300]
      %c = concat(%a, %b) {axis=1} : f32[2,303]
      %r = reduce_max(%c) {axes=[0,1], keepDims=false} : f32[]
      return "r" %r
    }`;
    const { decisions } = expectUnchanged(writeConcatsInPlace, text);
    expect(decisions).toEqual([expect.stringMatching(/^%c: \d+ bytes more would be live at once$/)]);
  });
});

describe("planning", () => {
  const build = (text: string) => buildExecutable(parseGraph(text), wasmTarget, passOptions({}));

  it("gives a concatenation in place no kernel, and one slot", () => {
    const { executable } = build(graph(a, b, joined(), read, `return "r" %r`));
    expect(executable.run).toHaveLength(3);
    expect(executable.buffers.filter(({ kind }) => kind === "slot").map(({ sizeBytes }) => sizeBytes)).toEqual([56]); // prettier-ignore
  });

  it("writes one that is returned into what is returned", () => {
    const { executable } = build(graph(a, b, joined(), `return "c" %c`));
    expect(executable.run).toHaveLength(2);
    expect(executable.buffers.filter(({ kind }) => kind === "slot")).toEqual([]);
  });

  it("ignores a mark that cannot be", () => {
    const { executable } = build(graph(a, "%c = concat(%a, %y) {axis=1, inPlace=true} : f32[2,7]", `return "c" %c`)); // prettier-ignore
    expect(executable.run).toHaveLength(2);
  });

  it("binds a buffer once of which a kernel reads one slice and writes another", () => {
    const s = "%b = softmax(%a) {axis=0} : f32[2,3]";
    const { executable } = build(graph(a, s, "%c = concat(%a, %b) {axis=1} : f32[2,6]", `return "c" %c`));
    expect(executable.kernels.map(({ buffers }) => buffers.map(({ access }) => access))).toEqual([
      ["read", "write"],
      ["read_write"],
    ]);
  });

  it.each([wasmTarget, fewBuffers])(
    "a dense block is one buffer: fewer launches, no more memory",
    (target) => {
      const graph = graphOf(networks.denseBlock);
      const [before, after] = [["write-concats-in-place"], []].map((withoutPasses) =>
        buildExecutable(graph, target, passOptions({ withoutPasses })),
      );
      expect(after!.executable.run.length).toBeLessThan(before!.executable.run.length);
      expect(after!.plan.activationBytes).toBeLessThanOrEqual(before!.plan.activationBytes);
      const marked = after!.passed.records.find(({ name }) => name === "write-concats-in-place (run)")!;
      expect(
        marked.decisions.filter((decision) => decision.endsWith("in place")).length,
      ).toBeGreaterThanOrEqual(3);
    },
  );
});
