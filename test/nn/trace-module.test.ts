import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { tensor, zeros } from "../../src/ir/host-tensor.ts";
import { printGraph } from "../../src/ir/print.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";
import { traceModule, type InputSpec } from "../../src/nn/trace-module.ts";
import { runTraced } from "../recordings/run-traced.ts";

/** A module that only has a forward. */
class Model extends nn.Module {
  constructor(readonly body: (...inputs: Tensor[]) => unknown) {
    super();
  }
  override forward(...inputs: Tensor[]): unknown {
    return this.body(...inputs);
  }
}

function failure(module: nn.Module, ...inputs: InputSpec[]): UserError {
  try {
    traceModule(module, inputs);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error("the trace succeeded");
}

const vector: InputSpec = { shape: [3] };

describe("a trace", () => {
  test("names the graph, its inputs and the module path of each node", () => {
    const { graph, stored } = traceModule(new nn.Sequential(new nn.Linear(3, 2), new nn.ReLU()), [
      { shape: [1, 3] },
    ]);
    expect(printGraph(graph)).toBe(
      [
        'graph Sequential(%input: input "input" f32[1,3], %_0_weight: parameter "0.weight" f32[2,3], %_0_bias: parameter "0.bias" f32[2]) {',
        '  %v0 = permute(%_0_weight) {axes=[1,0]} : f32[3,2] @"0"',
        '  %v1 = matmul(%input, %v0) {packing=null} : f32[1,2] @"0"',
        '  %v2 = add(%v1, %_0_bias) : f32[1,2] @"0"',
        '  %v3 = relu(%v2) : f32[1,2] @"1"',
        '  return "output" %v3',
        "}",
      ].join("\n"),
    );
    expect([...stored.keys()]).toEqual(["0.weight", "0.bias"]);
  });

  test("keeps the structure of what forward returns", () => {
    const model = new Model((x) => ({ logits: x!, parts: [x!.relu(), x!.neg()] }));
    const { structure, graph } = traceModule(model, [vector]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["logits", "parts.0", "parts.1"]);
    expect(structure).toEqual({
      kind: "object",
      entries: {
        logits: { kind: "tensor", output: 0 },
        parts: {
          kind: "array",
          items: [
            { kind: "tensor", output: 1 },
            { kind: "tensor", output: 2 },
          ],
        },
      },
    });
  });

  test("leaves the module as it was, also after an error", () => {
    const model = new Model((x) => x!.relu());
    const broken = new Model(() => undefined);
    traceModule(model, [vector]);
    failure(broken, vector);
    expect(Object.hasOwn(model, "forward")).toBe(false);
    expect(Object.hasOwn(broken, "forward")).toBe(false);
  });

  test("a forward that is the module's own property stays", () => {
    const model = new Model((x) => x);
    Object.assign(model, { forward: (x: Tensor) => x.neg() });
    for (let time = 0; time < 2; time++) {
      expect(runTraced(model, [tensor([1, -2])])[0]).toEqual(tensor([-1, 2]));
    }
  });

  test("a parameter may be called input, and outputs like buffers: names stay apart", () => {
    class Clash extends nn.Module {
      readonly input = new nn.Parameter(tensor([10, 20, 30]));
      readonly bn = new nn.BatchNorm1d(3);
      override forward(x: Tensor): Readonly<Record<string, Tensor>> {
        return { "bn.running_mean": this.bn.forward(x.add(this.input)) };
      }
    }
    const clash = new Clash();
    const [y] = runTraced(clash, [tensor([1, 2, 3, 3, 2, 1], [2, 3])]);
    expect(y!.shape).toEqual([2, 3]);
    expect([...clash.bn.runningMean!.value.data]).toEqual([...tensor([1.2, 2.2, 3.2]).data]);
  });

  test("a tensor used twice, a constant used twice, and one value returned twice", () => {
    const shift = tensor([1, 2, 3]);
    const model = new Model((x) => [x!.add(shift).mul(shift), x!]);
    const { graph } = traceModule(model, [vector]);
    expect(Object.values(graph.nodes).filter((node) => node.op === "constant")).toHaveLength(1);
    expect(runTraced(model, [tensor([1, 1, 1])])).toEqual([tensor([2, 6, 12]), tensor([1, 1, 1])]);
  });

  test("a variance adds only nodes it uses", () => {
    const { graph } = traceModule(new Model((x) => x!.var(0)), [vector]);
    const used = new Set([
      ...Object.values(graph.nodes).flatMap((node) => node.operands),
      graph.outputs[0]!.value,
    ]);
    expect(Object.keys(graph.nodes).filter((id) => !used.has(id))).toEqual([]);
  });

  test("i64 constants become i32 where they fit and are refused where not", () => {
    const small = new Model((x) => x!.add(tensor([5n], [])));
    expect(runTraced(small, [tensor([1, 2, 3])])[0]).toEqual(tensor([6, 7, 8]));
    const large = failure(new Model((x) => x!.add(tensor([2n ** 40n], []))), vector);
    expect(large.message).toMatch(/the i64 value 1099511627776 does not fit i32/);
  });
});

describe("what forward must not do is refused, with the remedy", () => {
  const foreign = new nn.Parameter(zeros([3], "f32"));
  let kept: Tensor | undefined;
  traceModule(new Model((x) => (kept = x!)), [vector]);

  test.each<readonly [string, (x: Tensor) => unknown, RegExp]>([
    [
      "return nothing",
      () => undefined,
      /forward\(\) must return a tensor.*output is nothing. Is a return statement missing\?/,
    ],
    ["return a number", () => 5, /output is 5/],
    ["return a promise", (x) => Promise.resolve(x), /output is a promise/],
    ["return an empty list", () => [], /output is \[\]/],
    ["return an object with a hole", (x) => ({ a: x, b: null }), /b is null/],
    [
      "branch on a comparison",
      (x) => ((x as unknown as number) > 0 ? x : x.neg()),
      /tried to compute with it in JavaScript or branch on it.*where\(\)/,
    ],
    ["compute with +", (x) => (x as unknown as number) + 1, /tried to compute with it/],
    ["read data", (x) => x.data, /tried to read its data/],
    ["read an item", (x) => x.item(), /tried to read its value/],
    ["iterate", (x) => [...(x as unknown as Iterable<Tensor>)], /tried to iterate over it/],
    ["use a parameter of no module", (x) => x.add(foreign), /belongs to no module of the network/],
    ["use a tensor of an earlier trace", (x) => x.add(kept!), /tensor of another trace/],
    ["return a tensor of an earlier trace", () => kept!, /tensor of another trace/],
    [
      "use text as an operand",
      (x) => x.add("1" as never),
      /Expected a tensor, a parameter, a host tensor or a number, got string/,
    ],
  ])("%s", (_, body, message) => {
    expect(failure(new Model(body), vector).message).toMatch(message);
  });

  test.each<readonly [string, InputSpec[], RegExp]>([
    [
      "an i64 input",
      [{ shape: [3], dtype: "i64" }],
      /compile: input has dtype i64, expected f32, i32, u32 or bool/,
    ],
    [
      "a symbolic size",
      [{ shape: ["N" as never] }],
      /compile: input: shape \["N"\] is not a list of integers/,
    ],
    [
      "two inputs of one name",
      [
        { ...vector, name: "a" },
        { ...vector, name: "a" },
      ],
      /input name 'a' is taken/,
    ],
  ])("%s", (_, inputs, message) => {
    expect(failure(new Model((x) => x!), ...inputs).message).toMatch(message);
  });
});

describe("an error names the module path and the line of the user's program", () => {
  const nested = (layer: nn.Module & { forward(x: Tensor): Tensor }) =>
    new nn.Sequential(new nn.Identity(), new nn.Sequential(new nn.Identity(), layer));

  test("wrong channels deep in a network", () => {
    const error = failure(nested(new nn.Conv2d(3, 4, 3)), { shape: [1, 8, 8, 3] });
    expect(error.code).toBe("shape");
    expect(error.origin.modulePath).toBe("1.1");
    expect(error.message).toMatch(
      /conv2d: input \[1,8,8,3\] has 8 channels, weight \[4,3,3,3\] expects 3.*channels-last/,
    );
    expect(error.message).toContain("in module '1.1'");
  });

  test("the call site is the user's, not the library's", () => {
    const error = failure(new Model((x) => x!.reshape(2, 2)), vector);
    expect(error.origin.callSite).toMatch(/trace-module\.test\.ts:\d+:\d+$/);
    expect(error.message).toContain("called at ");
  });

  test("errors that arise before an op is added name the path too", () => {
    class Late extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x.softmax(7);
      }
    }
    const error = failure(nested(new Late()), vector);
    expect(error.origin.modulePath).toBe("1.1");
    expect(error.message).toMatch(/softmax: axis 7 is out of range for a tensor of 1 dimensions/);
    expect(error.message.match(/in module/g)).toHaveLength(1);
  });
});
