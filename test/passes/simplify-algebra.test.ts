import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { simplifyAlgebra } from "../../src/passes/simplify-algebra.ts";
import { expectRewrite, expectUnchanged, rewritten } from "./rewriting.ts";

const inputs = `%x: input "x" f32[2,3], %y: input "y" f32[3]`;
const number = (id: string, value: number | string, shape = "") =>
  `%${id} = constant() {value=dense f32[${shape}] [${value}]} : f32[${shape}]`;

/** A graph of some lines that returns `%r`. */
const graph = (...lines: readonly string[]) => `graph g(${inputs}) {\n${lines.join("\n")}\nreturn "r" %r\n}`;
/** A graph that returns an input. */
const returns = (id: string) => `graph g(${inputs}) {\nreturn "r" %${id}\n}`;

describe("simplify-algebra fires", () => {
  it.each([
    ["−0 + x = x", [number("c", "-0"), "%r = add(%c, %x) : f32[2,3]"]],
    ["x + −0 = x", [number("c", "-0"), "%r = add(%x, %c) : f32[2,3]"]],
    ["x − 0 = x", [number("c", 0), "%r = sub(%x, %c) : f32[2,3]"]],
    ["x · 1 = x", [number("c", 1), "%r = mul(%x, %c) : f32[2,3]"]],
    ["1 · x = x, the 1 a vector", [number("c", "1,1,1", "3"), "%r = mul(%c, %x) : f32[2,3]"]],
    ["x · 1 = x, the 1 broadcast", [number("c", 1), "%b = broadcast(%c) {shape=[2,3]} : f32[2,3]", "%r = mul(%x, %b) : f32[2,3]"]],
    ["x / 1 = x", [number("c", 1), "%r = div(%x, %c) : f32[2,3]"]],
    ["x¹ = x", [number("c", 1), "%r = pow(%x, %c) : f32[2,3]"]],
    ["−(−x) = x", ["%n = neg(%x) : f32[2,3]", "%r = neg(%n) : f32[2,3]"]],
    ["reshape to the same shape = x", ["%r = reshape(%x) {shape=[2,3]} : f32[2,3]"]],
    ["broadcast to the same shape = x", ["%r = broadcast(%x) {shape=[2,3]} : f32[2,3]"]],
    ["cast to the same dtype = x", [`%r = cast(%x) {dtype="f32"} : f32[2,3]`]],
    ["relayout to the same layout = x", ["%r = relayout(%x) {layout=[0,1]} : f32[2,3]"]],
    ["permute by the identity = x", ["%r = permute(%x) {axes=[0,1]} : f32[2,3]"]],
    ["slice of everything = x", ["%r = slice(%x) {start=[0,0], size=[2,3], step=[1,1]} : f32[2,3]"]],
    ["pad by nothing = x", ["%r = pad(%x) {padding=[[0,0],[0,0]], value=5} : f32[2,3]"]],
    ["concat of one = x", ["%r = concat(%x) {axis=0} : f32[2,3]"]],
    ["sum over no axes = x", ["%r = sum(%x) {axes=[], keepDims=false} : f32[2,3]"]],
    ["mean over no axes = x", ["%r = mean(%x) {axes=[], keepDims=true} : f32[2,3]"]],
    ["prod over no axes = x", ["%r = prod(%x) {axes=[], keepDims=false} : f32[2,3]"]],
    ["maximum over no axes = x", ["%r = reduce_max(%x) {axes=[], keepDims=false} : f32[2,3]"]],
    ["minimum over no axes = x", ["%r = reduce_min(%x) {axes=[], keepDims=false} : f32[2,3]"]],
    ["permutes that undo each other = x", ["%p = permute(%x) {axes=[1,0]} : f32[3,2]", "%r = permute(%p) {axes=[1,0]} : f32[2,3]"]],
    ["reshapes that undo each other = x", ["%p = reshape(%x) {shape=[6]} : f32[6]", "%r = reshape(%p) {shape=[2,3]} : f32[2,3]"]],
  ])("%s", (_, lines) => {
    expectRewrite(simplifyAlgebra, graph(...lines), returns("x"));
  }); // prettier-ignore

  it("x² = x · x", () => {
    expectRewrite(
      simplifyAlgebra,
      graph(number("c", 2), "%r = pow(%x, %c) : f32[2,3]"),
      graph("%r = mul(%x, %x) : f32[2,3]"),
    );
  });

  it.each(["relu", "abs"])("%s of itself is itself once", (op) => {
    expectRewrite(
      simplifyAlgebra,
      graph(`%a = ${op}(%x) : f32[2,3]`, `%r = ${op}(%a) : f32[2,3]`),
      graph(`%r = ${op}(%x) : f32[2,3]`),
    );
  });

  it("reshape of a reshape is one reshape", () => {
    expectRewrite(
      simplifyAlgebra,
      graph("%a = reshape(%x) {shape=[6]} : f32[6]", "%r = reshape(%a) {shape=[3,2]} : f32[3,2]"),
      graph("%r = reshape(%x) {shape=[3,2]} : f32[3,2]"),
    );
  });

  it("permute_b of permute_a is permute_{a∘b}", () => {
    const text = (...lines: readonly string[]) =>
      `graph g(%x: input "x" f32[2,3,4]) {\n${lines.join("\n")}\nreturn "r" %r\n}`;
    expectRewrite(
      simplifyAlgebra,
      text("%a = permute(%x) {axes=[1,2,0]} : f32[3,4,2]", "%r = permute(%a) {axes=[0,2,1]} : f32[3,2,4]"),
      text("%r = permute(%x) {axes=[1,0,2]} : f32[3,2,4]"),
    );
  });

  it("adaptive average pool to one element is a mean over the spatial dimensions", () => {
    const text = (last: string) => `graph g(%x: input "x" f32[1,2,3,4]) {
      %r = ${last} : f32[1,2,1,1]
      return "r" %r
    }`;
    expectRewrite(
      simplifyAlgebra,
      text("adaptive_avg_pool(%x) {outputSize=[1,1]}"),
      text("mean(%x) {axes=[2,3], keepDims=true}"),
    );
  });

  it("simplifies what a simplification leaves behind", () => {
    expectRewrite(
      simplifyAlgebra,
      graph(
        number("one", 1),
        "%a = mul(%x, %one) : f32[2,3]",
        "%b = neg(%a) : f32[2,3]",
        "%c = reshape(%b) {shape=[2,3]} : f32[2,3]",
        "%r = neg(%c) : f32[2,3]",
      ),
      returns("x"),
    );
  });

  it.each([8, -0.25])("x / %f = x · (1/c), exactly", (c) => {
    expectRewrite(
      simplifyAlgebra,
      graph(number("c", c), "%r = div(%x, %c) : f32[2,3]"),
      graph(number("reciprocal", 1 / c), "%r = mul(%x, %reciprocal) : f32[2,3]"),
      { tolerance: 0 },
    );
  });

  it.each(["erf", "tanh"])("x / c = x · (1/c) where only %s reads it", (reader) => {
    expectRewrite(
      simplifyAlgebra,
      graph(number("c", 3), "%q = div(%x, %c) : f32[2,3]", `%r = ${reader}(%q) : f32[2,3]`),
      graph(
        number("third", Math.fround(1 / 3)),
        "%q = mul(%x, %third) : f32[2,3]",
        `%r = ${reader}(%q) : f32[2,3]`,
      ),
    );
  });

  it("integers: x + 0 = x", () => {
    const text = (...lines: readonly string[]) =>
      `graph g(%x: input "x" i32[3]) {\n${lines.join("\n")}\nreturn "r" %r\n}`;
    const zero = "%c = constant() {value=dense i32[] [0]} : i32[]";
    expectRewrite(
      simplifyAlgebra,
      text(zero, "%r = add(%x, %c) : i32[3]"),
      `graph g(%x: input "x" i32[3]) {\nreturn "r" %x\n}`,
    );
  });

  it("keeps an inner operation that something else reads", () => {
    expectRewrite(
      simplifyAlgebra,
      `graph g(${inputs}) {
        %n = neg(%x) : f32[2,3]
        %m = neg(%n) : f32[2,3]
        return "n" %n
        return "m" %m
      }`,
      `graph g(${inputs}) {
        %n = neg(%x) : f32[2,3]
        return "n" %n
        return "m" %x
      }`,
    );
  });

  it("records the removed nodes", () => {
    const { record } = rewritten(simplifyAlgebra, graph(number("c", 1), "%r = mul(%x, %c) : f32[2,3]"));
    expect(record.patches.map(({ op, path }) => `${op} ${path.join("/")}`).sort()).toEqual([
      "remove nodes/c",
      "remove nodes/r",
      "replace outputs",
    ]);
    expect(record).toMatchObject({ nodesBefore: 2, nodesAfter: 0 });
  });
});

