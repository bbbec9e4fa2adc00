import { describe, expect, it } from "vitest";
import { combineAttention } from "../../src/passes/combine-attention.ts";
import { expectRewrite, expectUnchanged, gpuTarget, rewritten } from "./rewriting.ts";

const scores = "f32[2,400,400]";
const result = "f32[2,400,3]";
const inputs = `%q: input "q" f32[2,400,4], %k: input "k" f32[2,4,400], %v: input "v" f32[2,400,3], %m: input "m" f32[400,400], %f: input "f" f32[]`;
const graph = (lines: readonly string[], returned = "") =>
  `graph g(${inputs}) {\n${lines.join("\n")}\n${returned}return "y" %y\n}`;

const product = `%s = matmul(%q, %k) {packing=null} : ${scores}`;
const number = "%n = constant() {value=dense f32[] [0.5]} : f32[]";
const scaled = [product, number, `%t = mul(%s, %n) : ${scores}`];
const end = (value: string) => [
  `%p = softmax(%${value}) {axis=2} : ${scores}`,
  `%y = matmul(%p, %v) {packing=null} : ${result}`,
];
const plain = [product, ...end("s")];
const masked = [...scaled, `%a = add(%t, %m) : ${scores}`, ...end("a")];

describe("combine-attention", () => {
  it.each([
    ["softmax(q × k) × v", plain, `%y = attention(%q, %k, %v) {scale=1} : ${result}`],
    ["a scale", [...scaled, ...end("t")], `%y = attention(%q, %k, %v) {scale=0.5} : ${result}`],
    ["a scale before a mask", masked, `%y = attention(%q, %k, %v, %m) {scale=0.5} : ${result}`],
    [
      "operands the other way round",
      masked.map((line) => line.replace("add(%t, %m)", "add(%m, %t)").replace("mul(%s, %n)", "mul(%n, %s)")),
      `%y = attention(%q, %k, %v, %m) {scale=0.5} : ${result}`,
    ],
  ])("makes %s one operation", (_, lines, after) => {
    expectRewrite(combineAttention, graph(lines), graph([after]), { tolerance: 1e-6 });
  });

  it.each([
    ["a softmax along the queries", plain.map((line) => line.replace("axis=2", "axis=1"))],
    ["a factor that is not a number", [product, `%t = mul(%s, %f) : ${scores}`, ...end("t")]],
    ["a mask before a scale", [product, number, `%a = add(%s, %m) : ${scores}`, `%t = mul(%a, %n) : ${scores}`, ...end("t")]],
  ])("leaves alone %s", (_, lines) => {
    expectUnchanged(combineAttention, graph(lines));
  }); // prettier-ignore

  it.each(["mul", "div"])("leaves alone a scale that repeats the scores (%s)", (op) => {
    expectUnchanged(
      combineAttention,
      `graph g(%q: input "q" f32[1,1,4], %k: input "k" f32[1,4,600], %v: input "v" f32[1,600,3]) {
        %s = matmul(%q, %k) {packing=null} : f32[1,1,600]
        %n = constant() {value=dense f32[] [0.5]} : f32[]
        %wide = broadcast(%n) {shape=[600,1]} : f32[600,1]
        %t = ${op}(%s, %wide) : f32[1,600,600]
        %p = softmax(%t) {axis=2} : f32[1,600,600]
        %y = matmul(%p, %v) {packing=null} : f32[1,600,3]
        return "y" %y
      }`,
    );
  });

  it("takes a quotient for a scale", () => {
    expectRewrite(
      combineAttention,
      graph(scaled.map((line) => line.replace("mul(%s, %n)", "div(%s, %n)")).concat(end("t"))),
      graph([`%y = attention(%q, %k, %v) {scale=2} : ${result}`]),
    );
  });

  it("leaves alone what stays in a cache", () => {
    const small = graph(plain).replaceAll("400", "40");
    expectUnchanged(combineAttention, small);
  });

  it.each(["s", "p"])("leaves alone what returns %%%s, too", (value) => {
    expectUnchanged(combineAttention, graph(plain, `return "${value}" %${value}\n`));
  });

  it("leaves GPUs alone", () => {
    expectUnchanged(combineAttention, graph(plain), { target: gpuTarget });
    expectUnchanged(combineAttention, graph(plain), { target: { ...gpuTarget, software: true } });
  });

  it("notes where", () => {
    expect(rewritten(combineAttention, graph(plain)).record.decisions).toEqual(["%y"]);
  });
});
