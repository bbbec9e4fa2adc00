/** What people give by mistake: each is refused by name, with what to do instead. */
import { readFileSync } from "node:fs";
import {
  bisect,
  compile,
  importOnnx,
  nn,
  openDevice,
  openOnnx,
  readNpy,
  readPytorch,
  readSafetensors,
  tensor,
  tune,
  UserError,
  writeNpy,
  writeSafetensors,
} from "heddle";
import { describe, expect, it } from "vitest";

const digits = "examples/digits/data/digits-resnet.onnx";
const bytes = readFileSync(digits);
const memoryOf = (view: Uint8Array): ArrayBuffer => Uint8Array.from(view).buffer;
const untyped = <T = never>(value: unknown): T => value as T;

class Relu extends nn.Module {
  override forward(x: nn.Tensor) {
    return x.relu();
  }
}

async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof UserError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "nothing was thrown";
}

describe("bytes", () => {
  const npy = writeNpy(tensor([1, 2], [2]));
  const weights = writeSafetensors({ w: tensor([1, 2], [2]) });
  const pt = readFileSync("test/import/data/state-dict.pt");

  it.each([
    ["importOnnx", (file: never) => importOnnx(file).outputs, bytes],
    ["readNpy", readNpy as (file: never) => unknown, npy],
    ["readSafetensors", readSafetensors as (file: never) => unknown, weights],
    ["readPytorch", readPytorch as (file: never) => unknown, pt],
  ] as const)("are taken by %s as ArrayBuffer, Uint8Array, DataView and Buffer", (_, read, file) => {
    const memory = memoryOf(file);
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    const text = (given: unknown) =>
      JSON.stringify(read(given as never), (_, value: unknown) =>
        typeof value === "bigint" ? `${value}` : value,
      );
    const first = text(new Uint8Array(memory));
    for (const same of [memory, Buffer.from(file), new DataView(memory), shifted.subarray(3)])
      expect(text(same)).toBe(first);
  });

  it.each([
    ["importOnnx", importOnnx, "openOnnx(path)"],
    ["readNpy", readNpy, "await readFile(path)"],
    ["readSafetensors", readSafetensors, "await readFile(path)"],
    ["readPytorch", readPytorch, "await readFile(path)"],
  ] as const)("are asked for by %s, given anything else", async (name, read, remedy) => {
    expect(await messageOf(() => read(untyped("weights.bin")))).toContain(remedy);
    for (const [wrong, shown] of [[undefined, "undefined"], [null, "null"], [42, "42"], [{ a: 1 }, "an object with a"]]) // prettier-ignore
      expect(await messageOf(() => read(untyped(wrong)))).toMatch(new RegExp(`^argument: ${name}: .*got ${String(shown)}`)); // prettier-ignore
    expect(await messageOf(() => read(untyped(Promise.resolve(1))))).toContain(`Await it: ${name}(await`);
  });
});

