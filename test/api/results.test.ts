/** What `run` takes and returns: structures, dtypes, results that stay on the device, overlapping calls. */
import { describe, expect, it } from "vitest";
import { compile, DeviceTensor, nn, tensor, type HostTensor } from "../../src/index.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { runTraced } from "../recordings/run-traced.ts";
import { Forward, randomize, randomTensor, SmallNet } from "./networks.ts";

interface Results {
  readonly sums: readonly HostTensor[];
  readonly nested: { readonly double: HostTensor; readonly pair: readonly [HostTensor, HostTensor] };
}

for (const kind of testedDevices) {
  describe(`run on ${kind}`, () => {
    const device = lazyDevice(kind);

    it("returns the structure that forward returned", async () => {
      const module = new Forward((x) => {
        const double = x!.mul(2);
        return { sums: [x!.sum(0), x!.sum(1)], nested: { double, pair: [double, x!] } };
      });
      await using compiled = await compile(module, [{ shape: [2, 2] }], { device: await device() });
      const { sums, nested } = await compiled.run<Results>(tensor([1, 2, 3, 4], [2, 2]));
      const values = (result: HostTensor): number[] => Array.from(result.data, Number);
      expect(sums.map(values)).toEqual([
        [4, 6],
        [3, 7],
      ]);
      expect(values(nested.double)).toEqual([2, 4, 6, 8]);
      expect(nested.pair.map(values)).toEqual([
        [2, 4, 6, 8],
        [1, 2, 3, 4],
      ]);
      expect(nested.double).toMatchObject({ dtype: "f32", shape: [2, 2] });
    });

    it("takes inputs of several dtypes and returns each result's own", async () => {
      const module = new Forward((x, n, flag) => [
        nn.functional.where(flag!, x!, 0),
        n!.mul(n!),
        n!.gt(2),
        x!.argMax(0),
      ]);
      const specs = [{ shape: [3] }, { shape: [3], dtype: "i32" }, { shape: [3], dtype: "bool" }];
      await using compiled = await compile(module, specs, { device: await device() });
      const results = await compiled.run<HostTensor[]>(
        tensor([1.5, 2.5, 3.5]),
        tensor(Int32Array.of(-2, 3, 70000), [3], "i32"),
        tensor([true, false, true], [3], "bool"),
      );
      expect(results.map(({ dtype }) => dtype)).toEqual(["f32", "i32", "bool", "i32"]);
      expect(results.map(({ data }) => Array.from(data, Number))).toEqual([
        [1.5, 0, 3.5],
        [4, 9, Math.imul(70000, 70000)],
        [0, 1, 1],
        [2],
      ]);
    });

    it("accepts i64 data for an i32 input", async () => {
      const module = new Forward((n) => n!.add(1));
      await using compiled = await compile(module, [{ shape: [2], dtype: "i32" }], {
        device: await device(),
      });
      const { data } = await compiled.run(tensor([5n, -7n], [2], "i64"));
      expect(Array.from(data)).toEqual([6, -6]);
    });

    it("returns an input that forward hands back, and the same value under two names", async () => {
      const module = new Forward((x) => ({ x, a: x!.relu(), again: x!.relu() }));
      await using compiled = await compile(module, [{ shape: [3] }], { device: await device() });
      const results = await compiled.run<Record<string, HostTensor>>(tensor([-1, 0, 2]));
      expect(Object.entries(results).map(([name, { data }]) => [name, ...data])).toEqual([
        ["x", -1, 0, 2],
        ["a", 0, 0, 2],
        ["again", 0, 0, 2],
      ]);
    });

    it("keeps results on the device, feeds them to another network, reads and disposes them", async () => {
      const options = { device: await device() };
      const first = await compile(new Forward((x) => [x!.mul(2), x!.add(1)]), [{ shape: [2, 3] }], options);
      const second = await compile(
        new Forward((a, b) => a!.matmul(b!.transpose(0, 1))),
        [{ shape: [2, 3] }, { shape: [2, 3] }],
        options,
      );
      const [a, b] = await first.run<[DeviceTensor, DeviceTensor]>(tensor([1, 2, 3, 4, 5, 6], [2, 3]), {
        keepOnDevice: true,
      });
      expect(a).toBeInstanceOf(DeviceTensor);
      expect(a).toMatchObject({ dtype: "f32", shape: [2, 3] });
      // Later runs do not touch what was kept, nor does disposing of the network that made it.
      await first.run(tensor([9, 9, 9, 9, 9, 9], [2, 3]));
      first.dispose();
      expect([...(await a.read()).data]).toEqual([2, 4, 6, 8, 10, 12]);
      expect([...(await second.run(a, b)).data]).toEqual([40, 76, 94, 184]);
      expect([...(await second.run(a, a)).data]).toEqual([56, 128, 128, 308]);
      expect([...(await second.run(tensor([1, 0, 0, 0, 1, 0], [2, 3]), b)).data]).toEqual([2, 5, 3, 6]);
      // The inputs were only read.
      expect([...(await b.read()).data]).toEqual([2, 3, 4, 5, 6, 7]);
      a.dispose();
      a.dispose();
      await expect(a.read()).rejects.toThrow(/disposed/);
      b[Symbol.dispose]();
      second.dispose();
    });

    it("gives each of 20 overlapping calls its own result, kept on the device or not", async () => {
      const net = randomize(new SmallNet()).eval();
      await using compiled = await compile(net, [{ shape: [2, 3, 6, 6] }], { device: await device() });
      const inputs = Array.from({ length: 20 }, (_, i) => randomTensor([2, 3, 6, 6], 100 + i));
      const results = await Promise.all(
        inputs.map(async (input, i) => {
          const keepOnDevice = i % 3 === 0;
          const result = await compiled.run<HostTensor | DeviceTensor>(input, { keepOnDevice });
          if (!(result instanceof DeviceTensor)) return result;
          const value = await result.read();
          result.dispose();
          return value;
        }),
      );
      for (const [i, input] of inputs.entries()) {
        const [expected] = runTraced(net, [input]);
        expect(relativeError(results[i]!, expected!), `call ${i}`).toBeLessThanOrEqual(1e-5);
      }
    });

    it("does not mind that the caller overwrites its array right after the call", async () => {
      await using compiled = await compile(new Forward((x) => x!.mul(3)), [{ shape: [4] }], {
        device: await device(),
      });
      const data = Float32Array.of(1, 2, 3, 4);
      const pending = compiled.run(tensor(data, [4]));
      data.fill(99);
      expect([...(await pending).data]).toEqual([3, 6, 9, 12]);
    });
  });
}
