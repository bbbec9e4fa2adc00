import { describe, it } from "vitest";
import { combineStandardization } from "../../src/passes/combine-standardization.ts";
import { expectRewrite, expectUnchanged, gpuTarget } from "./rewriting.ts";

const inputs = `%x: input "x" f32[2,3,5]`;
const wide = "f32[2,3,5]";
const narrow = "f32[2,3,1]";
const axis = "{axes=[2], keepDims=true}";

/** Centring and the variance with its ε, whose root is still to be taken. */
const start = [
  `%m = mean(%x) ${axis} : ${narrow}`,
  `%c = sub(%x, %m) : ${wide}`,
  `%q = mul(%c, %c) : ${wide}`,
  `%v = mean(%q) ${axis} : ${narrow}`,
  "%e = constant() {value=dense f32[] [0.001]} : f32[]",
  `%s = add(%v, %e) : ${narrow}`,
];
const graph = (lines: readonly string[], returned = "y") =>
  `graph g(${inputs}) {\n${lines.join("\n")}\nreturn "y" %${returned}\n}`;
const divided = [...start, `%d = sqrt(%s) : ${narrow}`, `%y = div(%c, %d) : ${wide}`];

describe("combine-standardization", () => {
  it.each([
    ["c / √v", divided],
    ["c · rsqrt(v)", [...start, `%d = rsqrt(%s) : ${narrow}`, `%y = mul(%c, %d) : ${wide}`]],
    ["rsqrt(v) · c", [...start, `%d = rsqrt(%s) : ${narrow}`, `%y = mul(%d, %c) : ${wide}`]],
    ["ε + v", divided.map((line) => line.replace("add(%v, %e)", "add(%e, %v)"))],
  ])("makes %s one operation", (_, lines) => {
    expectRewrite(
      combineStandardization,
      graph(lines),
      graph([`%y = standardize(%x) {axis=2, eps=0.0010000000474974513} : ${wide}`]),
    );
  });

  it.each([
    ["a mean of something else", divided.map((line) => line.replace("%m = mean(%x)", "%m = mean(%n)")).toSpliced(0, 0, `%n = neg(%x) : ${wide}`)],
    ["a product of different values", divided.map((line) => line.replace("mul(%c, %c)", "mul(%c, %x)"))],
    ["two axes", divided.map((line) => line.replaceAll("axes=[2]", "axes=[1,2]").replaceAll(narrow, "f32[2,1,1]"))],
    ["the mean over one axis and the variance over another", divided.map((line) => line.startsWith("%m") ? line.replace("axes=[2]", "axes=[1]").replace(narrow, "f32[2,1,5]") : line)],
    ["an ε that is not known", divided.map((line) => line.replace("add(%v, %e)", "add(%v, %v)"))],
  ])("leaves alone %s", (_, lines) => {
    expectUnchanged(combineStandardization, graph(lines));
  }); // prettier-ignore

  it.each(["m", "v", "c", "d"])("leaves alone what returns %%%s, too", (value) => {
    expectUnchanged(
      combineStandardization,
      graph(divided).replace("return", `return "${value}" %${value}\nreturn`),
    );
  });

  it("leaves real GPUs alone, whose reductions need many invocations", () => {
    expectUnchanged(combineStandardization, graph(divided), { target: gpuTarget });
  });
});