describe("compile", () => {
  const net = new Relu();
  it.each([
    ["a shape alone", () => compile(net, untyped([1, 3, 224, 224])), "[{ shape: [1, 3, 224, 224] }]"],
    ["a shape in the list", () => compile(net, untyped([[1, 3]])), "[{ shape: [1, 3] }]"],
    ["an input without a list", () => compile(net, untyped({ shape: [2] })), "[{ shape: [2] }], got one input without a list"],
    ["no inputs", () => compile(net, untyped(undefined)), "such as [{ shape: [1, 3, 224, 224] }]"],
    ["a misspelt shape", () => compile(net, untyped([{ shap: [2] }])), "Did you mean 'shape'?"],
    ["a class", () => compile(untyped(Relu), [{ shape: [2] }]), "new Relu()"],
    ["a promise", () => compile(untyped(openOnnx(digits))), "Await it"],
    ["bytes", () => compile(untyped(bytes)), "importOnnx first"],
    ["a path", () => compile(untyped(digits)), "await openOnnx(path)"],
    ["a misspelt option", () => compile(net, [{ shape: [2] }], untyped({ devic: "cpu" })), "Did you mean 'device'?"],
    ["a misspelt device", () => compile(net, [{ shape: [2] }], untyped({ device: "webgp" })), "Did you mean \"webgpu\"?"],
    ["an option of another kind", () => compile(net, [{ shape: [2] }], untyped({ winograd: 1 })), "winograd must be a boolean, got 1"],
    ["shapes of a module", () => compile(net, [{ shape: [2] }], untyped({ shapes: {} })), "there is no option 'shapes'"],
    ["a list for an imported model", () => compile(importOnnx(bytes), untyped([{ shape: [1] }])), "{ shapes: { N: 8 } }"],
    ["an unknown dimension", () => compile(importOnnx(bytes), { shapes: { n: 1 } }), "Did you mean 'N'?"],
    ["a misspelt option of tune", () => tune(net, [{ shape: [2] }], untyped({ devise: "cpu" })), "Did you mean 'device'?"],
    ["a misspelt option of bisect", () => bisect(net, [tensor([1], [1])], untyped({ a: "evaluate", b: { devic: "cpu" } })), "Did you mean 'device'?"],
    ["a misspelt option of importOnnx", () => importOnnx(bytes, untyped({ externaldata: () => bytes })), "Did you mean 'externalData'?"],
    ["a misspelt option of openDevice", () => openDevice("cpu", untyped({ thread: 2 })), "Did you mean 'threads'?"],
    ["an input that forward ignores", () => compile(net, [{ shape: [2], name: "a" }, { shape: [2], name: "b" }], { device: "cpu" }), "does not read 'b', input 2 of 2"],
  ] as const)("refuses %s", async (_, work, part) => {
    const message = await messageOf(work);
    expect(message).toMatch(/^argument: /);
    expect(message).toContain(part);
  }); // prettier-ignore

  it("refuses an option of run that there is not", async () => {
    await using compiled = await compile(net, [{ shape: [1] }], { device: "cpu" });
    const wrong = untyped<{ keepOnDevice: true }>({ keepondevice: true });
    expect(await messageOf(() => compiled.run(tensor([1], [1]), wrong))).toContain(
      "Did you mean 'keepOnDevice'?",
    );
  });

  it("takes an input of which only the shape is read", async () => {
    class Like extends nn.Module {
      override forward(x: nn.Tensor, like: nn.Tensor) {
        return x.reshape(like.shape);
      }
    }
    await using compiled = await compile(new Like(), [{ shape: [4] }, { shape: [2, 2] }], { device: "cpu" });
    expect((await compiled.run(tensor([1, 2, 3, 4], [4]), tensor([0, 0, 0, 0], [2, 2]))).shape).toEqual([
      2, 2,
    ]);
  });
});

describe("operations", () => {
  const { functional: F } = nn;
  class Body extends nn.Module {
    constructor(readonly body: (x: nn.Tensor) => nn.Tensor) {
      super();
    }
    override forward(x: nn.Tensor) {
      return this.body(x);
    }
  }
  it.each<[string, (x: nn.Tensor) => nn.Tensor, string]>([
    ["options for a flag", (x) => x.sum(1, untyped({ keepDim: false })), "sum: keepDims must be a boolean"],
    ["a text for a flag", (x) => x.argMax(1, untyped("no")), "argMax: keepDims must be a boolean"],
    ["options for limits", (x) => x.clamp(untyped({ min: 2 })), "clamp: min must be"],
    ["a mode by position", (x) => F.pad(x, [1, 1], untyped("reflect")), "pad"],
    ["a mode that there is not", (x) => F.pad(x, [1, 1], { mode: untyped("bogus") }), "pad: mode must be"],
    ["more than there is", (x) => x.narrow(1, 3, 2), "narrow: 2 from 3 on do not lie in dimension 1 of [2,4]"],
    ["dimensions the wrong way round", (x) => x.flatten(1, 0), "flatten: the first dimension, 1, lies behind"],
  ])("refuse %s", async (_, body, part) => {
    const message = await messageOf(() => compile(new Body(body), [{ shape: [2, 4] }], { device: "cpu" }));
    expect(message).toMatch(/^argument: /);
    expect(message).toContain(part);
  }); // prettier-ignore

  it("limits that are fractions make numbers of integers, as PyTorch's do", async () => {
    const net = new Body((x) => x.clamp(0.5));
    await using compiled = await compile(net, [{ shape: [2], dtype: "i32" }], { device: "cpu" });
    expect([...(await compiled.run(tensor(Int32Array.of(0, 1), [2]))).data]).toEqual([0.5, 1]);
  });

  it("oneHot refuses classes that there are not", async () => {
    const net = new Body((x) => F.oneHot(x, 2));
    await using compiled = await compile(net, [{ shape: [2], dtype: "i32" }], { device: "cpu" });
    expect([...(await compiled.run(tensor(Int32Array.of(0, 1), [2]))).data]).toEqual([1, 0, 0, 1]);
    expect(await messageOf(() => compiled.run(tensor(Int32Array.of(0, 2), [2])))).toContain("oneHot");
  });
});

