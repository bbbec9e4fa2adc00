/**
 * Graphs that are long, wide or doubled again and again compile to text in proportion to their nodes and operands, and
 * are right. (How long that takes is `npm run bench:growth`.)
 */
import { describe, expect, it } from "vitest";
import { wasmTarget } from "../src/codegen/target.ts";
import { buildExecutable, passOptions } from "../src/compile.ts";
import { GraphBuilder } from "../src/ir/builder.ts";
import { evaluate } from "../src/ir/evaluate.ts";
import type { Graph, ValueId } from "../src/ir/graph.ts";
import { tensor } from "../src/ir/host-tensor.ts";
import { tensorType } from "../src/ir/tensor-type.ts";
import { relativeError } from "./recordings/compare.ts";
import { lazyDevice, runGraph } from "./devices/run-graph.ts";

type Grow = (builder: GraphBuilder, x: ValueId, size: number) => ValueId;

const cut = (builder: GraphBuilder, x: ValueId, start: number): ValueId =>
  builder.add("slice", [x], { start: [start], size: [4], step: [1] });

const kinds: Readonly<Record<string, Grow>> = {
  "a value joined to itself, cut, and again": (builder, x, size) => {
    for (let i = 0; i < size; i++) x = cut(builder, builder.add("concat", [x, x], { axis: 0 }), 1 + (i % 3));
    return x;
  },
  "sums of two cuts of one value": (builder, x, size) => {
    for (let i = 0; i < size; i++) {
      const wide = builder.add("pad", [x], { padding: [[1, 1]], value: 0 });
      const half = builder.add("constant", [], { value: tensor([0.5], []) });
      x = builder.add(
        "mul",
        [builder.add("add", [cut(builder, wide, 0), cut(builder, wide, 2)], {}), half],
        {},
      );
    }
    return x;
  },
  "one concatenation of many": (builder, x, size) =>
    builder.add(
      "concat",
      Array.from({ length: size }, (_, i) => builder.add(i % 2 === 0 ? "sin" : "neg", [x], {})),
      { axis: 0 },
    ),
  "one concatenation of one value, many times": (builder, x, size) =>
    builder.add("concat", new Array<ValueId>(size).fill(x), { axis: 0 }),
  "a long chain behind a product": (builder, x, size) => {
    const square = builder.add("reshape", [x], { shape: [2, 2] });
    let y = builder.add("matmul", [square, square], { packing: null });
    for (let i = 0; i < size; i++) y = builder.add(i % 2 === 0 ? "tanh" : "neg", [y], {});
    return y;
  },
};

function graphOf(kind: string, size: number): Graph {
  const builder = new GraphBuilder("grown");
  const x = builder.input("input", "x", tensorType("f32", [4]));
  builder.output("y", kinds[kind]!(builder, x, size));
  return builder.build();
}

const charactersOf = (graph: Graph): number =>
  buildExecutable(graph, wasmTarget, passOptions({})).executable.kernels.reduce(
    (sum, { source }) => sum + source.length,
    0,
  );

describe("kernels of graphs that grow", () => {
  const device = lazyDevice("cpu");

  it.each(Object.keys(kinds))("%s: text in proportion, and right", async (kind) => {
    const [small, large] = [60, 480].map((size) => charactersOf(graphOf(kind, size))) as [number, number];
    expect(large / small).toBeLessThan(16);
    const graph = graphOf(kind, 100);
    const values = { x: tensor([0.5, -0.25, 0.125, 1], [4]) };
    const { results } = await runGraph(await device(), graph, values);
    expect(relativeError(results["y"]!, evaluate(graph, values)["y"]!)).toBeLessThan(1e-5);
  });

  it("2,000 operands, and 5,000 results, do not overflow a stack", async () => {
    const joined = graphOf("one concatenation of many", 2000);
    const values = { x: tensor([0.5, -0.25, 0.125, 1], [4]) };
    const { results } = await runGraph(await device(), joined, values);
    expect(relativeError(results["y"]!, evaluate(joined, values)["y"]!)).toBeLessThan(1e-6);
    const builder = new GraphBuilder("results");
    const x = builder.input("input", "x", tensorType("f32", [4]));
    for (let i = 0; i < 5000; i++) builder.output(`y${i}`, builder.add(i % 2 === 0 ? "neg" : "abs", [x], {}));
    expect(buildExecutable(builder.build(), wasmTarget, passOptions({})).executable.outputs).toHaveLength(
      5000,
    );
  });
});
