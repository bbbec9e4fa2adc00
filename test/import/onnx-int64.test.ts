/**
 * int64 is exact, or the run fails with a typed error: what may leave 32 bits is computed in pairs of words, and what
 * computes in 32 bits checks that they are enough.
 */
import { describe, expect, it } from "vitest";
import { compile, importOnnx, tensor, UserError, type HostTensor } from "../../src/index.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import type { DeviceKind } from "../../src/runtime/device.ts";
import { testedDevices } from "../devices/run-graph.ts";
import { integers, modelBytes, node, value, type ModelParts } from "./onnx/build-model.ts";

const { INT64, FLOAT, BOOL, INT32, UINT8 } = DataType;
const long = (values: readonly (bigint | number)[], shape = [values.length]) =>
  tensor(BigInt64Array.from(values, BigInt), shape, "i64");
const a = long([100_000, -70_000, 3, 2 ** 31 - 1, -(2 ** 31), 0]);
const b = long([100_000, -70_000, 3, 2 ** 31 - 1, -1, 5]);
const wrap = (x: bigint): bigint => BigInt.asIntN(64, x);
const of = (values: HostTensor): bigint[] => [...(values.data as BigInt64Array)];
const pairs = <T>(f: (x: bigint, y: bigint) => T): T[] => of(a).map((x, i) => f(x, of(b)[i]!));

async function run(
  kind: DeviceKind,
  parts: Partial<ModelParts> & Pick<ModelParts, "nodes">,
  inputs: Readonly<Record<string, HostTensor>>,
  outputs: readonly (readonly [string, number, readonly number[]])[],
) {
  const model = importOnnx(
    modelBytes({
      inputs: Object.entries(inputs).map(([name, { shape }]) => value(name, shape, INT64)),
      outputs: outputs.map(([name, type, shape]) => value(name, shape, type)),
      ...parts,
    }),
  );
  const compiled = await compile(model, { device: kind });
  try {
    const run = compiled.run as unknown as (inputs?: unknown) => Promise<Record<string, HostTensor>>;
    return await (Object.keys(inputs).length === 0 ? run.call(compiled) : run.call(compiled, inputs));
  } finally {
    compiled.dispose();
  }
}

