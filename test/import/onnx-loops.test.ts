/** Loops whose iterations are known while importing, and the sequences they make: both leave only what they compute. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, type HostTensor } from "../../src/index.ts";
import { inspectOnnx } from "../../src/import/onnx/inspect.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProtoSchema,
} from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { integers, modelBytes, node, value, type ModelParts, type NodeParts } from "./onnx/build-model.ts";

type GraphInit = MessageInitShape<typeof GraphProtoSchema>;

const names = (list: string[]) => list.map((name) => ({ name }));

function loop(input: string[], output: string[], body: GraphInit): NodeParts {
  const attribute = [{ name: "body", type: AttributeType.GRAPH, g: body }];
  return { ...node("Loop", input, output), attribute };
}

const body = (inputs: string[], outputs: string[], nodes: NodeParts[]): GraphInit => ({
  input: names(inputs),
  output: names(outputs),
  node: nodes,
});

/** A body of `length` negations. */
const negating = (length: number): GraphInit => {
  const chain = Array.from({ length }, (_, i) => node("Neg", [i === 0 ? "total" : `n${i - 1}`], [`n${i}`]));
  const last = `n${length - 1}`;
  return body(["i", "goesOn", "total"], ["same", last, last], [node("Identity", ["goesOn"], ["same"]), ...chain]); // prettier-ignore
};

/** total starts as x and doubles; every iteration puts it out, with its number added. */
const doubling = body(
  ["i", "goesOn", "total"],
  ["same", "twice", "seen"],
  [
    node("Identity", ["goesOn"], ["same"]),
    node("Add", ["total", "total"], ["twice"]),
    node("Cast", ["i"], ["number"], { to: DataType.FLOAT }),
    node("Add", ["twice", "number"], ["seen"]),
  ],
);

const doubled = (count: number): ModelParts => ({
  nodes: [loop(["count", "", "x"], ["last", "y"], doubling)],
  initializers: [integers("count", [count], [])],
  inputs: [value("x", [2])],
  outputs: [value("last", [2]), value("y", ["T", 2])],
});

async function run(parts: ModelParts, x: HostTensor): Promise<Record<string, HostTensor>> {
  await using compiled = await compile(importOnnx(modelBytes(parts)), { device: "cpu" });
  return await compiled.run<Record<string, HostTensor>>({ x });
}

