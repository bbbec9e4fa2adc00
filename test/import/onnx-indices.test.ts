/** Positions in ONNX files: those of an input are checked before each run, through what only moves or casts them. */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, UserError, type HostTensor } from "../../src/index.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import { floats, integers, modelBytes, node, value, type NodeParts } from "./onnx/build-model.ts";

const { INT64, INT32 } = DataType;
const table = floats("table", [3, 2], [0, 1, 2, 3, 4, 5]);

interface Case {
  readonly nodes: readonly NodeParts[];
  /** Of the input `i`. */
  readonly shape: readonly number[];
  readonly good: readonly number[];
  readonly bad: readonly number[];
  readonly says: RegExp;
  readonly type?: number;
}

const cases: Readonly<Record<string, Case>> = {
  Gather: {
    nodes: [node("Gather", ["table", "i"], ["y"])],
    shape: [2],
    good: [2, -3],
    bad: [0, 1000],
    says: /Gather.* is 1000 \(element 1\), expected -3 to 2/,
  },
  "Gather through a reshape and casts": {
    nodes: [
      node("Reshape", ["i", "row"], ["r"]),
      node("Cast", ["r"], ["c"], { to: INT32 }),
      node("Cast", ["c"], ["d"], { to: INT64 }),
      node("Gather", ["table", "d"], ["y"]),
    ],
    shape: [2, 2],
    good: [0, 1, 2, 0],
    bad: [0, 1, 2, -4],
    says: /is -4 \(element 3\)/,
  },
  "Gather of a slice": {
    nodes: [node("Slice", ["i", "one", "three"], ["s"]), node("Gather", ["table", "s"], ["y"])],
    shape: [4],
    good: [99, 1, 2, 99],
    bad: [0, 1, 3, 0],
    says: /is 3 \(element 2\)/,
  },
  GatherElements: {
    nodes: [node("GatherElements", ["table", "i"], ["y"], { axis: 1 })],
    shape: [3, 1],
    good: [0, 1, -2],
    bad: [0, 1, 2],
    says: /GatherElements.* is 2 \(element 2\), expected -2 to 1/,
  },
  GatherND: {
    nodes: [node("GatherND", ["table", "i"], ["y"])],
    shape: [2, 2],
    good: [0, 1, 2, 0],
    bad: [0, 2, 2, 0],
    says: /is 2 \(element 1\), expected -2 to 1/,
  },
  ScatterElements: {
    nodes: [node("ScatterElements", ["table", "i", "update"], ["y"])],
    shape: [1, 2],
    good: [0, 2],
    bad: [0, 3],
    says: /ScatterElements.* is 3/,
  },
};

async function run({ nodes, shape, type = INT64 }: Case, values: readonly number[]): Promise<unknown> {
  const initializers = [
    table,
    integers("row", [4]),
    integers("one", [1]),
    integers("three", [3]),
    floats("update", [1, 2], [7, 8]),
  ];
  const used = new Set(nodes.flatMap(({ input }) => input));
  const bytes = modelBytes({
    nodes,
    inputs: [value("i", shape, type)],
    outputs: [{ name: "y" }],
    initializers: initializers.filter(({ name }) => used.has(name!)),
  });
  const compiled = await compile(importOnnx(bytes), { device: "cpu" });
  try {
    return await compiled.run({ i: tensor(BigInt64Array.from(values, BigInt), shape, "i64") as HostTensor });
  } finally {
    compiled.dispose();
  }
}

describe("positions that an input holds", () => {
  it.each(Object.entries(cases))("%s", async (_, item) => {
    await run(item, item.good);
    const failure: unknown = await run(item, item.bad).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure).toMatchObject({ code: "index", message: expect.stringMatching(item.says) as string });
  });

  it("are checked as they were given, not as 32 bits hold them", async () => {
    await expect(run(cases["Gather"]!, [0, 2 ** 32])).rejects.toThrow(/4294967296/);
  });
});
