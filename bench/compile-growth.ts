/**
 * How compile time grows with a graph: `npm run bench:growth`. For each kind of graph, everything between tracing and
 * loading at growing numbers of nodes, in microseconds a node: a column that stays level is n, one that grows with the
 * number of digits n log n.
 */
import { wasmTarget, type Target } from "../src/codegen/target.ts";
import { buildExecutable, passOptions } from "../src/compile.ts";
import { GraphBuilder } from "../src/ir/builder.ts";
import type { Graph, ValueId } from "../src/ir/graph.ts";
import { tensorType } from "../src/ir/tensor-type.ts";

const vector = tensorType("f32", [16]);

type Grow = (builder: GraphBuilder, x: ValueId, nodes: number) => ValueId | readonly ValueId[];

const kinds: Readonly<Record<string, Grow>> = {
  "chain of elementwise": (builder, x, nodes) => {
    for (let i = 0; i < nodes; i++) x = builder.add(i % 2 === 0 ? "sin" : "neg", [x], {});
    return x;
  },
  "chain of products": (builder, x, nodes) => {
    const weight = builder.input("parameter", "w", tensorType("f32", [16, 16]));
    x = builder.add("reshape", [x], { shape: [1, 16] });
    for (let i = 0; i < nodes / 2; i++)
      x = builder.add("sin", [builder.add("matmul", [x, weight], { packing: null })], {});
    return x;
  },
  "every value twice": (builder, x, nodes) => {
    for (let i = 0; i < nodes; i++) x = builder.add("mul", [x, x], {});
    return x;
  },
  "tree of sums": (builder, x, nodes) => {
    let level: ValueId[] = Array.from({ length: nodes / 2 }, (_, i) =>
      builder.add(
        "add",
        [x, builder.add("constant", [], { value: { dtype: "f32", shape: [], data: Float32Array.of(i) } })],
        {},
      ),
    );
    while (level.length > 1)
      level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
        level[2 * i + 1] === undefined
          ? level[2 * i]!
          : builder.add("mul", [level[2 * i]!, level[2 * i + 1]!], {}),
      );
    return level[0]!;
  },
  "one concatenation of all": (builder, x, nodes) => {
    const parts = Array.from({ length: nodes }, (_, i) => builder.add(i % 2 === 0 ? "sin" : "cos", [x], {}));
    return builder.add("concat", parts, { axis: 0 });
  },
  "concatenation of one value": (builder, x, nodes) =>
    builder.add(
      "concat",
      Array.from({ length: nodes }, () => x),
      { axis: 0 },
    ),
  "nested concatenations, doubled and cut": (builder, x, nodes) => {
    for (let i = 0; i < nodes / 2; i++) {
      const both = builder.add("concat", [x, x], { axis: 0 });
      x = builder.add("slice", [both], { start: [3], size: [16], step: [1] });
    }
    return x;
  },
  "a step that reads all earlier ones": (builder, x, nodes) => {
    const steps: ValueId[] = [x];
    for (let i = 0; i < nodes / 4; i++) {
      const last = steps.at(-1)!;
      const other = steps[Math.floor(steps.length / 2)]!;
      const sum = builder.add("add", [last, other], {});
      const cut = builder.add("slice", [builder.add("concat", [sum, other], { axis: 0 })], {
        start: [5],
        size: [16],
        step: [1],
      });
      steps.push(builder.add("tanh", [cut], {}));
    }
    return steps.at(-1)!;
  },
  "recurrent layer": (builder, x, nodes) => {
    const steps = Math.ceil(nodes / 9);
    const sequence = builder.input("input", "sequence", tensorType("f32", [steps, 1, 16]));
    const [w, u] = ["w", "u"].map((name) => builder.input("parameter", name, tensorType("f32", [16, 16])));
    let h = builder.add("reshape", [x], { shape: [1, 16] });
    const all: ValueId[] = [];
    for (let t = 0; t < steps; t++) {
      const cut = builder.add("slice", [sequence], { start: [t, 0, 0], size: [1, 1, 16], step: [1, 1, 1] });
      const input = builder.add("reshape", [cut], { shape: [1, 16] });
      const sum = builder.add(
        "add",
        [
          builder.add("matmul", [input, w!], { packing: null }),
          builder.add("matmul", [h, u!], { packing: null }),
        ],
        {},
      );
      const gate = builder.add("sigmoid", [sum], {});
      h = builder.add("mul", [gate, builder.add("tanh", [sum], {})], {});
      all.push(builder.add("reshape", [h], { shape: [1, 1, 16] }));
    }
    return builder.add("concat", all, { axis: 0 });
  },
  "results, all of them": (builder, x, nodes) =>
    Array.from({ length: nodes }, (_, i) =>
      builder.add(
        i % 2 === 0 ? "sin" : "cos",
        [builder.add("slice", [x], { start: [i % 16], size: [1], step: [1] })],
        {},
      ),
    ).slice(0, nodes / 2),
};

export function growing(kind: string, nodes: number): Graph {
  const builder = new GraphBuilder("growing");
  const x = builder.input("input", "x", vector);
  const results = [kinds[kind]!(builder, x, nodes)].flat() as ValueId[];
  results.forEach((value, i) => builder.output(`y${i}`, value));
  return builder.build();
}

const openclTarget: Target = { ...wasmTarget, language: "opencl-c", vectorWidth: 16, vectorRegisters: 32 };

const sizes = (process.argv[2] ?? "1000,3000,10000,30000").split(",").map(Number);
const only = process.argv[3];
console.log(["µs a node".padEnd(44), ...sizes.map((size) => String(size).padStart(8))].join(""));
for (const [language, target] of [
  ["wasm", wasmTarget],
  ["opencl", openclTarget],
] as const) {
  for (const kind of Object.keys(kinds)) {
    if (only !== undefined && !`${kind} ${language}`.includes(only)) continue;
    const row = sizes.map((size) => {
      const graph = growing(kind, size);
      const start = performance.now();
      buildExecutable(graph, target, passOptions({}));
      return (1000 * (performance.now() - start)) / Object.keys(graph.nodes).length;
    });
    console.log([`${kind} (${language})`.padEnd(44), ...row.map((us) => us.toFixed(0).padStart(8))].join(""));
  }
}