describe("Loop", () => {
  it("hands values on and stacks what each iteration makes", async () => {
    expect(await run(doubled(3), tensor([1, 2]))).toEqual({
      last: tensor([8, 16]),
      y: tensor([2, 4, 5, 9, 10, 18], [3, 2]),
    });
  });

  it("ends where its body says so", async () => {
    const stops = body(
      ["i", "goesOn", "before"],
      ["less", "after"],
      [node("Less", ["i", "limit"], ["less"]), node("Add", ["before", "before"], ["after"])],
    );
    const parts: ModelParts = {
      nodes: [loop(["", "", "x"], ["y"], stops)],
      initializers: [integers("limit", [2], [])],
      inputs: [value("x", [1])],
      outputs: [value("y", [1])],
    };
    expect(await run(parts, tensor([1]))).toEqual({ y: tensor([8]) });
  });

  it("takes a tensor apart into a sequence: how PyTorch exports tensor_split", async () => {
    const parts: ModelParts = {
      nodes: [
        node("SequenceEmpty", [], ["none"]),
        loop(
          ["three", "", "none"],
          ["parts"],
          body(
            ["i", "goesOn", "before"],
            ["same", "after"],
            [
              node("Identity", ["goesOn"], ["same"]),
              node("Gather", ["x", "i"], ["part"], { axis: 1 }),
              node("SequenceInsert", ["before", "part"], ["after"]),
            ],
          ),
        ),
        node("Identity", ["parts"], ["again"]),
        node("SequenceAt", ["again", "last"], ["y"]),
      ],
      initializers: [integers("three", [3], []), integers("last", [-1], [])],
      inputs: [value("x", [2, 3])],
      outputs: [value("y", [2])],
    };
    expect(await run(parts, tensor([1, 2, 3, 4, 5, 6], [2, 3]))).toEqual({ y: tensor([3, 6]) });
    const { graph } = traceOnnx(importOnnx(modelBytes(parts)));
    expect(Object.keys(graph.nodes).length).toBeGreaterThan(0);
    expect(inspectOnnx(modelBytes(parts)).unsupported).toEqual([]);
  });

  it("of no iterations hands on what it was given, and stacks nothing, of the shape that an iteration would make", async () => {
    expect(await run(doubled(0), tensor([1, 2]))).toEqual({ last: tensor([1, 2]), y: tensor([], [0, 2]) });
    // The condition ends it, too, and integers stay integers.
    const counting = body(["i", "goesOn"], ["same", "seen"], [
      node("Identity", ["goesOn"], ["same"]),
      node("Add", ["i", "i"], ["seen"]),
    ]); // prettier-ignore
    const never = { name: "never", dims: [], dataType: DataType.BOOL, int32Data: [0] };
    const parts: ModelParts = {
      nodes: [loop(["", "never"], ["y"], counting), node("Shape", ["y"], ["shape"])],
      initializers: [never],
      inputs: [],
      outputs: [{ name: "y" }, { name: "shape" }],
    };
    await using compiled = await compile(importOnnx(modelBytes(parts)), { device: "cpu" });
    expect(await compiled.run()).toEqual({ y: tensor([], [0], "i64"), shape: tensor([0n]) });
  });

  it("of no iterations goes by what its body declares, where an iteration could not be", async () => {
    // The first iteration would take row 5 of 2.
    const reading = (declared: ReturnType<typeof value>): ModelParts => ({
      nodes: [
        loop(["count", ""], ["y"], {
          input: names(["i", "goesOn"]),
          output: [{ name: "same" }, declared],
          node: [node("Identity", ["goesOn"], ["same"]), node("Gather", ["x", "five"], ["row"])],
        }),
        node("Concat", ["y", "x"], ["all"], { axis: 0 }),
      ],
      initializers: [integers("count", [0], []), integers("five", [5], [])],
      inputs: [value("x", [2, 3])],
      outputs: [{ name: "all" }],
    }); // prettier-ignore
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(await run(reading(value("row", [3])), x)).toEqual({ all: x });
    expect(() => traceOnnx(importOnnx(modelBytes(reading({ name: "row" }))))).toThrow(
      /Loop_of_y': output 0 is of no iterations, and what one would make of it is not known .*index 5/,
    );
  });

  it("is refused where data decides how often it runs, with its name", () => {
    const parts: ModelParts = {
      ...doubled(1),
      initializers: [],
      inputs: [value("x", [2]), value("count", [], DataType.INT64)],
    };
    expect(() => traceOnnx(importOnnx(modelBytes(parts)))).toThrow(
      /Loop 'Loop_of_last': the number of iterations is computed from the input 'count'; branches and loops that depend on data/,
    );
    expect(inspectOnnx(modelBytes(parts)).unsupported).toEqual([
      { operator: "Loop", nodes: ["Loop_of_last"], reason: "control flow that depends on data" },
    ]);
  });

  it.each<[string, ModelParts, RegExp]>([
    ["that runs too often", doubled(100000), /Loop_of_last.*more iterations than are unrolled/],
    ["whose body is long for how often it runs", { ...doubled(300), nodes: [loop(["count", "", "x"], ["last", "y"], negating(300))] }, /Loop_of_last.*more iterations than are unrolled/],
    ["without a body", { ...doubled(1), nodes: [node("Loop", ["count", "", "x"], ["last", "y"])] }, /Loop_of_last.*body is missing/],
    ["whose body takes too little", { ...doubled(1), nodes: [loop(["count", "", "x", "x"], ["last", "y"], doubling)] }, /inputs of body: 3, expected 4/],
    ["whose body makes too little", { ...doubled(1), nodes: [loop(["count", "", "x"], ["last", "y", "z"], doubling)] }, /outputs of body: 3, expected 4/],
  ])("is refused %s", (_, parts, message) => {
    expect(() => traceOnnx(importOnnx(modelBytes(parts)))).toThrow(message);
  }); // prettier-ignore
});

