/** Models of a few bytes that ask for long work while they are imported: refused at once, by name, in little memory. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/import/onnx/model.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { floats, integers, modelBytes, node, value, type FunctionInit, type ModelParts, type NodeParts } from "./onnx/build-model.ts"; // prettier-ignore

const scalar = (name: string, given: number) => integers(name, [given], []);
const one = [value("x", [1])];
const open = [value("y", ["a"])];

function refusal(parts: ModelParts): UserError {
  const bytes = modelBytes(parts);
  const start = performance.now();
  const before = process.memoryUsage().rss;
  try {
    traceOnnx(importOnnx(bytes));
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20 + 8 * bytes.length);
    return error as UserError;
  }
  throw new Error("the model was accepted");
}

/** Each calls the one before it twice. */
const laughs = Array.from({ length: 29 }, (_, i): FunctionInit => {
  const call = (input: string, output: string): NodeParts => ({ ...node(`f${i - 1}`, [input], [output]), domain: "d" });
  return {
    name: `f${i}`,
    domain: "d",
    input: ["x"],
    output: ["y"],
    opsetImport: [{ domain: "", version: 18n }, { domain: "d", version: 1n }],
    node: i === 0 ? [node("Relu", ["x"], ["y"])] : [call("x", "a"), call("a", "y")],
  };
}); // prettier-ignore

describe("a short model that asks for long work", () => {
  it.each<[string, ModelParts, RegExp]>([
    ["a sequence of 64 million slices", { nodes: [node("SplitToSequence", ["x"], ["s"]), node("ConcatFromSequence", ["s"], ["y"], { axis: 0 })], inputs: [value("x", [2 ** 26])], outputs: open }, /a sequence of 67108864 tensors; at most/],
    ["the length of one", { nodes: [node("Expand", ["x", "n"], ["a"]), node("SplitToSequence", ["a", "k"], ["s"]), node("SequenceLength", ["s"], ["y"])], inputs: one, outputs: [value("y", [], DataType.INT64)], initializers: [integers("n", [2 ** 30]), scalar("k", 1)] }, /a sequence of 1073741824 tensors/],
    ["functions that double", { nodes: [{ ...node("f28", ["x"], ["y"]), domain: "d" }], functions: laughs }, /functions expand to more than/],
    ["a window of a billion elements", { nodes: [node("HannWindow", ["n"], ["w"]), node("Add", ["w", "x"], ["y"])], inputs: one, outputs: open, initializers: [scalar("n", 2 ** 30)] }, /1073741824 elements/],
    ["a range of a billion numbers", { nodes: [node("Range", ["a", "b", "c"], ["y"])], inputs: [], outputs: [value("y", ["a"], DataType.INT64)], initializers: [scalar("a", 0), scalar("b", 2 ** 30), scalar("c", 1)] }, /1073741824 elements/],
    ["a grid of a billion places", { nodes: [node("AffineGrid", ["x", "n"], ["y"])], opset: 20, inputs: [value("x", [1, 2, 3])], outputs: [value("y", ["a", "b", "c", "d"])], initializers: [integers("n", [1, 1, 30000, 30000])] }, /900000000 elements/],
    ["16 million steps of a recurrent layer", { nodes: [node("GRU", ["x", "w", "r"], ["y"], { hidden_size: 1 })], inputs: [value("x", [2 ** 24, 1, 1])], outputs: [value("y", ["a", "b", "c", "d"])], initializers: [floats("w", [1, 3, 1], [1, 1, 1]), floats("r", [1, 3, 1], [1, 1, 1])] }, /16777216 time steps/],
    ["a split to more results than there are", { nodes: [node("Split", ["x"], ["y"], { num_outputs: 2 ** 28 })], inputs: [value("x", [2 ** 28])], outputs: open }, /num_outputs is 268435456/],
  ])("is refused: %s", (_, parts, message) => {
    expect(refusal(parts).message).toMatch(message);
  }); // prettier-ignore

  it("is refused: a sequence that grows by one tensor 5,000 times", () => {
    const grown = Array.from({ length: 5000 }, (_, i) => node("SequenceInsert", [`s${i}`, "x"], [`s${i + 1}`]));
    const nodes = [node("SequenceEmpty", [], ["s0"]), ...grown, node("ConcatFromSequence", ["s5000"], ["y"], { axis: 0 })];
    const { code, message } = refusal({ nodes, inputs: one, outputs: open });
    expect(code).toBe("unsupported");
    expect(message).toMatch(/sequences have too many tensors/);
  }); // prettier-ignore

  it("is imported where it is no bomb: a sequence of 500 tensors", () => {
    const grown = Array.from({ length: 500 }, (_, i) => node("SequenceInsert", [`s${i}`, "x"], [`s${i + 1}`]));
    const nodes = [node("SequenceEmpty", [], ["s0"]), ...grown, node("ConcatFromSequence", ["s500"], ["y"], { axis: 0 })];
    const { graph } = traceOnnx(importOnnx(modelBytes({ nodes, inputs: one, outputs: open })));
    const types = Object.values(graph.nodes).flatMap(({ results }) => results.map(({ type }) => type.shape));
    expect(types).toContainEqual([500]);
  }); // prettier-ignore
});
