import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/ir/builder.ts";
import { evaluate } from "../../src/ir/evaluate.ts";
import { tensor } from "../../src/ir/host-tensor.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";
import { verify } from "../../src/ir/verify.ts";

const vector = tensorType("f32", [2]);

describe("ids", () => {
  test.each([
    ["x", "x"],
    ["fc.weight", "fc_weight"],
    ["0.weight", "_0_weight"],
    ["__proto__", "__proto___0"],
    ["größe", "gr__e"],
    ["", "_"],
  ])("an input named %j has the id %s", (name, id) => {
    expect(new GraphBuilder("g").input("parameter", name, vector)).toBe(id);
  });

  test("names that clean up to one id, or look like a node's, stay apart", () => {
    const builder = new GraphBuilder("g");
    const inputs = ["a.b", "a_b", "a-b", "v0", "v1"].map((name) => builder.input("input", name, vector));
    const nodes = [builder.add("relu", [inputs[0]!], {}), builder.add("relu", [inputs[1]!], {})];
    expect(new Set([...inputs, ...nodes]).size).toBe(7);
    verify(builder.build(), "test");
  });
});

test("an error of an op gains the place it was asked for, once", () => {
  const builder = new GraphBuilder("g");
  const x = builder.input("input", "x", vector);
  const origin = { modulePath: "layer1.fc", callSite: "/app/net.ts:3:7" };
  let error: unknown;
  try {
    builder.add("reshape", [x], { shape: [3] }, origin);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).origin).toEqual(origin);
  expect((error as UserError).message.split("\n")).toEqual([
    "reshape: f32[2] has 2 elements, which do not fit shape [3].",
    "    in module 'layer1.fc', called at /app/net.ts:3:7",
  ]);
});

describe("evaluate checks what it is given", () => {
  const builder = new GraphBuilder("g");
  builder.output("y", builder.add("relu", [builder.input("input", "constructor", vector)], {}));
  const graph = builder.build();

  test.each([
    ["a missing input, even one named like a method", {}, /input 'constructor' is missing/],
    ["another shape", { constructor: tensor([1, 2, 3]) }, /is f32\[3\], expected f32\[2\]/],
    ["another dtype", { constructor: tensor(Int32Array.of(1, 2)) }, /is i32\[2\], expected f32\[2\]/],
    [
      "data too short for its shape",
      { constructor: { ...tensor([1]), shape: [2] } },
      /shape \[2\] holds 2 elements, but the data has 1/,
    ],
  ])("%s", (_, inputs, message) => {
    expect(() => evaluate(graph, inputs as never)).toThrow(message);
  });

  test("inputs that fit", () => {
    expect(evaluate(graph, { constructor: tensor([-1, 2]) } as never)["y"]).toEqual(tensor([0, 2]));
  });
});
