/** `memoryLimitBytes`: small requests for much memory are refused by name before anything is allocated; the rest runs. */
import { describe, expect, it } from "vitest";
import { inspectOnnx } from "../../src/import/onnx/inspect.ts";
import { compile, importOnnx, nn, tensor, UserError } from "../../src/index.ts";
import { openCpuDevice } from "../../src/runtime/cpu/open-cpu-device.ts";
import { floats, integers, modelBytes, node, value, type ModelParts } from "../import/onnx/build-model.ts";

const gibibyte = 2 ** 30;
const limit = { memoryLimitBytes: 2 ** 26 };
const four = [1000, 1000, 1000];

/** Each asks for 4 GB, in no more than 200 bytes. */
const bombs: readonly (readonly [string, ModelParts])[] = [
  ["Tile", { nodes: [node("Tile", ["x", "n"], ["y"])], inputs: [value("x", [1, 1, 1])], outputs: [value("y", ["a", "b", "c"])], initializers: [integers("n", four)] }],
  ["Expand", { nodes: [node("Expand", ["x", "n"], ["y"])], inputs: [value("x", [1])], outputs: [value("y", ["a", "b", "c"])], initializers: [integers("n", four)] }],
  ["Expand", { nodes: [node("Expand", ["w", "n"], ["y"])], inputs: [], outputs: [value("y", ["a", "b", "c"])], initializers: [integers("n", four), floats("w", [1], [2])] }],
  ["ConstantOfShape", { nodes: [node("ConstantOfShape", ["n"], ["y"])], inputs: [], outputs: [value("y", ["a", "b", "c"])], initializers: [integers("n", four)] }],
  ["Pad", { nodes: [node("Pad", ["x", "n"], ["y"])], inputs: [value("x", [1])], outputs: [value("y", ["a"])], initializers: [integers("n", [0, 1e9])] }],
]; // prettier-ignore

async function refusal(work: () => unknown): Promise<UserError> {
  const before = process.resourceUsage().maxRSS;
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(2 ** 27);
    return error as UserError;
  }
  throw new Error("it was accepted");
}

describe("a model that asks for 4 GB", () => {
  it.each(bombs)("by a %s is refused by compile", async (operator, parts) => {
    const bytes = modelBytes(parts);
    expect(bytes.length).toBeLessThan(200);
    const { code, message } = await refusal(() => compile(importOnnx(bytes), { device: "cpu", ...limit }));
    expect(code).toBe("out-of-memory");
    expect(message).toMatch(/'test' would take [48]0\d{8} bytes .*memoryLimitBytes allows 67108864/);
    expect(message).toContain(`'${operator}_of_y'`);
  });

  it.each(bombs)("by a %s is refused by the limit it was imported with", async (_, parts) => {
    const model = importOnnx(modelBytes(parts), limit);
    expect((await refusal(() => compile(model, { device: "cpu" }))).code).toBe("out-of-memory");
    // The smaller one counts.
    const more = { device: "cpu", memoryLimitBytes: 2 ** 40 } as const;
    expect((await refusal(() => compile(model, more))).message).toMatch(/allows 67108864/);
  });

  it("in a value between is refused, too", async () => {
    const parts: ModelParts = {
      nodes: [
        node("Expand", ["x", "n"], ["a"]),
        node("CumSum", ["a", "axis"], ["b"]),
        node("ReduceSum", ["b"], ["y"], { keepdims: 0 }),
      ],
      inputs: [value("x", [1])],
      outputs: [value("y", [])],
      initializers: [integers("n", [30_000, 30_000]), integers("axis", [0], [])],
    };
    const { code, message } = await refusal(() =>
      compile(importOnnx(modelBytes(parts)), { device: "cpu", ...limit }),
    );
    expect(code).toBe("out-of-memory");
    expect(message).toMatch(/activations .*'(Expand_of_a|CumSum_of_b)'/);
  });

  it("in what it declares is refused when it is imported", async () => {
    const relu = { nodes: [node("Relu", ["x"], ["y"])] };
    const input = modelBytes({ ...relu, inputs: [value("x", four)], outputs: [value("y", four)] });
    const { code, message } = await refusal(() => importOnnx(input, limit));
    expect(code).toBe("out-of-memory");
    expect(message).toMatch(/'x' takes 4000000000 bytes/);
  });
});

