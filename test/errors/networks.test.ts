/** Networks that do not fit: the error names the module, the user's line and the remedy, and nothing breaks. */
import { afterEach, describe, expect, it } from "vitest";
import { compile, nn, readSafetensors, tensor, writeSafetensors, type HostTensor } from "../../src/index.ts";
import { Forward, randomTensor, SmallNet } from "../api/networks.ts";
import { expectStillWorks, expectUserError } from "./expect-error.ts";

const options = { device: "cpu" } as const;
const here = /networks\.test\.ts:\d+:\d+/;

class Nested extends nn.Module {
  readonly layer1 = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(8));
  readonly layer2 = new nn.Sequential(new nn.Conv2d(16, 8, 3));
  override forward(x: nn.Tensor): nn.Tensor {
    return this.layer2.forward(this.layer1.forward(x));
  }
}

/** Compiles `forward` for f32 inputs of these shapes. */
const compiling =
  (forward: (...inputs: nn.Tensor[]) => unknown, ...shapes: readonly (readonly number[])[]) =>
  () =>
    compile(
      new Forward(forward),
      shapes.map((shape) => ({ shape })),
      options,
    );

afterEach(() => expectStillWorks("cpu"));

describe("a network that does not fit its input", () => {
  it("with another number of channels is refused with module path, both numbers and a remedy", async () => {
    const attempt = (): Promise<unknown> =>
      compile(new Nested().eval(), [{ shape: [1, 3, 16, 16] }], options);
    const error = await expectUserError(attempt, "shape", /8 channels/, /\[8,16,3,3\]/, "layer2.0");
    expect(error.origin.modulePath).toBe("layer2.0");
  });

  it("with channels last is told so", async () => {
    const attempt = (): Promise<unknown> =>
      compile(new nn.Conv2d(3, 8, 3), [{ shape: [1, 32, 32, 3] }], options);
    await expectUserError(attempt, "shape", /32 channels/, /channels-last/);
  });

  it("with the wrong number of dimensions is told which it needs", async () => {
    const attempt = (): Promise<unknown> => compile(new nn.BatchNorm2d(3), [{ shape: [4, 3] }], options);
    await expectUserError(attempt, "shape", /BatchNorm2d/, /2 dimensions/, /expected 4/);
  });

  it("with another number of features in a batch norm names both", async () => {
    const attempt = (): Promise<unknown> => compile(new nn.BatchNorm1d(5), [{ shape: [4, 3] }], options);
    await expectUserError(attempt, "shape", /3 channels/, /5 features/);
  });

  it("with one value per channel in training mode names the ways out", async () => {
    const attempt = (): Promise<unknown> =>
      compile(new nn.BatchNorm1d(5).train(), [{ shape: [1, 5] }], options);
    await expectUserError(attempt, "shape", /more than 1 value per channel/, /eval\(\)/, /zero-variance/);
  });

  it("with shapes that do not broadcast names the line of forward", async () => {
    const error = await expectUserError(
      compiling((a, b) => a!.add(b!), [2, 3], [4]),
      "shape",
      /\[2,3\] and \[4\]/,
      here,
    );
    expect(error.origin.callSite).toMatch(here);
  });

  it("with matrices that do not multiply names both", async () => {
    await expectUserError(
      compiling((a, b) => a!.matmul(b!), [2, 3], [4, 5]),
      "shape",
      /\[2,3\]/,
      /\[4,5\]/,
      here,
    );
  });

  it("with dtypes that an op does not take names op and dtype", async () => {
    const module = new Forward((n) => n!.softmax(0));
    const attempt = (): Promise<unknown> => compile(module, [{ shape: [3], dtype: "i32" }], options);
    await expectUserError(attempt, "dtype", /softmax/, /i32/, /f32/, here);
  });

  it("with an input of a dtype or shape that does not exist is refused", async () => {
    const module = new Forward((x) => x!.neg());
    await expectUserError(
      () => compile(module, [{ shape: [3], dtype: "f64" }], options),
      "dtype",
      /f64/,
      /expected f32/,
    );
    await expectUserError(() => compile(module, [{ shape: [3, -1] }], options), "shape", /-1/);
    await expectUserError(() => compile(module, [{ shape: [2 ** 16, 2 ** 16] }], options), "shape", /2\^31/);
  });
});