describe("sequences", () => {
  const x = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5, 2]);
  const parts = (nodes: NodeParts[]): ModelParts => ({
    nodes,
    initializers: [integers("two", [2], []), integers("zero", [0], []), integers("sizes", [1, 4]), integers("nine", [9], [])],
    inputs: [value("x", [5, 2])],
    outputs: [value("y", ["A", "B"])],
  }); // prettier-ignore

  it.each<[string, NodeParts[], HostTensor]>([
    ["are split by a size", [node("SplitToSequence", ["x", "two"], ["s"]), node("SequenceAt", ["s", "two"], ["y"])], tensor([9, 10], [1, 2])],
    ["are split by sizes", [node("SplitToSequence", ["x", "sizes"], ["s"]), node("SequenceAt", ["s", "zero"], ["y"])], tensor([1, 2], [1, 2])],
    ["are split into single elements", [node("SplitToSequence", ["x"], ["s"], { axis: -1, keepdims: 0 }), node("ConcatFromSequence", ["s"], ["y"], { axis: 0, new_axis: 1 })], tensor([1, 3, 5, 7, 9, 2, 4, 6, 8, 10], [2, 5])],
    ["lose and gain tensors, and join", [node("SplitToSequence", ["x", "two"], ["s"]), node("SequenceErase", ["s", "zero"], ["t"]), node("SequenceAt", ["s", "zero"], ["a"]), node("SequenceInsert", ["t", "a"], ["u"]), node("ConcatFromSequence", ["u"], ["y"], { axis: 0 })], tensor([5, 6, 7, 8, 9, 10, 1, 2, 3, 4], [5, 2])],
    ["tell how long they are", [node("SequenceConstruct", ["x", "x"], ["s"]), node("SequenceLength", ["s"], ["n"]), node("Cast", ["n"], ["f"], { to: DataType.FLOAT }), node("Add", ["x", "f"], ["y"])], tensor([3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [5, 2])],
  ])("%s", async (_, nodes, expected) => {
    expect(await run(parts(nodes), x)).toEqual({ y: expected });
  }); // prettier-ignore

  it.each<[string, NodeParts[], RegExp]>([
    ["a place that is not there", [node("SequenceConstruct", ["x"], ["s"]), node("SequenceAt", ["s", "nine"], ["y"])], /SequenceAt_of_y.*position 9 in a sequence of 1/],
    ["sizes that do not fit", [node("SplitToSequence", ["x", "sizes"], ["s"], { axis: 1 }), node("SequenceAt", ["s", "zero"], ["y"])], /SplitToSequence_of_s.*sizes 1, 4 of a dimension of 2/],
    ["nothing to join", [node("SequenceEmpty", [], ["s"]), node("ConcatFromSequence", ["s"], ["y"], { axis: 0 })], /ConcatFromSequence_of_y.*no tensors/],
    ["a tensor's operator", [node("SequenceConstruct", ["x"], ["s"]), node("Exp", ["s"], ["y"])], /Exp_of_y/],
    ["a tensor that is no sequence", [node("SequenceAt", ["x", "zero"], ["y"])], /SequenceAt_of_y/],
    ["a result", [node("SequenceConstruct", ["x"], ["y"])], /'y'.*sequence/],
  ])("are refused for %s", (_, nodes, message) => {
    expect(() => traceOnnx(importOnnx(modelBytes(parts(nodes))))).toThrow(message);
  }); // prettier-ignore
});