describe("what is computed while importing", () => {
  // Each folds 2^16 elements from two numbers.
  const nodes = Array.from({ length: 400 }, (_, i) => node("Expand", ["w", "n"], [`v${i}`]));
  const bytes = modelBytes({
    nodes: [...nodes, node("Sum", [...nodes.map(({ output }) => output[0]!)], ["s"]), node("Add", ["x", "s"], ["y"])],
    inputs: [value("x", [1])],
    outputs: [value("y", [2 ** 16])],
    initializers: [floats("w", [1], [2]), integers("n", [2 ** 16])],
  }); // prettier-ignore

  it("is counted", async () => {
    const { code, message } = await refusal(() => compile(importOnnx(bytes, limit), { device: "cpu" }));
    expect(code).toBe("out-of-memory");
    expect(message).toMatch(/takes \d+ bytes of host memory, beside \d+ before it.*Expand_of_v/s);
  });

  it("is counted by inspectOnnx, which knows no multiply-adds then", () => {
    expect(inspectOnnx(bytes, limit).multiplyAdds).toBeUndefined();
    expect(inspectOnnx(bytes).multiplyAdds).toBe(0);
  });
});

describe("a limit that is large enough", () => {
  const parts: ModelParts = { nodes: [node("Tile", ["x", "n"], ["y"])], initializers: [integers("n", [2, 3])], outputs: [value("y", [4, 9])] }; // prettier-ignore
  const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);

  it("changes nothing", async () => {
    const free = await compile(importOnnx(modelBytes(parts)), { device: "cpu" });
    const held = await compile(importOnnx(modelBytes(parts), limit), { device: "cpu", memoryLimitBytes: gibibyte });
    expect(await held.run({ x })).toEqual(await free.run({ x }));
  }); // prettier-ignore

  it("is as large as the report says, to the byte", async () => {
    class Net extends nn.Module {
      readonly first = new nn.Conv2d(3, 8, 3);
      readonly second = new nn.Linear(8, 5);
      override forward(image: nn.Tensor): nn.Tensor {
        return this.second.forward(this.first.forward(image).relu().mean([2, 3]));
      }
    }
    const device = await openCpuDevice({ threads: 1 });
    const net = new Net().eval();
    const compiled = await compile(net, [{ shape: [2, 3, 16, 16] }], { device });
    const { memory } = compiled.report().data;
    const total =
      memory.activationBytes + memory.parameterBytes + memory.preparedBytes + memory.inputBytes + memory.outputBytes; // prettier-ignore
    const withLimit = (memoryLimitBytes: number) =>
      compile(net, [{ shape: [2, 3, 16, 16] }], { device, memoryLimitBytes });
    await withLimit(total);
    const { code, message } = await refusal(() => withLimit(total - 1));
    expect(code).toBe("out-of-memory");
    expect(message).toMatch(
      /'Net' would take \d+ bytes on the device \(activations .*parameters .*, most of them for/,
    );
    await device.dispose();
  });

  it.each([NaN, -1, "1 GiB"])("is a number of bytes: %s is none", async (limit) => {
    const memoryLimitBytes = limit as number;
    const refused = { code: "argument", message: expect.stringMatching(/memoryLimitBytes/) as string };
    await expect(refusal(() => compile(importOnnx(modelBytes(parts)), { device: "cpu", memoryLimitBytes }))).resolves.toMatchObject(refused); // prettier-ignore
    await expect(refusal(() => importOnnx(modelBytes(parts), { memoryLimitBytes }))).resolves.toMatchObject(refused); // prettier-ignore
  });
});
