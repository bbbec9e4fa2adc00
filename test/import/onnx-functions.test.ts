/** Calls of model-local functions mean what their bodies say; what does not fit together is refused by name. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, UserError } from "../../src/index.ts";
import { inspectOnnx } from "../../src/import/onnx/inspect.ts";
import { AttributeProto_AttributeType as AttributeType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { traceOnnx } from "../../src/import/onnx/trace-onnx.ts";
import { floats, modelBytes, node, value, type FunctionInit, type NodeParts } from "./onnx/build-model.ts";

const domain = "local";
const call = (name: string, input: string[], output: string[], attributes = {}): NodeParts => ({
  ...node(name, input, output, attributes),
  domain,
});
const definition = (
  name: string,
  input: string[],
  output: string[],
  body: NodeParts[],
  opset = 18n,
): FunctionInit => ({
  name,
  domain,
  input,
  output,
  node: body,
  opsetImport: [{ domain: "", version: opset }],
});
/** An attribute of a body's node that takes its value from the call. */
const from = (name: string, of: string) => ({ name, type: AttributeType.FLOAT, refAttrName: of });

async function resultOf(nodes: NodeParts[], functions: FunctionInit[]): Promise<number[]> {
  const initializers = [floats("w", [3], [10, 20, 30])];
  const inputs = [value("x", [3])];
  const model = importOnnx(
    modelBytes({ nodes, functions, initializers, inputs, outputs: [value("y", [3])] }),
  );
  await using compiled = await compile(model, { device: "cpu" });
  const { y } = await compiled.run<{ y: { data: Float32Array } }>({ x: tensor([-1, 0, 2], [3]) });
  return Array.from(y.data, (element) => element + 0);
}

describe("a call of a function", () => {
  const twice = definition(
    "Twice",
    ["a"],
    ["b"],
    [node("Add", ["a", "a"], ["t"]), node("Identity", ["t"], ["b"])],
  );

  it("is the function's nodes, with names of their own in each call", async () => {
    // The graph, too, has a value "t" and a value named as the first call would name its own.
    const nodes = [
      node("Neg", ["x"], ["t"]),
      call("Twice", ["t"], ["Twice_of_u/t"]),
      call("Twice", ["Twice_of_u/t"], ["u"]),
      node("Add", ["u", "t"], ["y"]),
    ];
    expect(await resultOf(nodes, [twice])).toEqual([5, 0, -10]);
  });

  it("may call others, leave inputs out and hand inputs through", async () => {
    const both = definition(
      "Both",
      ["a", "least"],
      ["c", "a"],
      [call("Twice", ["a"], ["d"]), node("Clip", ["d", "least"], ["c"])],
    );
    const nodes = [call("Both", ["x"], ["c", "same"]), node("Add", ["c", "same"], ["y"])];
    expect(await resultOf(nodes, [both, twice])).toEqual([-3, 0, 6]);
  });

  it("fills attributes in from the call, or by the function's default, or the operator's", async () => {
    const leaky = (own: object): FunctionInit => ({
      ...definition(
        "Leaky",
        ["a"],
        ["b"],
        [{ ...node("LeakyRelu", ["a"], ["b"]), attribute: [from("alpha", "slope")] }],
      ),
      ...own,
    });
    const slope = { name: "slope", type: AttributeType.FLOAT, f: 0.5 };
    const given = { ...call("Leaky", ["x"], ["y"]), attribute: [{ ...slope, f: 0.25 }] };
    const plain = call("Leaky", ["x"], ["y"]);
    expect(await resultOf([given], [leaky({ attribute: ["slope"] })])).toEqual([-0.25, 0, 2]);
    expect(await resultOf([plain], [leaky({ attributeProto: [slope] })])).toEqual([-0.5, 0, 2]);
    expect((await resultOf([plain], [leaky({ attribute: ["slope"] })]))[0]).toBeCloseTo(-0.01, 7);
  });

  it("renames what subgraphs of its nodes read and define", async () => {
    const branch = (name: string, input: string[]) => ({
      name: `${name}_branch`,
      type: AttributeType.GRAPH,
      g: { name, output: [{ name: "t" }], node: [node("Add", input, ["t"])] },
    });
    const chosen = definition(
      "Chosen",
      ["a", "x"],
      ["b"],
      [
        { ...node("Size", ["a"], ["size"]) },
        { ...node("Equal", ["size", "size"], ["cond"]) },
        {
          ...node("If", ["cond"], ["b"]),
          attribute: [branch("then", ["a", "x"]), branch("else", ["a", "a"])],
        },
      ],
    );
    // The function's x is the graph's w.
    expect(await resultOf([call("Chosen", ["x", "w"], ["y"])], [chosen])).toEqual([9, 20, 32]);
  });

  it("leaves a subgraph that the call gives its own names", async () => {
    const subgraph = (name: string, input: string[]) => ({
      name,
      type: AttributeType.GRAPH,
      g: { name, output: [{ name: "t" }], node: [node("Add", input, ["t"])] },
    });
    const chosen = definition(
      "Chosen",
      ["x"],
      ["b"],
      [
        node("Size", ["x"], ["size"]),
        node("Equal", ["size", "size"], ["cond"]),
        {
          ...node("If", ["cond"], ["b"]),
          attribute: [
            { name: "then_branch", type: AttributeType.GRAPH, refAttrName: "body" },
            subgraph("else_branch", ["x", "x"]),
          ],
        },
      ],
    );
    const nodes = [{ ...call("Chosen", ["w"], ["y"]), attribute: [subgraph("body", ["x", "x"])] }];
    // The function's x is the graph's w; that of the subgraph is the graph's own.
    expect(await resultOf(nodes, [{ ...chosen, attribute: ["body"] } as FunctionInit])).toEqual([-2, 0, 4]);
  });

  it("is counted by its nodes when a model is inspected", () => {
    const inspection = inspectOnnx(modelBytes({ nodes: [call("Twice", ["x"], ["y"])], functions: [twice] }));
    expect(inspection.unsupported).toEqual([]);
    expect(inspection.operators.map(({ name, count }) => `${name} ${count}`)).toEqual([
      "Add 1",
      "Identity 1",
    ]);
  });
});

