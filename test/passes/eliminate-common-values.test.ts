import { describe, it } from "vitest";
import { eliminateCommonValues } from "../../src/passes/eliminate-common-values.ts";
import { expectRewrite, expectUnchanged } from "./rewriting.ts";

const graph = (...lines: readonly string[]) =>
  `graph g(%x: input "x" f32[2,2], %y: input "y" f32[2,2]) {\n${lines.join("\n")}\n}`;

describe("eliminate-common-values", () => {
  it("computes equal values once, outputs included", () => {
    expectRewrite(
      eliminateCommonValues,
      graph("%a = exp(%x) : f32[2,2]", "%b = exp(%x) : f32[2,2]", "%c = add(%a, %b) : f32[2,2]", `return "c" %c`, `return "b" %b`),
      graph("%a = exp(%x) : f32[2,2]", "%c = add(%a, %a) : f32[2,2]", `return "c" %c`, `return "b" %a`),
    );
  }); // prettier-ignore

  it("sees that values are equal because their operands became so", () => {
    expectRewrite(
      eliminateCommonValues,
      graph(
        "%a = exp(%x) : f32[2,2]",
        "%b = exp(%x) : f32[2,2]",
        "%c = neg(%a) : f32[2,2]",
        "%d = neg(%b) : f32[2,2]",
        "%e = mul(%c, %d) : f32[2,2]",
        `return "e" %e`,
      ),
      graph(
        "%a = exp(%x) : f32[2,2]",
        "%c = neg(%a) : f32[2,2]",
        "%e = mul(%c, %c) : f32[2,2]",
        `return "e" %e`,
      ),
    );
  });

  it("joins equal constants", () => {
    const constant = (id: string) => `%${id} = constant() {value=dense f32[] [2]} : f32[]`;
    expectRewrite(
      eliminateCommonValues,
      graph(constant("p"), constant("q"), "%a = mul(%x, %p) : f32[2,2]", "%b = mul(%a, %q) : f32[2,2]", `return "b" %b`),
      graph(constant("p"), "%a = mul(%x, %p) : f32[2,2]", "%b = mul(%a, %p) : f32[2,2]", `return "b" %b`),
    );
  }); // prettier-ignore

  it.each([
    ["ops differ", "%a = exp(%x) : f32[2,2]", "%b = neg(%x) : f32[2,2]"],
    ["operands differ", "%a = exp(%x) : f32[2,2]", "%b = exp(%y) : f32[2,2]"],
    ["operands change places", "%a = sub(%x, %y) : f32[2,2]", "%b = sub(%y, %x) : f32[2,2]"],
    ["attributes differ", "%a = leaky_relu(%x) {slope=0.1} : f32[2,2]", "%b = leaky_relu(%x) {slope=0.2} : f32[2,2]"],
    ["attributes differ by the sign of zero", "%a = clamp(%x) {min=0, max=null} : f32[2,2]", "%b = clamp(%x) {min=-0, max=null} : f32[2,2]"],
    ["attributes differ by infinity and null", "%a = clamp(%x) {min=-inf, max=0} : f32[2,2]", "%b = clamp(%x) {min=null, max=0} : f32[2,2]"],
    ["layouts differ", "%a = exp(%x) : f32[2,2]", "%b = exp(%x) : f32[2,2]{1,0}"],
    ["constants differ by the sign of zero", "%a = constant() {value=dense f32[] [0]} : f32[]", "%b = constant() {value=dense f32[] [-0]} : f32[]"],
    ["constants differ in dtype", "%a = constant() {value=dense f32[] [1]} : f32[]", "%b = constant() {value=dense i32[] [1]} : i32[]"],
    ["constants differ in shape", "%a = constant() {value=dense f32[2] [1,1]} : f32[2]", "%b = constant() {value=dense f32[1,2] [1,1]} : f32[1,2]"],
  ])("does not fire when %s", (_, first, second) => {
    expectUnchanged(eliminateCommonValues, graph(first, second, `return "a" %a`, `return "b" %b`));
  }); // prettier-ignore
});