for (const kind of testedDevices) {
  describe(`int64 on ${kind}`, () => {
    it("is exact through arithmetic, movement, comparisons and casts", async () => {
      const nodes = [
        node("Mul", ["a", "b"], ["product"]),
        node("Add", ["a", "b"], ["sum"]),
        node("Sub", ["a", "b"], ["difference"]),
        node("Neg", ["a"], ["negated"]),
        node("Abs", ["a"], ["absolute"]),
        node("Mul", ["product", "product"], ["fourth"]),
        node("Max", ["product", "sum"], ["most"]),
        node("Min", ["product", "sum"], ["least"]),
        node("Sign", ["product"], ["sign"]),
        node("ReduceSum", ["product"], ["total"], { keepdims: 0 }),
        node("CumSum", ["product", "zero"], ["running"]),
        node("Less", ["sum", "product"], ["isLess"]),
        node("Equal", ["product", "absolute"], ["isEqual"]),
        node("GreaterOrEqual", ["product", "sum"], ["isMore"]),
        node("Where", ["isLess", "product", "a"], ["chosen"]),
        node("Clip", ["product", "low", "high"], ["clipped"]),
        node("Cast", ["product"], ["asFloat"], { to: FLOAT }),
        node("Cast", ["product"], ["asInt32"], { to: INT32 }),
        node("Cast", ["product"], ["asByte"], { to: UINT8 }),
        node("Cast", ["product"], ["asBool"], { to: BOOL }),
        node("Reshape", ["product", "shape"], ["reshaped"]),
        node("Transpose", ["reshaped"], ["transposed"], { perm: [1, 0] }),
        node("Gather", ["transposed", "row"], ["gathered"], { axis: 0 }),
        node("Concat", ["gathered", "gathered"], ["joined"], { axis: 1 }),
        node("Slice", ["joined", "row", "end"], ["sliced"]),
      ];
      const row = [6];
      const results = await run(
        kind,
        {
          nodes,
          initializers: [
            integers("zero", [0], []),
            integers("shape", [2, 3]),
            integers("row", [1]),
            integers("end", [2 ** 40]),
            integers("low", [-(2 ** 40)], []),
            integers("high", [5_000_000_000], []),
          ],
        },
        { a, b },
        [
          ...[
            "product",
            "sum",
            "difference",
            "negated",
            "absolute",
            "fourth",
            "most",
            "least",
            "sign",
            "running",
            "chosen",
            "clipped",
          ].map((name) => [name, INT64, row] as const),
          ["total", INT64, []],
          ["isLess", BOOL, row],
          ["isEqual", BOOL, row],
          ["isMore", BOOL, row],
          ["asFloat", FLOAT, row],
          ["asInt32", INT32, row],
          ["asByte", UINT8, row],
          ["asBool", BOOL, row],
          ["joined", INT64, [1, 4]],
          ["sliced", INT64, [0, 4]],
        ],
      );
      const products = pairs((x, y) => x * y);
      const sums = pairs((x, y) => x + y);
      const expected: Record<string, readonly unknown[]> = {
        product: products,
        sum: sums,
        difference: pairs((x, y) => x - y),
        negated: pairs((x) => -x),
        absolute: pairs((x) => (x < 0n ? -x : x)),
        fourth: products.map((x) => wrap(x * x)),
        most: products.map((x, i) => (x > sums[i]! ? x : sums[i]!)),
        least: products.map((x, i) => (x < sums[i]! ? x : sums[i]!)),
        sign: products.map((x) => (x > 0n ? 1n : x < 0n ? -1n : 0n)),
        total: [products.reduce((sum, x) => sum + x, 0n)],
        running: products.map((_, i) => products.slice(0, i + 1).reduce((sum, x) => sum + x, 0n)),
        isLess: sums.map((x, i) => Number(x < products[i]!)),
        isEqual: pairs((x, y) => Number(x * y === (x < 0n ? -x : x))),
        isMore: products.map((x, i) => Number(x >= sums[i]!)),
        chosen: products.map((x, i) => (sums[i]! < x ? x : of(a)[i]!)),
        clipped: products.map((x) => (x > 5_000_000_000n ? 5_000_000_000n : x)),
        asFloat: products.map((x) => Math.fround(Number(x))),
        asInt32: products.map((x) => Number(BigInt.asIntN(32, x))),
        asByte: products.map((x) => Number(BigInt.asUintN(8, x))),
        asBool: products.map((x) => Number(x !== 0n)),
        joined: [products[1], products[4], products[1], products[4]],
        sliced: [],
      };
      for (const [name, data] of Object.entries(expected))
        expect([...results[name]!.data], name).toEqual(data);
      expect(results["product"]!.dtype).toBe("i64");
    });

    it("has exact extremes and their positions, along any axes", async () => {
      const values = [5_000_000_000n, -5_000_000_000n, 7n, 5_000_000_001n, -(2n ** 63n), 5_000_000_001n];
      const results = await run(
        kind,
        {
          nodes: [
            node("Mul", ["a", "zero"], ["nothing"]),
            node("Add", ["nothing", "v"], ["x"]),
            node("ReduceMax", ["x", "last"], ["rows"], { keepdims: 0 }),
            node("ReduceMin", ["x"], ["least"], { keepdims: 1 }),
            node("ArgMax", ["x"], ["most"], { axis: 1, keepdims: 0 }),
            node("ArgMax", ["x"], ["lastMost"], { axis: 1, keepdims: 0, select_last_index: 1 }),
            node("ArgMin", ["x"], ["leastAt"], { axis: 0, keepdims: 1 }),
          ],
          initializers: [integers("zero", [0]), integers("last", [1]), integers("v", values, [2, 3])],
        },
        { a: long([1, 2, 3, 4, 5, 6], [2, 3]) },
        [
          ["rows", INT64, [2]],
          ["least", INT64, [1, 1]],
          ["most", INT64, [2]],
          ["lastMost", INT64, [2]],
          ["leastAt", INT64, [1, 3]],
        ],
      );
      const found = Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data]]));
      expect(found).toEqual({
        rows: [5_000_000_000n, 5_000_000_001n],
        least: [-(2n ** 63n)],
        most: [0n, 0n],
        lastMost: [0n, 2n],
        leastAt: [0n, 1n, 0n],
      });
    });

    it("comes exactly out of floats, and is folded exactly where it is known", async () => {
      const results = await run(
        kind,
        {
          nodes: [
            node("Cast", ["x"], ["whole"], { to: INT64 }),
            node("Mul", ["big", "big"], ["square"]),
            node("Add", ["square", "whole"], ["sum"]),
          ],
          inputs: [value("x", [3])],
          initializers: [integers("big", [3_000_000_000])],
        },
        { x: tensor([1e12, -2.5, 3e9]) },
        [
          ["whole", INT64, [3]],
          ["square", INT64, [1]],
          ["sum", INT64, [3]],
        ],
      );
      const whole = [BigInt(Math.fround(1e12)), -2n, 3_000_000_000n];
      const square = 9_000_000_000_000_000_000n;
      expect([...results["whole"]!.data]).toEqual(whole);
      expect([...results["square"]!.data]).toEqual([square]);
      expect([...results["sum"]!.data]).toEqual(whole.map((x) => wrap(x + square)));
    });

    const refusals: readonly (readonly [
      string,
      Partial<ModelParts> & Pick<ModelParts, "nodes">,
      HostTensor,
      HostTensor,
    ])[] = [
      [
        "a quotient of a product",
        { nodes: [node("Mul", ["a", "a"], ["p"]), node("Div", ["p", "a"], ["y"])] },
        long([40_000]),
        long([70_000]),
      ],
      [
        "a power",
        {
          nodes: [node("Mul", ["a", "one"], ["p"]), node("Pow", ["p", "a"], ["y"])],
          initializers: [integers("one", [1])],
        },
        long([9]),
        long([10]),
      ],
      [
        "a product of all",
        { nodes: [node("ReduceProd", ["a"], ["y"], { keepdims: 1 })] },
        long([30_000, 60_000, 1], [3]),
        long([30_000, 60_000, 2], [3]),
      ],
      [
        "a sum of squares",
        { nodes: [node("ReduceSumSquare", ["a"], ["y"], { keepdims: 1 })] },
        long([40_000]),
        long([50_000]),
      ],
      [
        "a matrix product",
        {
          nodes: [node("Reshape", ["a", "square"], ["m"]), node("MatMul", ["m", "m"], ["y"])],
          initializers: [integers("square", [2, 2])],
          outputs: [value("y", [2, 2], INT64)],
        },
        long([30_000, 1, 2, 3]),
        long([50_000, 1, 2, 3]),
      ],
    ];
    it.each(refusals)(
      "of %s is right where 32 bits hold it, and else an error of the run",
      async (_, parts, good, bad) => {
        const outputs = [["y", INT64, [1]]] as const;
        const { y } = await run(kind, parts, { a: good }, outputs);
        expect(y!.dtype).toBe("i64");
        const failure: unknown = await run(kind, parts, { a: bad }, outputs).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(UserError);
        expect(failure).toMatchObject({ code: "overflow" });
      },
    );

    it("refuses an input beyond 32 bits, naming it", async () => {
      const parts = { nodes: [node("Add", ["a", "a"], ["y"])] };
      await expect(run(kind, parts, { a: long([2n ** 40n]) }, [["y", INT64, [1]]])).rejects.toThrow(
        /a: the i64 value 1099511627776 does not fit/,
      );
    });

    it("reads positions that were computed in pairs, and checks them", async () => {
      const parts = {
        nodes: [node("Add", ["a", "one"], ["i"]), node("Gather", ["table", "i"], ["y"])],
        initializers: [integers("one", [1]), integers("table", [10, 20, 30, 5_000_000_000])],
      };
      const outputs = [["y", INT64, [2]]] as const;
      const { y } = await run(kind, parts, { a: long([0, 2]) }, outputs);
      expect([...y!.data]).toEqual([20n, 5_000_000_000n]);
      await expect(run(kind, parts, { a: long([0, 2 ** 31 - 1]) }, outputs)).rejects.toMatchObject({
        code: "overflow",
      });
    });
  });
}

describe("int64 that 32 bits hold by what is known of it", () => {
  it("takes no pairs: a model that counts in small numbers has the kernels it had", async () => {
    const model = importOnnx(
      modelBytes({
        nodes: [
          node("Cast", ["b"], ["i"], { to: INT64 }),
          node("Mul", ["i", "seven"], ["m"]),
          node("Add", ["m", "seven"], ["y"]),
        ],
        inputs: [value("b", [4], BOOL)],
        outputs: [value("y", [4], INT64)],
        initializers: [integers("seven", [7])],
      }),
    );
    const compiled = await compile(model, { device: "cpu" });
    expect(compiled.launches).toBe(1);
    expect(compiled.executable.checks).toBeUndefined();
    expect(compiled.executable.outputs.map(({ name }) => name)).toEqual(["y"]);
    compiled.dispose();
  });
});
