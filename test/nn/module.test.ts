import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { tensor, zeros, type HostTensor } from "../../src/ir/host-tensor.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/nn/tensor.ts";
import { BasicBlock } from "../recordings/recorded-modules.ts";

class Tied extends nn.Module {
  readonly first = new nn.Linear(3, 3);
  readonly bn = new nn.BatchNorm1d(3);
  readonly again = this.first;
  readonly bnAgain = this.bn;

  override forward(x: Tensor): Tensor {
    return this.again.forward(this.bn.forward(this.first.forward(x)));
  }
}

const network = () =>
  new nn.Sequential(new BasicBlock(2, 4, 2), new nn.Sequential(new nn.ReLU(), new nn.Dropout()));

describe("modes", () => {
  test("a module starts in training mode; eval and train reach every module below", () => {
    const module = network();
    expect(module.modules().map((m) => m.training)).not.toContain(false);
    expect(module.eval()).toBe(module);
    expect(module.modules().map((m) => m.training)).not.toContain(true);
    (module.children()[0] as BasicBlock).bn1.train();
    expect(module.training).toBe(false);
    module.train();
    expect(module.modules().map((m) => m.training)).not.toContain(false);
    module.train(false);
    expect(module.training).toBe(false);
  });
});

describe("what a module holds", () => {
  test("modules are named by path, in the order they were set", () => {
    expect(Array.from(network().namedModules(), ([name]) => name)).toEqual([
      ...[
        "",
        "0",
        "0.conv1",
        "0.bn1",
        "0.conv2",
        "0.bn2",
        "0.downsample",
        "0.downsample.0",
        "0.downsample.1",
      ],
      ...["1", "1.0", "1.1"],
    ]);
  });

  test("a module, parameter or buffer reachable twice is listed once, but keeps both state-dict names", () => {
    const tied = new Tied();
    expect(Array.from(tied.namedModules(), ([name]) => name)).toEqual(["", "first", "bn"]);
    expect(Array.from(tied.namedParameters(), ([name]) => name)).toEqual([
      ...["first.weight", "first.bias", "bn.weight", "bn.bias"],
    ]);
    expect(tied.buffers()).toHaveLength(3);
    expect(Object.keys(tied.stateDict())).toContain("again.weight");
    expect(Object.keys(tied.stateDict())).toContain("bnAgain.num_batches_tracked");
  });

  test("buffers are not parameters", () => {
    const bn = new nn.BatchNorm2d(3);
    expect(bn.parameters()).toEqual([bn.weight, bn.bias]);
    expect(Array.from(bn.namedBuffers(), ([name]) => name)).toEqual([
      "running_mean",
      "running_var",
      "num_batches_tracked",
    ]);
  });

  test("apply visits children first and the module last", () => {
    const seen: string[] = [];
    new nn.Sequential(new nn.ReLU(), new nn.Sequential(new nn.Tanh())).apply((m) =>
      seen.push(m.constructor.name),
    );
    expect(seen).toEqual(["ReLU", "Tanh", "Sequential", "Sequential"]);
  });

  test("a ModuleList iterates, names by position, and has no forward", () => {
    const list = new nn.ModuleList([new nn.Linear(1, 2), new nn.Linear(2, 1)]);
    expect(list).toHaveLength(2);
    expect([...list]).toEqual([list[0], list[1]]);
    expect(Object.keys(list.stateDict())).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
    expect(() => list.forward()).toThrow(/ModuleList has no forward/);
  });
});