describe("simplify-algebra does not fire", () => {
  it.each([
    ["on x + 0, which turns −0 into 0", [number("c", 0), "%r = add(%x, %c) : f32[2,3]"]],
    ["on x − (−0), likewise", [number("c", "-0"), "%r = sub(%x, %c) : f32[2,3]"]],
    ["on x / 3, which x · (1/3) rounds once more", [number("c", 3), "%r = div(%x, %c) : f32[2,3]"]],
    ["on x / 3 that exp reads, which magnifies", [number("c", 3), "%q = div(%x, %c) : f32[2,3]", "%r = exp(%q) : f32[2,3]"]],
    ["on x / 3 that others read, too", [number("c", 3), "%q = div(%x, %c) : f32[2,3]", "%e = erf(%q) : f32[2,3]", "%f = floor(%q) : f32[2,3]", "%r = add(%e, %f) : f32[2,3]"]],
    ["on x · 0, which is NaN for NaN and infinities", [number("c", 0), "%r = mul(%x, %c) : f32[2,3]"]],
    ["on x − x, likewise", ["%r = sub(%x, %x) : f32[2,3]"]],
    ["on x / x, likewise", ["%r = div(%x, %x) : f32[2,3]"]],
    ["on x + c for another constant", [number("c", 0.5), "%r = add(%x, %c) : f32[2,3]"]],
    ["on x · (1, 1, 2)", [number("c", "1,1,2", "3"), "%r = mul(%x, %c) : f32[2,3]"]],
    ["on 0 − x", [number("c", 0), "%r = sub(%c, %x) : f32[2,3]"]],
    ["on 1 / x", [number("c", 1), "%r = div(%c, %x) : f32[2,3]"]],
    ["on x / 0", [number("c", 0), "%r = div(%x, %c) : f32[2,3]"]],
    ["on x / c whose reciprocal is subnormal", [number("c", 2e38), "%r = div(%x, %c) : f32[2,3]"]],
    ["on x / c that broadcasts y", [number("c", "3,3,3,3,3,3", "2,3"), "%r = div(%y, %c) : f32[2,3]"]],
    ["on 1ˣ", [number("c", 1), "%r = pow(%c, %x) : f32[2,3]"]],
    ["on x³", [number("c", 3), "%r = pow(%x, %c) : f32[2,3]"]],
    ["on a sum with zeros that broadcasts y", [number("c", "0,0,0,0,0,0", "2,3"), "%r = add(%y, %c) : f32[2,3]"]],
    ["on a square that broadcasts y", [number("c", "2,2,2,2,2,2", "2,3"), "%r = pow(%y, %c) : f32[2,3]"]],
    ["on a broadcast that repeats", ["%r = broadcast(%y) {shape=[2,3]} : f32[2,3]"]],
    ["on a cast to another dtype", [`%r = cast(%x) {dtype="i32"} : i32[2,3]`]],
    ["on a relayout to another layout", ["%r = relayout(%x) {layout=[1,0]} : f32[2,3]{1,0}"]],
    ["on a permute that moves", ["%r = permute(%x) {axes=[1,0]} : f32[3,2]"]],
    ["on a slice of a part", ["%r = slice(%x) {start=[0,1], size=[2,2], step=[1,1]} : f32[2,2]"]],
    ["on a slice of every second element", ["%r = slice(%x) {start=[0,0], size=[2,2], step=[1,2]} : f32[2,2]"]],
    ["on a pad by something", ["%r = pad(%x) {padding=[[0,0],[0,1]], value=0} : f32[2,4]"]],
    ["on a concat of a tensor with itself", ["%r = concat(%x, %x) {axis=0} : f32[4,3]"]],
    ["on a sum over an axis of one element", ["%a = reshape(%x) {shape=[6,1]} : f32[6,1]", "%r = sum(%a) {axes=[1], keepDims=true} : f32[6,1]"]],
    ["on relu(−relu(x))", ["%a = relu(%x) : f32[2,3]", "%n = neg(%a) : f32[2,3]", "%r = relu(%n) : f32[2,3]"]],
  ])("%s", (_, lines) => {
    expectUnchanged(simplifyAlgebra, graph(...lines));
  }); // prettier-ignore

  it("on an adaptive pool to more than one element", () => {
    expectUnchanged(
      simplifyAlgebra,
      `graph g(%x: input "x" f32[1,2,3,4]) {
        %r = adaptive_avg_pool(%x) {outputSize=[1,2]} : f32[1,2,1,2]
        return "r" %r
      }`,
    );
  });

  it("on what would turn NaN into a number", () => {
    const text = graph(number("c", 0), "%a = mul(%x, %c) : f32[2,3]", "%r = sub(%a, %a) : f32[2,3]");
    const { graph: after } = rewritten(simplifyAlgebra, text);
    const x = tensor([NaN, Infinity, -Infinity, 1, -1, 0], [2, 3]);
    const { r } = evaluate(after, { x, y: tensor([0, 0, 0], [3]) });
    expect([...r!.data]).toEqual([NaN, NaN, NaN, 0, 0, 0]);
  });
});
