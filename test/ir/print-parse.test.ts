import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/ir/builder.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { parseGraph } from "../../src/ir/parse.ts";
import { printGraph } from "../../src/ir/print.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { verify } from "../../src/ir/verify.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { traceModule } from "../../src/nn/trace-module.ts";
import { loadRecordings } from "../recordings/load.ts";
import { oneOpGraph } from "../recordings/one-op-graph.ts";
import { recordedModules } from "../recordings/recorded-modules.ts";

const small = `graph net(%x: input "x" f32[1,4], %w: parameter "fc.weight" f32[4,2]) {
  %v0 = matmul(%x, %w) {packing=null} : f32[1,2] @"fc"
  %v1 = relu(%v0) : f32[1,2]
  return "output" %v1
}`;

const withFusion = `graph net(%x: input "x" f32[2,3]{1,0}, %m: state "running" f32[3]) {
  %y = fusion(%x, %m) {body=graph body(%a: input "a" f32[2,3]{1,0}, %b: input "b" f32[3]) {
    %v0 = add(%a, %b) : f32[2,3]{1,0}
    %v1 = relu(%v0) : f32[2,3]{1,0}
    return "y" %v1
  }} : f32[2,3]{1,0}
  %n = add(%m, %m) : f32[3]
  return "output" %y
  return "running" %n updates %m
}`;

/** A graph as plain values: undefined properties and key order aside, which the text does not hold. */
function roundTrip(graph: Graph): void {
  const text = printGraph(graph);
  const parsed = parseGraph(text);
  expect(printGraph(parsed)).toBe(text);
  const withoutCallSites = {
    ...graph,
    nodes: Object.fromEntries(
      Object.entries(graph.nodes).map(([id, { origin, ...node }]) => [
        id,
        { ...node, ...(origin?.modulePath !== undefined && { origin: { modulePath: origin.modulePath } }) },
      ]),
    ),
  };
  expect(parsed).toEqual(withoutCallSites);
}

describe("what is printed parses to the same graph", () => {
  test.each([
    ["a small graph with module paths", small],
    ["a fusion body, layouts and a state update", withFusion],
  ])("%s", (_, text) => {
    const graph = parseGraph(text);
    verify(graph, "test");
    expect(printGraph(graph)).toBe(text);
    roundTrip(graph);
  });

  test("every recorded op with its attributes", () => {
    for (const recorded of loadRecordings()) roundTrip(oneOpGraph(recorded));
  });

  test.each(Object.keys(recordedModules).filter((id) => id.endsWith("-train")))("the trace of %s", (id) => {
    const shape = { "mlp-train": [5, 7], "shared-train": [6, 5], "batch-norm-3d-train": [2, 3, 2, 3, 2] }[id];
    const channels = id.startsWith("conv") ? 3 : 4;
    const rank3 = id === "batch-norm-plain-train";
    roundTrip(
      traceModule(recordedModules[id]!(), [{ shape: shape ?? [2, channels, ...(rank3 ? [5] : [5, 5])] }])
        .graph,
    );
  });

  test.each([
    [
      "short f32 with special values",
      tensor([0, -0, NaN, Infinity, -Infinity, 1e-45, 3.4028234663852886e38, 0.1]),
    ],
    [
      "long f32 as base64",
      tensor(
        Float32Array.from({ length: 300 }, (_, i) => Math.sin(i)),
        [3, 100],
      ),
    ],
    ["a view into a larger buffer", tensor(new Float32Array(new ArrayBuffer(400), 40, 50))],
    ["i32 at both ends", tensor(Int32Array.from([-(2 ** 31), 2 ** 31 - 1]))],
    ["long u32", tensor(Uint32Array.from({ length: 40 }, (_, i) => 4294967295 - i))],
    ["bool", tensor([true, false, true])],
    ["long bool", tensor(Uint8Array.from({ length: 33 }, (_, i) => i % 2))],
    ["a scalar", tensor(5)],
    ["no elements", tensor([], [0, 3])],
  ])("a constant: %s", (_, value) => {
    const builder = new GraphBuilder("constants");
    builder.output("y", builder.add("constant", [], { value: value as never }));
    const graph = builder.build();
    roundTrip(graph);
    const read = evaluate(parseGraph(printGraph(graph)), {})["y"]!;
    expect(read.dtype).toBe(value.dtype);
    expect([...read.data].map((element) => (Object.is(element, -0) ? "-0" : String(element)))).toEqual(
      [...value.data].map((element) => (Object.is(element, -0) ? "-0" : String(element))),
    );
  });

  test("names with quotes, backslashes and line breaks", () => {
    const builder = new GraphBuilder("names");
    const x = builder.input("input", 'a "quoted" \\ name\n', tensorType("f32", [1]));
    builder.output("ünï\tcode", builder.add("relu", [x], {}, { modulePath: 'layer."0"' }));
    roundTrip(builder.build());
  });

  test("an elided constant says so and does not parse", () => {
    const builder = new GraphBuilder("constants");
    builder.output("y", builder.add("constant", [], { value: tensor(new Float32Array(100)) }));
    const text = printGraph(builder.build(), { elide: true });
    expect(text).toContain("dense f32[100] …");
    expect(() => parseGraph(text)).toThrow(UserError);
  });

  test("comments and white space are skipped", () => {
    const commented = small.replaceAll("\n", "  # a comment { %x\n\n");
    expect(parseGraph(commented)).toEqual(parseGraph(small));
  });
});