describe("loadStateDict", () => {
  const model = () => new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
  const good = (): Record<string, HostTensor> => ({ ...model().stateDict() });

  test("takes copies, and grows the version of what it replaces", () => {
    const target = model();
    const values = { ...good(), "0.bias": tensor([1, 2, 3]) };
    const bias = target.parameters()[1]!;
    const before = bias.version;
    expect(target.loadStateDict(values)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    values["0.bias"].data[0] = 99;
    expect(bias.value).toEqual(tensor([1, 2, 3]));
    expect(bias.version).toBe(before + 1);
  });

  test("converts numbers to the dtype it keeps", () => {
    const target = model();
    target.loadStateDict({
      ...good(),
      "1.num_batches_tracked": tensor(7),
      "0.bias": tensor(Int32Array.of(1, 2, 3)),
    });
    expect(target.stateDict()["1.num_batches_tracked"]).toEqual(tensor([7n], []));
    expect(target.stateDict()["0.bias"]).toEqual(tensor([1, 2, 3]));
  });

  test("lists everything that is missing, unexpected or misshapen, and changes nothing", () => {
    const target = model();
    const before = structuredClone(target.stateDict());
    const values = good();
    delete values["0.weight"];
    delete values["1.running_var"];
    Object.assign(values, {
      "0.bias": tensor([1, 2]),
      "1.weight": { dtype: "f32", shape: [3], data: Float32Array.of(1) },
      "1.bias": undefined,
      "1.num_batches_tracked": tensor(1.5),
      "1.running_mean": tensor([5, 6, 7]),
      extra: tensor([1]),
      ["__proto__"]: tensor([1]),
    });
    let error: unknown;
    try {
      target.loadStateDict(values);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).code).toBe("state-dict");
    const { message } = error as UserError;
    for (const part of [
      "do not fit Sequential",
      "missing: 0.weight, 1.running_var",
      "unexpected: extra",
      "0.bias: [2] given, [3] expected",
      "1.weight: 1 elements given for shape [3]",
      "1.bias: undefined given, a tensor expected",
      "1.num_batches_tracked: fractions given, integers expected",
    ]) {
      expect(message).toContain(part);
    }
    expect(message).not.toContain("strict");
    expect(target.stateDict()).toEqual(before);
  });

  test("not strict, it loads what matches and reports the rest", () => {
    const target = model();
    const result = target.loadStateDict(
      { "0.bias": tensor([1, 2, 3]), extra: tensor([1]) },
      { strict: false },
    );
    expect(result.missingKeys).toContain("0.weight");
    // As in PyTorch, without the count of batches, which older state dicts lack.
    expect(result.missingKeys).toHaveLength(5);
    expect(result.unexpectedKeys).toEqual(["extra"]);
    expect(target.stateDict()["0.bias"]).toEqual(tensor([1, 2, 3]));
  });

  test("counts of batches may be missing, in modules of modules, and stay as they are", () => {
    const target = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.Sequential(
        new nn.BatchNorm2d(2),
        new nn.InstanceNorm2d(2, { affine: true, trackRunningStats: true }),
      ),
    );
    const counted = { ...target.stateDict(), "1.0.num_batches_tracked": tensor([5n], []) };
    target.loadStateDict(counted);
    const entries = Object.entries(target.stateDict()).filter(
      ([name]) => !name.endsWith("num_batches_tracked"),
    );
    expect(entries).toHaveLength(2 + 4 + 4);
    const changed: Record<string, HostTensor> = { ...Object.fromEntries(entries), "0.bias": tensor([1, 2]) };
    expect(target.loadStateDict(changed)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(target.stateDict()["0.bias"]).toEqual(tensor([1, 2]));
    expect(target.stateDict()["1.0.num_batches_tracked"]).toEqual(tensor([5n], []));
    const { "1.0.running_mean": _, ...lacking } = changed;
    expect(() => target.loadStateDict(lacking)).toThrow(/missing: 1\.0\.running_mean$/m);
  });

  test("one element is taken for a scalar, as PyTorch takes it, and nothing else is", () => {
    class Scaled extends nn.Module {
      readonly scale = new nn.Parameter(tensor([2], []));
      readonly row = new nn.Parameter(tensor([2], [1]));
      override forward(x: nn.Tensor): nn.Tensor {
        return x.mul(this.scale).mul(this.row);
      }
    }
    const target = new Scaled();
    const norm = new nn.BatchNorm1d(1);
    target.loadStateDict({ scale: tensor([3], [1]), row: tensor([4], [1]) });
    expect(target.stateDict()).toEqual({ scale: tensor([3], []), row: tensor([4], [1]) });
    norm.loadStateDict({ ...norm.stateDict(), num_batches_tracked: tensor([7n], [1]) });
    expect(norm.stateDict()["num_batches_tracked"]).toEqual(tensor([7n], []));
    expect(() => target.loadStateDict({ scale: tensor([3, 4]), row: tensor([4], [1]) })).toThrow(/scale: \[2\] given, \[\] expected/);
    expect(() => target.loadStateDict({ scale: tensor([3], [1, 1]), row: tensor([4], [1]) })).toThrow(/scale: \[1,1\] given/);
    expect(() => target.loadStateDict({ scale: tensor([3], []), row: tensor([4], []) })).toThrow(/row: \[\] given, \[1\] expected/);
  }); // prettier-ignore

  test("not strict, a wrong shape is still refused", () => {
    expect(() => model().loadStateDict({ "0.bias": tensor([1]) }, { strict: false })).toThrow(
      /0.bias: \[1\] given, \[3\] expected/,
    );
  });

  test("strict with only names wrong points at strict: false", () => {
    expect(() => model().loadStateDict({})).toThrow(/missing: 0.weight.*\n.*strict: false/);
  });
});

describe("stored tensors", () => {
  test("refuse what is not a host tensor, and values of another shape", () => {
    expect(() => new nn.Parameter([1, 2] as never)).toThrow(
      /Parameter: expected a host tensor such as tensor\(data, shape\), got object/,
    );
    const parameter = new nn.Parameter(zeros([2], "f32"));
    expect(() => parameter.assign(tensor([1]))).toThrow(/assign: value has shape \[1\], expected \[2\]/);
    expect(() => parameter.assign({ ...tensor([1]), shape: [2] })).toThrow(
      /holds 2 elements, but the data has 1/,
    );
    expect(parameter.version).toBe(0);
  });
});
