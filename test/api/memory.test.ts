/** What a program holds on its device: prepared weights stay, raw ones pass; what a device computed is never lost. */
import { describe, expect, it } from "vitest";
import { compile, nn, tensor, type HostTensor } from "../../src/index.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { runTraced } from "../recordings/run-traced.ts";
import { randomize, randomTensor, SmallNet } from "./networks.ts";
import { watchDevice, type WatchedDevice } from "./watched-device.ts";

const tolerance = 1e-5;

function expectClose(actual: HostTensor, expected: HostTensor, what: string): void {
  expect(relativeError(actual, expected), what).toBeLessThanOrEqual(tolerance);
}

/** Layers of 9 MiB each, whose weights every target packs. */
class Deep extends nn.Module {
  readonly layers = Array.from({ length: 4 }, () => new nn.Conv2d(512, 512, 3, { padding: 1 }));
  readonly a = this.layers[0]!;
  readonly b = this.layers[1]!;
  readonly c = this.layers[2]!;
  readonly d = this.layers[3]!;

  override forward(x: nn.Tensor): nn.Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}

function sizes(compiled: Awaited<ReturnType<typeof compile>>) {
  const { buffers, run } = compiled.executable;
  const inRun = new Set(
    run.flatMap((command) =>
      command.kind === "dispatch" ? command.buffers : [command.source, command.destination],
    ),
  );
  const sum = (isWanted: (i: number) => boolean) =>
    buffers.reduce((total, buffer, i) => total + (isWanted(i) ? buffer.sizeBytes : 0), 0);
  return { stays: sum((i) => inRun.has(i)), passes: sum((i) => !inRun.has(i)) };
}

for (const kind of testedDevices) {
  describe(`device memory on ${kind}`, () => {
    const device = lazyDevice(kind);
    const watch = async (): Promise<WatchedDevice> => watchDevice(await device());
    const shape = [4, 3, 5, 5];

    it("holds what runs use once a program is compiled, and no raw weight that was prepared", async () => {
      const watched = await watch();
      await using compiled = await compile(randomize(new SmallNet()).eval(), [{ shape }], {
        device: watched,
      });
      const { stays, passes } = sizes(compiled);
      expect(passes).toBeGreaterThan(0);
      expect(watched.account.bytes).toBe(stays);
    });

    it("never holds more raw weights at once than a batch of them", { timeout: 60_000 }, async () => {
      const watched = await watch();
      const weightBytes = 512 * 512 * 9 * 4;
      await using compiled = await compile(new Deep().eval(), [{ shape: [1, 512, 1, 1] }], {
        device: watched,
      });
      const { stays, passes } = sizes(compiled);
      expect(passes).toBeGreaterThanOrEqual(4 * weightBytes);
      expect(watched.account.peakBytes).toBeGreaterThan(stays);
      expect(watched.account.peakBytes).toBeLessThan(stays + 1.5 * weightBytes);
    });

    it("takes raw weights again for new values, and gives them back", async () => {
      const watched = await watch();
      const net = randomize(new SmallNet(), 1).eval();
      await using compiled = await compile(net, [{ shape }], { device: watched });
      const x = randomTensor(shape);
      await compiled.run(x);
      const { bytes, buffers } = watched.account;
      for (const seed of [2, 3]) {
        randomize(net, seed);
        const results = await Promise.all([compiled.run(x), compiled.run(x)]);
        for (const result of results) expectClose(result, runTraced(net, [x])[0]!, `weights ${seed}`);
        expect(watched.account).toMatchObject({ bytes, buffers });
      }
    });

    it("serves a second program of the same module, compiled after the first let its weights go", async () => {
      const watched = await watch();
      const net = randomize(new SmallNet(), 4).eval();
      const x = randomTensor(shape);
      const first = await compile(net, [{ shape }], { device: watched });
      await first.run(x);
      const [second, third] = await Promise.all(
        [shape, [2, ...shape.slice(1)]].map((other) => compile(net, [{ shape: other }], { device: watched })),
      );
      first.dispose();
      expectClose(await second!.run(x), runTraced(net, [x])[0]!, "second program");
      randomize(net, 5);
      const y = randomTensor([2, ...shape.slice(1)]);
      expectClose(await third!.run(y), runTraced(net, [y])[0]!, "third program, new weights");
      expectClose(await second!.run(x), runTraced(net, [x])[0]!, "second program, new weights");
      second!.dispose();
      third!.dispose();
      expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("keeps statistics that training wrote, after the training program is gone", async () => {
      const watched = await watch();
      const net = randomize(new SmallNet(), 6);
      const reference = randomize(new SmallNet(), 6);
      const evaluation = await compile(net.eval(), [{ shape }], { device: watched });
      const training = await compile(net.train(), [{ shape }], { device: watched });
      const batch = randomTensor(shape, 7);
      await training.run(batch);
      runTraced(reference.train(), [batch]);
      training.dispose();

      const x = randomTensor(shape, 8);
      expectClose(await evaluation.run(x), runTraced(reference.eval(), [x])[0]!, "evaluation");
      const state = await evaluation.stateDict();
      for (const [name, value] of Object.entries(reference.stateDict())) {
        // Only the training program counts batches.
        if (name !== "bn.num_batches_tracked") expectClose(state[name]!, value, name);
      }
      // What the host loads replaces it, and then needs no memory of its own any more.
      net.loadStateDict(reference.stateDict());
      expectClose(await evaluation.run(x), runTraced(reference.eval(), [x])[0]!, "after loading");
      expect(watched.account.bytes).toBe(sizes(evaluation).stays);
      evaluation.dispose();
      expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("gives a state dict in memory of its own, for weights that are on no device, too", async () => {
      const net = randomize(new SmallNet(), 9).eval();
      await using compiled = await compile(net, [{ shape }], { device: await device() });
      const state = await compiled.stateDict();
      expect(state["conv.weight"]).toEqual(net.conv.weight.value);
      (state["conv.weight"]!.data as Float32Array).fill(0);
      expect(net.conv.weight.value.data.every((element) => element === 0)).toBe(false);
    });

    it("gives everything back when raw weights do not fit", async () => {
      const net = new Deep().eval();
      const watched = watchDevice(await device(), { memoryBytes: 20 * 2 ** 20 });
      const compiling = compile(net, [{ shape: [1, 512, 1, 1] }], { device: watched });
      await expect(compiling).rejects.toMatchObject({ code: "out-of-memory" });
      expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("takes what a state could not be uploaded from as an error of each run, not of one", async () => {
      const net = randomize(new SmallNet(), 10).train();
      await using compiled = await compile(net, [{ shape }], { device: await device() });
      net.bn.numBatchesTracked!.assign(tensor([2n ** 40n], [], "i64"));
      for (let i = 0; i < 2; i++)
        await expect(compiled.run(randomTensor(shape))).rejects.toMatchObject({ code: "dtype" });
    });
  });
}