describe("malformed text is refused with line and column", () => {
  test.each([
    [
      "an unknown op",
      small.replace("relu", "frobnicate"),
      /line 3, column \d+: expected an op that exists, not 'frobnicate'/,
    ],
    ["an unknown dtype", small.replace("f32[1,4]", "f64[1,4]"), /line 1, .*expected a dtype, not 'f64'/],
    ["an unknown role", small.replace("input", "output"), /line 1, .*expected a role/],
    ["a missing brace", small.slice(0, -1), /line 5, column 1: expected '\}', found ""/],
    ["text after the graph", `${small}\ngraph`, /line 6, column 1: expected the end of the text/],
    [
      "a missing value sign",
      small.replace("(%v0)", "(v0)"),
      /line 3, column \d+: expected a value such as %x, found "v0\)/,
    ],
    ["a value defined twice", small.replace("%v1 =", "%v0 ="), /line 4.*%v0/s],
    ["a negative size", small.replace("f32[4,2]", "f32[-4,2]"), /line 1, .*expected sizes/],
    ["a fractional size", small.replace("f32[4,2]", "f32[1.5]"), /line 1, .*expected sizes/],
    ["a gigantic size", small.replace("f32[4,2]", "f32[1000000,1000000]"), /line 1, .*2\^31/],
    ["a layout that is no order", small.replace("f32[4,2]", "f32[4,2]{1,1}"), /line 1, .*expected a layout/],
    ["a layout of another rank", small.replace("f32[4,2]", "f32[4,2]{0}"), /line 1, .*expected a layout/],
    ["a bad escape in a string", small.replace('"fc"', '"\\q"'), /line 2, .*expected a string/],
    ["an open string", small.replace('"fc"', '"fc'), /line 2, .*expected a string/],
    ["an integer as a value", small.replaceAll("%v0", "%0"), /line 2, .*expected/],
    ["__proto__ as a value", small.replaceAll("%v0", "%__proto__"), /line 2, .*__proto__/],
    ["bad base64", 'graph g() { %c = constant() {value=dense f32[1] "!"} : f32[1] }', /expected base64/],
    [
      "short base64",
      'graph g() { %c = constant() {value=dense f32[2] "AAAA"} : f32[2] }',
      /expected 2 elements/,
    ],
    [
      "too few elements",
      "graph g() { %c = constant() {value=dense f32[2] [1]} : f32[2] }",
      /expected 2 elements, not 1/,
    ],
    ["deep nesting", `graph g() { %c = constant() {value=${"[".repeat(100_000)}`, /nested at most/],
    ["nothing", "", /line 1, column 1: expected 'graph'/],
  ])("%s", (_, text, message) => {
    let error: unknown;
    try {
      parseGraph(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).code).toBe("parse");
    expect((error as UserError).message).toMatch(message);
  });

  test("random damage gives a graph or a UserError, never anything else", () => {
    const random = seededRandom(7);
    const below = (limit: number) => Math.floor(random() * limit);
    const alphabet = '%{}[]():,="@#-+.e0123456789abfgnirtuxyz_ \n\\';
    const constant = small.replace(
      "%v1 = relu(%v0)",
      '%c = constant() {value=dense f32[17] "' + "A".repeat(90) + 'A="} : f32[17]\n  %v1 = relu(%v0)',
    );
    const outcomes = { parsed: 0, refused: 0 };
    for (let round = 0; round < 4000; round++) {
      const characters = [...[small, withFusion, constant][round % 3]!];
      for (let edits = 1 + below(3); edits > 0; edits--) {
        const at = below(characters.length);
        const letter = alphabet[below(alphabet.length)]!;
        characters.splice(at, below(3), ...(below(2) === 0 ? [letter] : []));
      }
      try {
        printGraph(parseGraph(characters.join("")));
        outcomes.parsed++;
      } catch (error) {
        expect(error, characters.join("")).toBeInstanceOf(UserError);
        outcomes.refused++;
      }
    }
    expect(outcomes.parsed).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});
