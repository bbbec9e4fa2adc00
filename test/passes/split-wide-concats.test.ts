import { describe, expect, it } from "vitest";
import { splitWideConcats } from "../../src/passes/split-wide-concats.ts";
import { expectRewrite, expectUnchanged, fewBuffers } from "./rewriting.ts";

const options = { target: fewBuffers };
const graph = (...lines: readonly string[]) =>
  `graph g(%a: input "a" f32[1], %b: input "b" f32[2], %c: input "c" f32[1], %d: input "d" f32[2]) {\n${lines.join("\n")}\nreturn "y" %y\n}`;

describe("split-wide-concats", () => {
  it("binds no more tensors than the target allows, the result included", () => {
    const record = expectRewrite(
      splitWideConcats,
      graph("%y = concat(%a, %b, %c, %d) {axis=0} : f32[6]"),
      graph("%p = concat(%a, %b, %c) {axis=0} : f32[4]", "%y = concat(%p, %d) {axis=0} : f32[6]"),
      options,
    );
    expect(record.decisions).toEqual(["%y: 4 tensors, 3 at a time"]);
    expect(record.patches.map(({ op, path }) => [op, path[1]])).toEqual(expect.arrayContaining([["add", "r0"], ["replace", "y"]])); // prettier-ignore
  });

  it("splits again where one level is not enough", () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => `%p${i}`);
    const lines = many(10).map((id, i) => `${id} = neg(%a) : f32[1]`);
    const parts = (ids: readonly string[], id: string) => `%${id} = concat(${ids.join(", ")}) {axis=0} : f32[${ids.length}]`; // prettier-ignore
    expectRewrite(
      splitWideConcats,
      graph(...lines, parts(many(10), "y")),
      graph(
        ...lines,
        ...[0, 3, 6].map((from, i) => parts(many(10).slice(from, from + 3), `q${i}`)),
        "%t = concat(%q0, %q1, %q2) {axis=0} : f32[9]",
        "%y = concat(%t, %p9) {axis=0} : f32[10]",
      ),
      options,
    );
  });

  it.each([
    ["with as many tensors as fit", "%y = concat(%a, %b, %c) {axis=0} : f32[4]"],
    ["when the same tensors come several times: each is bound once", "%y = concat(%a, %b, %a, %b, %a) {axis=0} : f32[7]"],
  ])("does not fire %s", (_, line) => {
    expectUnchanged(splitWideConcats, graph(line), options);
  }); // prettier-ignore
});
