import { describe, expect, it } from "vitest";
import { eliminateDeadValues } from "../../src/passes/eliminate-dead-values.ts";
import { training } from "./attributes.ts";
import { expectRewrite, expectUnchanged } from "./rewriting.ts";

describe("eliminate-dead-values", () => {
  it("removes a chain that reaches no output, and tells which nodes", () => {
    const record = expectRewrite(
      eliminateDeadValues,
      `graph g(%x: input "x" f32[2]) {
        %a = exp(%x) : f32[2]
        %b = neg(%a) : f32[2]
        %c = abs(%x) : f32[2]
        return "c" %c
      }`,
      `graph g(%x: input "x" f32[2]) {
        %c = abs(%x) : f32[2]
        return "c" %c
      }`,
    );
    expect(record.patches.map(({ op, path }) => `${op} ${path.join("/")}`).sort()).toEqual(["remove nodes/a", "remove nodes/b"]); // prettier-ignore
  });

  it("keeps inputs that nothing reads: they are the caller's interface", () => {
    expectUnchanged(
      eliminateDeadValues,
      `graph g(%x: input "x" f32[2], %y: input "y" f32[2]) {
        %a = exp(%x) : f32[2]
        return "a" %a
      }`,
    );
  });

  it("keeps a node of which only a later result is used", () => {
    const vector = "f32[3]";
    expectUnchanged(
      eliminateDeadValues,
      `graph g(%x: input "x" f32[2,3], %g: parameter "g" ${vector}, %b: parameter "b" ${vector},
               %m: state "mean" ${vector}, %v: state "var" ${vector}, %n: state "count" i32[]) {
        %y, %mu, %inv, %m1, %v1, %n1 = batch_norm_training(%x, %g, %b, %m, %v, %n) ${training()}
          : f32[2,3], ${vector}, ${vector}, ${vector}, ${vector}, i32[]
        return "var" %v1 updates %v
      }`,
    );
  });
});