type Make = new (...values: unknown[]) => unknown;

describe("modules", () => {
  const inputs = [{ shape: [1, 3] }];
  class Chain extends nn.Module {
    layers: unknown = [new nn.Linear(3, 3)];
    override forward(x: nn.Tensor) {
      return x.relu();
    }
  }

  it("in a plain list are refused, with what takes a list", async () => {
    const net = new Chain();
    expect(await messageOf(() => compile(net, inputs))).toContain("'layers' is an Array of modules");
    expect(await messageOf(() => net.stateDict())).toMatch(
      /^model: .*nn\.ModuleList\(\[…\]\), nn\.Sequential\(…\)/,
    );
    net.layers = { first: new nn.Linear(3, 3) };
    expect(await messageOf(() => net.stateDict())).toContain("nn.ModuleDict({…})");
    net.layers = [new nn.Parameter(tensor([1], [1]))];
    expect(await messageOf(() => net.stateDict())).toContain("nn.ParameterList");
  });

  it("in a plain list beside properties of their own, and those that hold nothing, are as they should be", () => {
    const net = Object.assign(new Chain(), { first: new nn.Linear(3, 3) });
    net.layers = [net.first, new nn.ReLU()];
    expect(Object.keys(net.stateDict())).toEqual(["first.weight", "first.bias"]);
  });

  it("that hold themselves are refused", async () => {
    const net = new Chain();
    const child = Object.assign(new nn.Sequential(), { parent: net });
    net.layers = child;
    expect(await messageOf(() => compile(net, inputs))).toMatch(
      /^model: Chain: the module 'layers.parent' holds itself/,
    );
    expect(await messageOf(() => net.apply(() => undefined))).toContain("holds itself");
    expect(String(net)).toContain("(parent): Chain(…)");
  });

  it.each(["constructor", "toString", "forward", "eval", "hasOwnProperty"])(
    "called %s are refused",
    async (name) => {
      const net = new Chain();
      net.layers = null;
      Object.defineProperty(net, name, { value: new nn.Linear(3, 3), enumerable: true });
      expect(await messageOf(() => net.stateDict())).toContain(`a child cannot be called '${name}'`);
    },
  );

  const [a, b] = [new nn.ReLU(), new nn.Tanh()];
  it.each([
    ["modules one by one", () => new (untyped<Make>(nn.ModuleList))(a, b), "expected one list of modules, ModuleList([a, b]), got a ReLU"],
    ["a class among modules", () => new nn.ModuleList([a, untyped(nn.Tanh)]), "got the function or class Tanh"],
    ["a list", () => new nn.Sequential(untyped([a, b])), "Sequential(...list), got [a ReLU, a Tanh]"],
    ["nothing", () => new nn.Sequential(a, untyped(undefined)), "got undefined"],
    ["a module", () => new nn.ModuleDict(untyped(a)), "ModuleDict({ a, b }), got a ReLU"],
    ["a name alone", () => new nn.ModuleDict([untyped(["a"])]), 'got ["a"]'],
    ["a module for a parameter", () => new nn.ParameterDict({ a: untyped(a) }), "names with a Parameter each"],
    ["a tensor for a parameter", () => new nn.ParameterList([untyped(tensor([1], [1]))]), "list of parameters"],
  ])("in containers are refused, given %s", async (_, work, part) => {
    const message = await messageOf(work);
    expect(message).toMatch(/^argument: /);
    expect(message).toContain(part);
  }); // prettier-ignore

  it("without forward are refused", async () => {
    class Empty extends (nn.Module as unknown as new () => Relu) {}
    expect(await messageOf(() => compile(new Empty(), inputs))).toMatch(/^model: Empty has no forward\(\)/);
  });
});
