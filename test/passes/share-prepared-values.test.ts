import { describe, expect, it } from "vitest";
import { buildExecutable, passOptions } from "../../src/compile.ts";
import { wasmTarget } from "../../src/codegen/target.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { sharePreparedValues } from "../../src/passes/share-prepared-values.ts";
import { expectRewrite, expectUnchanged } from "./rewriting.ts";

const graph = (...lines: readonly string[]) =>
  `graph g(%x: input "x" f32[2,3], %w: parameter "w" f32[3,2]) {\n${lines.join("\n")}\n}`;

describe("share-prepared-values", () => {
  it("computes equal values of weights once", () => {
    expectRewrite(
      sharePreparedValues,
      graph(
        "%a = permute(%w) {axes=[1,0]} : f32[2,3]",
        "%y = mul(%x, %a) : f32[2,3]",
        "%b = permute(%w) {axes=[1,0]} : f32[2,3]",
        "%z = mul(%y, %b) : f32[2,3]",
        `return "z" %z`,
      ),
      graph(
        "%a = permute(%w) {axes=[1,0]} : f32[2,3]",
        "%y = mul(%x, %a) : f32[2,3]",
        "%z = mul(%y, %a) : f32[2,3]",
        `return "z" %z`,
      ),
    );
  });

  it("does not fire for what runs compute", () => {
    expectUnchanged(
      sharePreparedValues,
      graph(
        "%a = exp(%x) : f32[2,3]",
        "%b = exp(%x) : f32[2,3]",
        "%y = mul(%a, %b) : f32[2,3]",
        `return "y" %y`,
      ),
    );
  });

  it("does not fire for values of one weight that differ", () => {
    expectUnchanged(
      sharePreparedValues,
      graph(
        "%a = permute(%w) {axes=[1,0]} : f32[2,3]",
        "%b = reshape(%w) {shape=[2,3]} : f32[2,3]",
        "%y = mul(%a, %b) : f32[2,3]",
        `return "y" %y`,
      ),
    );
  });

  it("packs a weight once that is multiplied with at every step", () => {
    const steps = Array.from(
      { length: 10 },
      (_, i) => `%h${i + 1} = matmul(%h${i}, %u) {packing=null} : f32[4,32]\n`,
    ).join("");
    const recurrent = parseGraph(
      `graph g(%h0: input "x" f32[4,32], %u: parameter "u" f32[32,32]) {\n${steps} return "y" %h10 }`,
    );
    const { executable } = buildExecutable(recurrent, wasmTarget, passOptions({}));
    expect(executable.prepare.filter((command) => command.kind === "dispatch")).toHaveLength(1);
  });
});
