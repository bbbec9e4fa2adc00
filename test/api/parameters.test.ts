/** Parameters and state live on the device, shared by all programs of a module; changes take effect without recompiling. */
import { describe, expect, it } from "vitest";
import { compile, nn, type HostTensor } from "../../src/index.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { runTraced } from "../recordings/run-traced.ts";
import { randomize, randomTensor, SmallNet } from "./networks.ts";
import { watchDevice } from "./watched-device.ts";

const shape = [4, 3, 5, 5];
const tolerance = 1e-5;

function expectClose(actual: HostTensor, expected: HostTensor, what: string): void {
  expect(relativeError(actual, expected), what).toBeLessThanOrEqual(tolerance);
}

for (const kind of testedDevices) {
  describe(`parameters on ${kind}`, () => {
    const device = lazyDevice(kind);

    it("take effect at the next run after loadStateDict: folded weights are computed again, nothing is compiled", async () => {
      const watched = watchDevice(await device());
      const net = randomize(new SmallNet(), 1).eval();
      await using compiled = await compile(net, [{ shape }], { device: watched });
      const x = randomTensor(shape);
      expectClose(await compiled.run(x), runTraced(net, [x])[0]!, "before");
      const { compiledKernels, bytes } = watched.account;
      const source = String(compiled.kernels.map((kernel) => kernel.source));

      randomize(net, 2);
      expectClose(await compiled.run(x), runTraced(net, [x])[0]!, "after");
      // Only a running statistic changes: what is folded from it changes, too.
      net.bn.runningVar!.assign(randomTensor([4], 5));
      net.bn.runningVar!.assign({ dtype: "f32", shape: [4], data: Float32Array.of(4, 3, 2, 1) });
      expectClose(await compiled.run(x), runTraced(net, [x])[0]!, "after another running variance");

      expect(watched.account.compiledKernels).toBe(compiledKernels);
      expect(watched.account.bytes).toBe(bytes);
      expect(String(compiled.kernels.map((kernel) => kernel.source))).toBe(source);
    });

    it("are prepared once: a run with unchanged parameters is one submission, the one after a change two", async () => {
      const watched = watchDevice(await device());
      const net = randomize(new SmallNet(), 3).eval();
      await using compiled = await compile(net, [{ shape }], { device: watched });
      const submissionsOf = async (): Promise<number> => {
        const before = watched.account.submissions;
        await compiled.run(randomTensor(shape));
        return watched.account.submissions - before;
      };
      expect(await submissionsOf()).toBe(1);
      expect(await submissionsOf()).toBe(1);
      net.fc.bias!.assign(randomTensor([5], 9));
      await submissionsOf();
      net.conv.weight.assign(randomTensor([4, 3, 3, 3], 9));
      expect(await submissionsOf()).toBe(2);
      expect(await submissionsOf()).toBe(1);
    });

    it("are shared: training updates running statistics on the device and the evaluation program sees them", async () => {
      const watched = watchDevice(await device());
      const net = randomize(new SmallNet(), 4);
      const reference = randomize(new SmallNet(), 4);
      const evaluation = await compile(net.eval(), [{ shape }], { device: watched });
      const training = await compile(net.train(), [{ shape }], { device: watched });
      expect(net.training).toBe(true);
      const { compiledKernels } = watched.account;

      const x = randomTensor(shape, 50);
      const expectSame = async (step: string): Promise<void> => {
        expectClose(await evaluation.run(x), runTraced(reference.eval(), [x])[0]!, `evaluation ${step}`);
      };
      await expectSame("before training");
      for (let step = 0; step < 3; step++) {
        const batch = randomTensor(shape, 60 + step);
        expectClose(await training.run(batch), runTraced(reference.train(), [batch])[0]!, `training ${step}`);
        await expectSame(`after step ${step}`);
      }
      expect(watched.account.compiledKernels).toBe(compiledKernels);

      const state = await training.stateDict();
      const expected = reference.stateDict();
      expect(Object.keys(state)).toEqual(Object.keys(expected));
      for (const [name, value] of Object.entries(expected)) expectClose(state[name]!, value, name);
      expect(state["bn.num_batches_tracked"]).toEqual({
        dtype: "i64",
        shape: [],
        data: BigInt64Array.of(3n),
      });
      // The host was not told; what it knows is what was loaded.
      expect(net.stateDict()["bn.num_batches_tracked"]?.data).toEqual(BigInt64Array.of(0n));

      // The evaluation program does not read the count, but it is on the device, too.
      const seen = await evaluation.stateDict();
      for (const [name, value] of Object.entries(expected))
        expectClose(seen[name]!, value, `evaluation: ${name}`);

      // And back: what the host loads replaces what the device computed.
      net.loadStateDict(reference.stateDict());
      await expectSame("after loading");
      evaluation.dispose();
      training.dispose();
      expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("keep each training step's own statistics when steps overlap", async () => {
      const net = randomize(new SmallNet(), 6).train();
      const reference = randomize(new SmallNet(), 6).train();
      await using training = await compile(net, [{ shape }], { device: await device() });
      const batches = Array.from({ length: 6 }, (_, i) => randomTensor(shape, 80 + i));
      const results = await Promise.all(batches.map((batch) => training.run(batch)));
      for (const [i, batch] of batches.entries())
        expectClose(results[i]!, runTraced(reference, [batch])[0]!, `step ${i}`);
      const state = await training.stateDict();
      for (const [name, value] of Object.entries(reference.stateDict()))
        expectClose(state[name]!, value, name);
    });

    it("are read under every name of a shared module", async () => {
      class Tied extends nn.Module {
        readonly a = new nn.BatchNorm1d(3);
        readonly b = this.a;
        override forward(x: nn.Tensor): nn.Tensor {
          return this.a.forward(x);
        }
      }
      await using training = await compile(new Tied().train(), [{ shape: [4, 3] }], {
        device: await device(),
      });
      await training.run(randomTensor([4, 3]));
      const state = await training.stateDict();
      expect(state["b.num_batches_tracked"]?.data).toEqual(BigInt64Array.of(1n));
      expect(state["b.running_mean"]).toEqual(state["a.running_mean"]);
    });
  });
}
