import { describe, expect, it } from "vitest";
import { foldConstants } from "../../src/passes/fold-constants.ts";
import { expectRewrite, expectUnchanged } from "./rewriting.ts";

describe("fold-constants", () => {
  it("computes an operation on constants", () => {
    expectRewrite(
      foldConstants,
      `graph g(%x: input "x" f32[2]) {
        %a = constant() {value=dense f32[2] [1,2]} : f32[2]
        %b = constant() {value=dense f32[] [3]} : f32[]
        %c = mul(%a, %b) : f32[2]
        %y = add(%x, %c) : f32[2]
        return "y" %y
      }`,
      `graph g(%x: input "x" f32[2]) {
        %a = constant() {value=dense f32[2] [1,2]} : f32[2]
        %b = constant() {value=dense f32[] [3]} : f32[]
        %c = constant() {value=dense f32[2] [3,6]} : f32[2]
        %y = add(%x, %c) : f32[2]
        return "y" %y
      }`,
    );
  });

  it("folds what depends on what it has just folded", () => {
    expectRewrite(
      foldConstants,
      `graph g() {
        %a = constant() {value=dense f32[] [4]} : f32[]
        %b = sqrt(%a) : f32[]
        %c = neg(%b) : f32[]
        return "c" %c
      }`,
      `graph g() {
        %c = constant() {value=dense f32[] [-2]} : f32[]
        %a = constant() {value=dense f32[] [4]} : f32[]
        %b = constant() {value=dense f32[] [2]} : f32[]
        return "c" %c
      }`,
    );
  });

  it("folds movements and integer operations by their own semantics", () => {
    expectRewrite(
      foldConstants,
      `graph g() {
        %a = constant() {value=dense i32[2] [7,-7]} : i32[2]
        %b = constant() {value=dense i32[] [2]} : i32[]
        %c = div(%a, %b) : i32[2]
        %d = broadcast(%c) {shape=[2,2]} : i32[2,2]
        return "d" %d
      }`,
      `graph g() {
        %d = constant() {value=dense i32[2,2] [3,-3,3,-3]} : i32[2,2]
        %a = constant() {value=dense i32[2] [7,-7]} : i32[2]
        %b = constant() {value=dense i32[] [2]} : i32[]
        %c = constant() {value=dense i32[2] [3,-3]} : i32[2]
        return "d" %d
      }`,
    );
  });

  it("names the nodes it replaced in its record", () => {
    const record = expectRewrite(
      foldConstants,
      `graph g() {
        %a = constant() {value=dense f32[] [4]} : f32[]
        %b = sqrt(%a) : f32[]
        return "b" %b
      }`,
      `graph g() {
        %b = constant() {value=dense f32[] [2]} : f32[]
        %a = constant() {value=dense f32[] [4]} : f32[]
        return "b" %b
      }`,
    );
    expect(record.patches.map(({ op, path }) => [op, path[0], path[1]])).toEqual([["replace", "nodes", "b"]]);
    expect(record).toMatchObject({ name: "fold-constants", nodesBefore: 2, nodesAfter: 2 });
  });

  it("does not fire when an operand is not constant", () => {
    const record = expectUnchanged(
      foldConstants,
      `graph g(%x: parameter "x" f32[]) {
        %a = constant() {value=dense f32[] [4]} : f32[]
        %b = add(%a, %x) : f32[]
        return "b" %b
      }`,
    );
    expect(record.patches).toEqual([]);
  });

  it.each([
    [4096, "constant"],
    [4097, "broadcast"],
  ])("makes a result of %d elements a %s: large ones stay computations", (size, op) => {
    const text = (last: string) => `graph g() {
      %a = constant() {value=dense f32[1] [0.5]} : f32[1]
      %b = ${last} : f32[${size}]
      return "b" %b
    }`;
    const before = text(`broadcast(%a) {shape=[${size}]}`);
    if (op === "broadcast") return void expectUnchanged(foldConstants, before);
    const data = Buffer.from(new Float32Array(size).fill(0.5).buffer).toString("base64");
    expectRewrite(foldConstants, before, text(`constant() {value=dense f32[${size}] "${data}"}`));
  });
});
