import { describe, expect, test } from "vitest";
import { InternalError } from "../../src/errors.ts";
import type { Graph, Node } from "../../src/ir/graph.ts";
import { executionOrder } from "../../src/ir/graph-index.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { verify } from "../../src/ir/verify.ts";

const good = parseGraph(`graph net(%x: input "x" f32[2,3], %m: state "m" f32[3], %p: parameter "p" f32[3]) {
  %a = add(%x, %m) : f32[2,3]
  %b = relu(%a) : f32[2,3]
  %n = add(%m, %p) : f32[3]
  return "y" %b
  return "m" %n updates %m
}`);

const withNode = (id: string, change: Partial<Node>): Graph => ({
  ...good,
  nodes: { ...good.nodes, [id]: { ...good.nodes[id]!, ...change } as Node },
});

test("a graph that satisfies every invariant passes", () => {
  expect(() => verify(good, "test")).not.toThrow();
});

test("an operand may be defined later in the record: order follows from operands", () => {
  const reversed = { ...good, nodes: Object.fromEntries(Object.entries(good.nodes).reverse()) };
  verify(reversed, "test");
  expect(executionOrder(reversed).map((node) => node.results[0]!.id)).toEqual(["n", "a", "b"]);
});

test("a chosen layout may differ from the inferred one", () => {
  const type = { dtype: "f32", shape: [2, 3], layout: [1, 0] } as const;
  expect(() => verify(withNode("b", { results: [{ id: "b", type }] }), "test")).not.toThrow();
});

describe("a broken invariant is an InternalError that names the stage", () => {
  const f32 = (...shape: number[]) => ({ dtype: "f32", shape }) as const;
  const body = parseGraph(`graph body(%q: input "q" f32[2,3]) {
    %z = relu(%q) : f32[9]
    return "z" %z
  }`);
  const cases: readonly (readonly [string, Graph, RegExp])[] = [
    [
      "a value defined twice",
      withNode("b", { results: [{ id: "a", type: f32(2, 3) }] }),
      /first result %a|defined twice/,
    ],
    [
      "a result with an input's id",
      { ...good, inputs: [...good.inputs, { ...good.inputs[0]!, id: "b" }] },
      /%b is defined twice/,
    ],
    [
      "an id like an integer",
      { ...good, inputs: [...good.inputs, { ...good.inputs[0]!, id: "7" }] },
      /%7 looks like an integer/,
    ],
    [
      "a node under another key",
      { ...good, nodes: { ...good.nodes, other: good.nodes["a"]! } },
      /node other has first result %a/,
    ],
    ["a node without results", withNode("b", { results: [] }), /node b has no results/],
    ["an operand that does not exist", withNode("b", { operands: ["ghost"] }), /%ghost is not defined/],
    ["a cycle", withNode("a", { operands: ["b", "m"] }), /cycle/],
    [
      "a shape that is not the inferred one",
      withNode("b", { results: [{ id: "b", type: f32(3, 2) }] }),
      /inferred f32\[2,3\]/,
    ],
    [
      "a dtype that is not the inferred one",
      withNode("b", { results: [{ id: "b", type: { dtype: "i32", shape: [2, 3] } }] }),
      /inferred f32\[2,3\]/,
    ],
    [
      "too many results",
      withNode("b", {
        results: [
          { id: "b", type: f32(2, 3) },
          { id: "c", type: f32(2, 3) },
        ],
      }),
      /inferred f32\[2,3\]/,
    ],
    [
      "operands the op refuses",
      withNode("a", { operands: ["x"] }),
      /types of %a cannot be inferred: add: expected 2 operands, got 1/,
    ],
    [
      "attributes of another op",
      withNode("b", { op: "reshape", attributes: {} } as never),
      /types of %b cannot be inferred/,
    ],
    [
      "a layout that is no order",
      withNode("b", { results: [{ id: "b", type: { ...f32(2, 3), layout: [1, 1] } }] }),
      /layout of %b/,
    ],
    [
      "a fusion whose body is broken",
      withNode("b", { op: "fusion", attributes: { body } } as never),
      /body of %b.*inferred|inferred/s,
    ],
    [
      "an output that does not exist",
      { ...good, outputs: [{ name: "y", value: "ghost" }] },
      /output "y" returns %ghost/,
    ],
    [
      "an update of a parameter",
      { ...good, outputs: [{ name: "p", value: "n", updates: "p" }] },
      /updates %p, which is not state/,
    ],
    [
      "an update of another shape",
      { ...good, outputs: [{ name: "m", value: "b", updates: "m" }] },
      /state %m is f32\[3\], its update f32\[2,3\]/,
    ],
    [
      "two updates of one state",
      { ...good, outputs: [...good.outputs, { name: "m2", value: "n", updates: "m" }] },
      /state %m is updated twice/,
    ],
  ];
  test.each(cases)("%s", (_, graph, message) => {
    let error: unknown;
    try {
      verify(graph, "the stage");
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(InternalError);
    expect((error as Error).message).toMatch(/^the stage/);
    expect((error as Error).message).toMatch(message);
  });

  test("the message shows the node among its neighbours", () => {
    const graph = withNode("b", { results: [{ id: "b", type: f32(3, 2) }] });
    expect(() => verify(graph, "stage")).toThrow(
      / {2}%a = add\(%x, %m\).*\n> %b = relu\(%a\) : f32\[3,2\]\n/,
    );
  });
});