describe("functions that do not fit are refused", () => {
  const plain = definition("F", ["a"], ["b"], [node("Relu", ["a"], ["b"])]);
  const doubling = Array.from({ length: 40 }, (_, i) =>
    definition(`F${i}`, ["a"], ["b"], [call(`F${i + 1}`, ["a"], ["t"]), call(`F${i + 1}`, ["t"], ["b"])]),
  );
  it.each<[string, NodeParts, FunctionInit[], RegExp]>([
    ["defined twice", call("F", ["x"], ["y"]), [plain, plain], /function local::F: it is defined twice/],
    ["calling itself", call("F", ["x"], ["y"]), [definition("F", ["a"], ["b"], [call("F", ["a"], ["b"])])], /local::F: it calls itself/],
    ["with too many inputs", call("F", ["x", "x"], ["y"]), [plain], /local::F: it has 1 inputs and 1 outputs; node 'F_of_y' calls it with 2 and 1/],
    ["with an unknown attribute", call("F", ["x"], ["y"], { k: 1 }), [plain], /local::F: it has no attribute k, which node 'F_of_y' gives/],
    ["of another operator set", call("F", ["x"], ["y"]), [definition("F", ["a"], ["b"], [], 9n)], /local::F: it is written for operator set 9, the model for 18/],
    ["that double without end", call("F0", ["x"], ["y"]), [...doubling, { ...plain, name: "F40" }], /functions expand to more than 65536 nodes/],
    ["with operators that are not known", call("F", ["x"], ["y"]), [definition("F", ["a"], ["b"], [node("Nothing", ["a"], ["b"])])], /Nothing: not supported \(F_of_y\/Nothing_of_b\)/],
    ["that are not there", call("G", ["x"], ["y"]), [plain], /local::G: an operator of another domain/],
  ])("%s", (_, node, functions, message) => {
    expect(() => importOnnx(modelBytes({ nodes: [node], functions }))).toThrow(message);
  }); // prettier-ignore
});

it("damage to a file with functions gives a model or a UserError, soon", () => {
  const inner = definition(
    "Inner",
    ["a"],
    ["b"],
    [node("Add", ["a", "a"], ["t"]), node("Relu", ["t"], ["b"])],
  );
  const outer = definition("Outer", ["a"], ["b"], [call("Inner", ["a"], ["t"]), call("Inner", ["t"], ["b"])]);
  const bytes = modelBytes({ nodes: [call("Outer", ["x"], ["y"])], functions: [outer, inner] });
  const outcomes = Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    try {
      traceOnnx(importOnnx(damaged));
      return "model";
    } catch (error) {
      if (error instanceof UserError) return "refused";
      throw error;
    }
  });
  expect(new Set(outcomes)).toEqual(new Set(["model", "refused"]));
});
