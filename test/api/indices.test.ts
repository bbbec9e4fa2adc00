/** Positions out of range are errors: of constants when compiling, of inputs before a run, of others where asked for. */
import { describe, expect, it } from "vitest";
import { compile, nn, tensor, UserError, type HostTensor } from "../../src/index.ts";
import { testedDevices } from "../devices/run-graph.ts";

type Forward = (...inputs: nn.Tensor[]) => nn.Tensor;

function network(forward: Forward): nn.Module {
  return new (class Network extends nn.Module {
    weight = new nn.Parameter(
      tensor(
        Float32Array.from({ length: 12 }, (_, i) => i),
        [4, 3],
      ),
    );
    override forward(...inputs: nn.Tensor[]): nn.Tensor {
      return forward.call(this, ...inputs);
    }
  })();
}

const F = nn.functional;
const table = tensor(
  Float32Array.from({ length: 12 }, (_, i) => i),
  [4, 3],
);
const ids = (values: readonly number[], shape = [values.length]): HostTensor =>
  tensor(Int32Array.from(values), shape);
const positions = (...shape: number[]) => ({ shape, dtype: "i32" });

/** Functions of one input of positions, shapes of it, and which are right. */
const readers: Readonly<
  Record<string, { forward: Forward; good: HostTensor; bad: HostTensor; says: RegExp }>
> = {
  indexSelect: {
    forward: (i) => i!.operand(table).indexSelect(0, i!),
    good: ids([3, -4, 0]),
    bad: ids([0, 4, 0]),
    says: /indexSelect.*dimension 0 of f32\[4,3\] is 4 \(element 1\), expected -4 to 3/,
  },
  embedding: {
    forward: (i) => F.embedding(i!.reshape([2, 2]), table),
    good: ids([0, 1, 2, 3]),
    bad: ids([0, 1, 2, 9999]),
    says: /embedding.*is 9999 \(element 3\)/,
  },
  gather: {
    forward: (i) => i!.operand(table).gather(1, i!),
    good: ids([0, 2, 1, -3], [4, 1]),
    bad: ids([0, 2, 3, 1], [4, 1]),
    says: /gather.*is 3 \(element 2\), expected -3 to 2/,
  },
  scatter: {
    forward: (i) => i!.operand(table).scatter(0, i!, 1),
    good: ids([0, 3, 1], [1, 3]),
    bad: ids([0, 7, 1], [1, 3]),
    says: /scatter.*is 7/,
  },
  nllLoss: {
    forward: (i) => F.nllLoss(i!.operand(table), i!),
    good: ids([0, -100, 2, 1]),
    bad: ids([0, 1, 3, 1]),
    says: /nllLoss: a class number of \[4,3\] is 3 \(element 2\), expected 0 to 2, or -100/,
  },
  crossEntropy: {
    forward: (i) => F.crossEntropy(i!.operand(table), i!, { ignoreIndex: 7, labelSmoothing: 0.1 }),
    good: ids([0, 7, 2, 1]),
    bad: ids([0, -1, 2, 1]),
    says: /crossEntropy.*is -1 \(element 1\), expected 0 to 2, or 7/,
  },
  "indices that are sliced": {
    forward: (i) => F.embedding(i!.slice(0, 1, 3), table),
    good: ids([99, 1, 3, 99]),
    bad: ids([0, 1, 4, 0]),
    says: /is 4 \(element 2\)/,
  },
  "indices that are joined to known ones": {
    forward: (i) => F.embedding(nn.functional.cat([i!.operand(ids([3])), i!]), table),
    good: ids([1]),
    bad: ids([-5]),
    says: /is -5 \(element 0\)/,
  },
};

describe("positions that come from an input", () => {
  it.each(Object.entries(readers))("%s: checked before each run", async (_, { forward, good, bad, says }) => {
    const compiled = await compile(network(forward), [{ shape: good.shape, dtype: "i32" }], {
      device: "cpu",
    });
    await compiled.run(good);
    const failure = await compiled.run(bad).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure).toMatchObject({ code: "index", message: expect.stringMatching(says) as string });
    // Nothing was left in a bad state.
    await compiled.run(good);
    compiled.dispose();
  });
});

describe("positions that are known", () => {
  it("are an error when compiling, with the call's place", async () => {
    const forward: Forward = (x) => x!.indexSelect(0, ids([0, 1000]));
    const compiled = compile(network(forward), [{ shape: [3, 2] }], { device: "cpu" });
    await expect(compiled).rejects.toThrow(
      /dimension 0 of f32\[3,2\] is 1000 \(element 1\), expected -3 to 2/,
    );
    await expect(compiled).rejects.toThrow(/indices\.test\.ts/);
  });

  it("are checked in a parameter, too", async () => {
    class Positions extends nn.Module {
      positions = new nn.Parameter(ids([0, 600]));
      override forward(x: nn.Tensor): nn.Tensor {
        return F.embedding(x.operand(this.positions), table).add(x);
      }
    }
    const compiled = compile(new Positions(), [{ shape: [1] }], { device: "cpu" });
    await expect(compiled).rejects.toMatchObject({ code: "index" });
  });
});

for (const kind of testedDevices) {
  describe(`positions that a network computes, on ${kind}`, () => {
    const computed: Forward = (i) => F.embedding(i!.add(1), table);

    it("take the nearest row", async () => {
      const compiled = await compile(network(computed), [positions(3)], { device: kind });
      const rows = await compiled.run(ids([0, 2, 3]));
      expect([...rows.data]).toEqual([3, 4, 5, 9, 10, 11, 9, 10, 11]);
      compiled.dispose();
    });

    it("are reported where checkIndices asks for it, results kept on the device or not", async () => {
      const compiled = await compile(network(computed), [positions(3)], { device: kind, checkIndices: true });
      expect([...(await compiled.run(ids([0, 1, 2]))).data]).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
      for (const options of [{}, { keepOnDevice: true }]) {
        const failure = await compiled.run(ids([0, 2, 3]), options).catch((error: unknown) => error);
        expect(failure).toMatchObject({
          code: "index",
          message: expect.stringMatching(/is 4, expected -4 to 3/) as string,
        });
      }
      compiled.dispose();
    });

    it("may be the one class that counts nothing", async () => {
      const loss: Forward = (i) => F.nllLoss(i!.operand(table), i!.mul(1), {});
      const compiled = await compile(network(loss), [positions(4)], { device: kind, checkIndices: true });
      await compiled.run(ids([0, -100, 2, 1]));
      await expect(compiled.run(ids([0, -99, 2, 1]))).rejects.toMatchObject({ code: "index" });
      compiled.dispose();
    });
  });
}
