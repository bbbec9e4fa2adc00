/** If, whose branch is chosen while importing: by shapes, by constants, by inputs that are bound; else it is refused. */
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
import {
  floats,
  integers,
  modelBytes,
  node,
  value,
  type ModelParts,
  type NodeParts,
} from "./onnx/build-model.ts";

type GraphInit = MessageInitShape<typeof GraphProtoSchema>;

const branch = (nodes: NodeParts[], output: string, parts: Partial<GraphInit> = {}): GraphInit =>
  ({ node: nodes, output: [{ name: output }], ...parts }) as GraphInit;

const choice = (condition: string, yes: GraphInit, no: GraphInit, output = "y"): NodeParts => ({
  ...node("If", [condition], [output]),
  attribute: [
    { name: "then_branch", type: AttributeType.GRAPH, g: yes },
    { name: "else_branch", type: AttributeType.GRAPH, g: no },
  ],
});

/** y = squeeze(exp(x), 1) where that dimension is 1, else exp(x): how PyTorch exports squeeze. */
const squeeze: ModelParts = {
  nodes: [
    node("Exp", ["x"], ["e"]),
    node("Shape", ["e"], ["s"]),
    node("Gather", ["s", "one"], ["size"]),
    node("Equal", ["size", "one"], ["isOne"]),
    choice(
      "isOne",
      branch([node("Squeeze", ["e", "axes"], ["squeezed"])], "squeezed", {
        initializer: [integers("axes", [1])],
      }),
      branch([node("Identity", ["e"], ["same"])], "same"),
    ),
  ],
  initializers: [integers("one", [1], [])],
  inputs: [value("x", [2, "C"])],
  outputs: [value("y", ["A", "B"])],
};

/** y = x + 1 where the input says so, else what a nested If makes of it. */
const byInput: ModelParts = {
  nodes: [
    choice(
      "flag",
      branch([node("Add", ["x", "step"], ["more"])], "more"),
      branch(
        [
          choice(
            "always",
            branch([node("Sub", ["x", "step"], ["less"])], "less"),
            branch([node("Frobnicate", ["x"], ["never"])], "never"),
            "nested",
          ),
        ],
        "nested",
      ),
    ),
  ],
  initializers: [
    floats("step", [], [1]),
    { ...integers("always", [1], []), dataType: DataType.BOOL, int32Data: [1], int64Data: [] },
  ],
  inputs: [value("x", [2]), value("flag", [], DataType.BOOL)],
  outputs: [value("y", [2])],
};

const run = async (parts: ModelParts, x: HostTensor, options: Parameters<typeof traceOnnx>[1]) => {
  await using compiled = await compile(importOnnx(modelBytes(parts)), { device: "cpu", shapes: options! });
  return (await compiled.run<{ y: HostTensor }>({ x })).y;
};

describe("If", () => {
  it("is the branch that shapes choose", async () => {
    expect((await run(squeeze, tensor([0, 0], [2, 1]), { C: 1 })).shape).toEqual([2]);
    expect((await run(squeeze, tensor([0, 0, 0, 0], [2, 2]), { C: 2 })).shape).toEqual([2, 2]);
  });

  it("leaves nothing of the other branch in the graph", () => {
    const ops = (C: number) =>
      Object.values(traceOnnx(importOnnx(modelBytes(squeeze)), { C }).graph.nodes).map(({ op }) => op);
    expect(ops(1)).toEqual(["exp", "reshape"]);
    expect(ops(2)).toEqual(["exp"]);
  });

  it.each([
    [true, [2, 3]],
    [false, [0, 1]],
  ])("is the branch that a bound input chooses: %s", async (flag, expected) => {
    const constants = { flag: tensor([flag], []) };
    await using compiled = await compile(importOnnx(modelBytes(byInput)), { device: "cpu", constants });
    expect(await compiled.run({ x: tensor([1, 2]) })).toEqual({ y: tensor(expected) });
  });

  it("is refused where data decides, with its name and what to bind", () => {
    const model = importOnnx(modelBytes(byInput));
    expect(() => traceOnnx(model)).toThrow(
      /If 'If_of_y': the condition is computed from the input 'flag'; branches and loops that depend on data are not supported\..*constants: \{ "flag": tensor/,
    );
    expect(inspectOnnx(modelBytes(byInput)).unsupported).toEqual([
      { operator: "If", nodes: ["If_of_y"], reason: "control flow that depends on data" },
    ]);
    expect(inspectOnnx(modelBytes(squeeze)).unsupported).toEqual([]);
  });

  it("is reported where the shape that decides depends on data", () => {
    const parts: ModelParts = {
      nodes: [
        node("NonZero", ["x"], ["places"]),
        node("Size", ["places"], ["count"]),
        node("Cast", ["count"], ["any"], { to: DataType.BOOL }),
        choice("any", branch([node("Exp", ["x"], ["e"])], "e"), branch([], "x")),
      ],
    };
    expect(
      inspectOnnx(modelBytes(parts)).unsupported.map(({ operator, nodes }) => [operator, nodes]),
    ).toEqual([
      ["NonZero", ["NonZero_of_places"]],
      ["If", ["If_of_y"]],
    ]);
  });

  it("is refused where the branch that is taken uses what is not supported, with that node's name", () => {
    const odd = branch([node("Frobnicate", ["x"], ["odd"])], "odd");
    const parts = { ...byInput, nodes: [choice("always", odd, odd)], inputs: [value("x", [2])] };
    expect(() => traceOnnx(importOnnx(modelBytes(parts)))).toThrow(
      /Frobnicate: not supported \(Frobnicate_of_odd\)/,
    );
  });

  it.each<[string, NodeParts, RegExp]>([
    ["without a branch", { ...node("If", ["always"], ["y"]) }, /If_of_y.*then_branch is missing/],
    ["whose branch takes inputs", choice("always", branch([], "x", { input: [value("z", [2])] }), branch([], "x")), /If_of_y.*then_branch takes inputs/],
    ["of too few results", { ...choice("always", branch([], "x"), branch([], "x")), output: ["y", "z"] }, /If_of_y.*then_branch: 1, expected 2/],
    ["of a condition of two elements", choice("two", branch([], "x"), branch([], "x")), /the condition has 2 elements/],
    ["that reads what nothing defines", choice("always", branch([node("Exp", ["nowhere"], ["e"])], "e"), branch([], "x")), /node 'If_of_y' reads 'nowhere', which nothing defines/],
  ])("is refused %s", (_, conditional, message) => {
    const initializers = [...byInput.initializers!, integers("two", [1, 1])];
    const parts = { ...byInput, nodes: [conditional], initializers, inputs: [value("x", [2])] };
    expect(() => traceOnnx(importOnnx(modelBytes(parts)))).toThrow(message);
  }); // prettier-ignore
});
