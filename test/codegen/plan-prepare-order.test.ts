/** Weights are prepared one after the other, the largest first. */
import { describe, expect, it } from "vitest";
import { largestFirst } from "../../src/codegen/plan-prepare-order.ts";
import { nodeId } from "../../src/ir/graph.ts";
import { executionOrder } from "../../src/ir/graph-index.ts";
import { parseGraph } from "../../src/ir/parse.ts";

function order(text: string): string[] {
  return largestFirst(executionOrder(parseGraph(text))).map(nodeId);
}

describe("the order of preparing", () => {
  it("is by size for what is independent", () => {
    const text = `graph g(%a: parameter "a" f32[2], %b: parameter "b" f32[9], %c: parameter "c" f32[4]) {
  %x = neg(%a) {} : f32[2]
  %y = neg(%b) {} : f32[9]
  %z = neg(%c) {} : f32[4]
  return "x" %x
  return "y" %y
  return "z" %z
}`;
    expect(order(text)).toEqual(["y", "z", "x"]);
  });

  it("keeps together what depends on each other, in order", () => {
    const text = `graph g(%a: parameter "a" f32[2], %b: parameter "b" f32[9]) {
  %x = neg(%a) {} : f32[2]
  %y = neg(%b) {} : f32[9]
  %v = exp(%x) {} : f32[2]
  %w = exp(%y) {} : f32[9]
  return "v" %v
  return "w" %w
}`;
    expect(order(text)).toEqual(["y", "w", "x", "v"]);
  });

  it("joins what meets later, and ranks it by its largest value", () => {
    const text = `graph g(%a: parameter "a" f32[1], %b: parameter "b" f32[9], %c: parameter "c" f32[4]) {
  %z = neg(%c) {} : f32[4]
  %x = neg(%a) {} : f32[1]
  %y = neg(%b) {} : f32[9]
  %s = add(%x, %y) {} : f32[9]
  return "z" %z
  return "s" %s
}`;
    expect(order(text)).toEqual(["x", "y", "s", "z"]);
  });

  it("puts constants first and lets them join nothing", () => {
    const text = `graph g(%a: parameter "a" f32[2], %b: parameter "b" f32[9]) {
  %k = constant() {value=2} : f32[]
  %x = mul(%a, %k) {} : f32[2]
  %y = mul(%b, %k) {} : f32[9]
  return "x" %x
  return "y" %y
}`;
    expect(order(text)).toEqual(["k", "y", "x"]);
  });
});
