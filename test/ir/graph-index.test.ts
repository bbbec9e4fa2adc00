import { describe, expect, it } from "vitest";
import { executionOrder, producersOf, typesOf, usersOf } from "../../src/ir/graph-index.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { Rewriter } from "../../src/passes/rewrite.ts";

const graph = parseGraph(`graph net(%x: input "x" f32[2,3], %y: input "y" f32[2,3]) {
  %a = add(%x, %x) : f32[2,3]
  %b = mul(%a, %y) : f32[2,3]
  %c = add(%b, %a) : f32[2,3]
  return "c" %c
}`);

/** All of the index, as plain data. */
function indexOf() {
  return {
    producers: [...producersOf(graph)].map(([value, { op }]) => `${value} ${op}`),
    types: [...typesOf(graph).keys()],
    users: Object.fromEntries(usersOf(graph)),
    order: executionOrder(graph).map(({ results }) => results[0]!.id),
  };
}

describe("what follows from a graph", () => {
  it("is who makes and reads each value, each reader once, and an order", () => {
    expect(indexOf()).toEqual({
      producers: ["a add", "b mul", "c add"],
      types: ["x", "y", "a", "b", "c"],
      users: { x: ["a"], a: ["b", "c"], y: ["b"], b: ["c"] },
      order: ["a", "b", "c"],
    });
  });

  it("is worked out once, and stays as it is when a rewriter edits a copy of the graph", () => {
    const before = indexOf();
    const index = [producersOf(graph), typesOf(graph), usersOf(graph), executionOrder(graph)];
    const rewriter = new Rewriter(graph);
    rewriter.redirect("a", "x");
    rewriter.removeIfUnused("a");
    const sum = rewriter.add("add", ["x", "y"], {});
    rewriter.redirect("b", sum);
    rewriter.removeIfUnused("b");
    expect(rewriter.node("a")).toBeUndefined();
    expect(rewriter.producer("b")).toBeUndefined();
    expect(rewriter.usersOf("x").map(({ op }) => op)).toEqual(["add", "add"]);
    expect(rewriter.hasSingleUse(sum)).toBe(true);
    expect([producersOf(graph), typesOf(graph), usersOf(graph), executionOrder(graph)]).toEqual(index);
    expect(producersOf(graph)).toBe(index[0]);
    expect(indexOf()).toEqual(before);

    const after = rewriter.commit();
    expect(Object.keys(after.nodes)).toEqual(["c", sum]);
    expect(executionOrder(after).map(({ results }) => results[0]!.id)).toEqual([sum, "c"]);
    expect(Object.fromEntries(usersOf(after))).toEqual({ x: ["c", sum], y: [sum], [sum]: ["c"] });
  });
});