describe("a forward that cannot be traced", () => {
  it("because it returns nothing is asked whether a return statement is missing", async () => {
    await expectUserError(
      compiling((x) => void x!.relu(), [2]),
      "model",
      /nothing/,
      /return statement/,
    );
    await expectUserError(
      compiling((x) => [x!, 3], [2]),
      "model",
      /output\.1 is 3/,
    );
    await expectUserError(
      compiling(async (x) => x!, [2]),
      "model",
      /a promise/,
    );
  });

  it("because it branches or computes on values is told to use tensor operations", async () => {
    const remedy = [/no values while a network is traced/, /where\(\)/, here];
    await expectUserError(
      compiling((x) => ((x as unknown as number) > 0 ? x : x!.neg()), [1]),
      "model",
      ...remedy,
    );
    await expectUserError(
      compiling((x) => x!.mul(x!.item()), [1]),
      "model",
      ...remedy,
    );
    await expectUserError(
      compiling((x) => [...(x as unknown as nn.Tensor[])], [1]),
      "model",
      ...remedy,
    );
    await expectUserError(
      compiling((x) => x!.mul((x!.data as number[])[0]!), [1]),
      "model",
      ...remedy,
    );
  });

  it("because it uses a parameter of no module, or a tensor of an earlier trace", async () => {
    const loose = new nn.Parameter(tensor([1]));
    await expectUserError(
      compiling((x) => x!.add(loose), [1]),
      "model",
      /belongs to no module/,
      here,
    );
    let kept: nn.Tensor | undefined;
    const keep = (x: nn.Tensor | undefined): nn.Tensor => (kept = kept ?? x!);
    (await compiling(keep, [1])()).dispose();
    await expectUserError(compiling(keep, [1]), "model", /another trace/);
    await expectUserError(
      compiling((x) => x!.add(kept!), [1]),
      "model",
      /another trace/,
    );
  });

  it("because it throws: the error goes through unchanged, and the module can be compiled again", async () => {
    let fails = true;
    const failure = new Error("mine");
    const module = new Forward((x) => {
      if (fails) throw failure;
      return x!.neg();
    });
    await expect(compile(module, [{ shape: [1] }], options)).rejects.toBe(failure);
    fails = false;
    await using compiled = await compile(module, [{ shape: [1] }], options);
    expect([...(await compiled.run(tensor([3]))).data]).toEqual([-3]);
  });
});

describe("a state dict that does not fit", () => {
  const good = new SmallNet().stateDict();

  it("lists every missing, unexpected and misshapen entry at once and changes nothing", async () => {
    const net = new SmallNet();
    const before = net.stateDict();
    const { "fc.bias": _, "bn.running_mean": __, ...rest } = good;
    const values = { ...rest, "fc.extra": tensor([1]), "conv.bias": tensor([1, 2, 3]) };
    await expectUserError(
      () => net.loadStateDict(values),
      "state-dict",
      /missing: .*bn\.running_mean.*fc\.bias/,
      /unexpected: fc\.extra/,
      /conv\.bias: \[3\] given, \[4\] expected/,
    );
    expect(net.stateDict()).toEqual(before);
  });

  it("is loaded as far as it goes when strict is false, and says what was left", () => {
    const { "fc.bias": _, ...rest } = good;
    const result = new SmallNet().loadStateDict({ ...rest, extra: tensor([1]) }, { strict: false });
    expect(result).toEqual({ missingKeys: ["fc.bias"], unexpectedKeys: ["extra"] });
  });

  it("with values that are no tensors, or of a wrong length, is refused", async () => {
    const net = new SmallNet();
    const wrong = { ...good, "fc.bias": [1, 2, 3, 4, 5] as unknown as HostTensor };
    await expectUserError(
      () => net.loadStateDict(wrong),
      "state-dict",
      /fc\.bias: object given, a tensor expected/,
    );
    const short = {
      ...good,
      "fc.bias": { dtype: "f32", shape: [5], data: new Float32Array(3) } as HostTensor,
    };
    await expectUserError(() => net.loadStateDict(short), "state-dict", /fc\.bias: 3 elements given/);
  });

  it("from a truncated or lying file is refused before the network is touched, which still runs", async () => {
    const net = new SmallNet().eval();
    await using compiled = await compile(net, [{ shape: [1, 3, 4, 4] }], options);
    const x = randomTensor([1, 3, 4, 4]);
    const before = await compiled.run(x);
    const bytes = writeSafetensors(good);
    const lying = bytes.slice();
    new DataView(lying.buffer).setBigUint64(0, 1n << 60n, true);
    await expectUserError(
      () => net.loadStateDict(readSafetensors(bytes.subarray(0, bytes.length - 5))),
      "file-format",
    );
    await expectUserError(() => net.loadStateDict(readSafetensors(lying)), "file-format");
    await expectUserError(() => net.loadStateDict(readSafetensors(new Uint8Array(3))), "file-format");
    expect(await compiled.run(x)).toEqual(before);
    net.loadStateDict(readSafetensors(bytes));
  });
});

describe("options that do not exist", () => {
  it("are refused by name", async () => {
    const net = new Forward((x) => x!.neg());
    const withDevice = (device: string) => () => compile(net, [{ shape: [1] }], { device: device as "cpu" });
    await expectUserError(withDevice("gpu"), "argument", /"gpu"/, /"webgpu"/);
    await expectUserError(withDevice("toString"), "argument", /toString/);
    await expectUserError(
      () => compile(net, [{ shape: [1] }], { ...options, withoutPasses: ["fold"] }),
      "argument",
      /'fold'/,
      /fold-constants/,
    );
  });
});
