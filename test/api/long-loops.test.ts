/** Loops of runs leave the event loop its turns and the device its memory; signals stop what waits. */
import { describe, expect, it } from "vitest";
import { compile, nn, openDevice, tensor, type DeviceTensor } from "../../src/index.ts";
import type { Device } from "../../src/runtime/device.ts";
import { nextTurn } from "../../src/runtime/event-loop.ts";
import { RunQueue } from "../../src/runtime/run-queue.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";

class Twice extends nn.Module {
  override forward(x: nn.Tensor): nn.Tensor {
    return x.mul(2);
  }
}

class Deep extends nn.Module {
  layers = new nn.ModuleList(Array.from({ length: 12 }, (_, i) => new nn.Linear(32 + i, 33 + i)));
  override forward(x: nn.Tensor): nn.Tensor {
    return [...this.layers].reduce((y, layer) => (layer as nn.Linear).forward(y).relu(), x);
  }
}

const elements = 2 ** 18;

describe("a loop of awaited runs on the embedded CPU", () => {
  it("lets timers fire", async () => {
    const compiled = await compile(new Twice(), [{ shape: [elements] }], { device: "cpu" });
    const x = tensor(new Float32Array(elements).fill(1), [elements]);
    let fired = 0;
    const timer = setInterval(() => fired++, 5);
    const start = performance.now();
    // As long as it takes: a machine that is slow fires few timers, but some.
    for (let i = 0; i < 5000 && (fired < 5 || performance.now() - start < 100); i++) await compiled.run(x);
    clearInterval(timer);
    expect(fired).toBeGreaterThanOrEqual(5);
    compiled.dispose();
  });
});

for (const kind of testedDevices) {
  describe(`results that stay on ${kind}`, () => {
    const device = lazyDevice(kind);

    it("are counted: runs do not get further ahead of the device than they may hold", async () => {
      const opened = await device();
      let finishes = 0;
      // The same device, whose waits are counted.
      const counting = new Proxy(opened, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key, target);
          if (key === "finish") finishes++;
          return typeof value === "function"
            ? (value as (...args: unknown[]) => unknown).bind(target)
            : value;
        },
      }) as Device;
      const compiled = await compile(new Twice(), [{ shape: [elements] }], { device: counting });
      let x = (await compiled.run(tensor(new Float32Array(elements).fill(1e-20), [elements]), {
        keepOnDevice: true,
      })) as unknown as DeviceTensor;
      const before = finishes;
      for (let i = 0; i < 120; i++) {
        const y = (await compiled.run(x, { keepOnDevice: true })) as unknown as DeviceTensor;
        x.dispose();
        x = y;
      }
      // 120 runs of 1 MiB: a wait for each 16 of them at the latest.
      expect(finishes - before).toBeGreaterThanOrEqual(6);
      const { data } = await x.read();
      expect(Number(data[0])).toBeCloseTo(Number(Math.fround(1e-20)) * 2 ** 121, -12);
      x.dispose();
      compiled.dispose();
    });

    it("wait for their turn with the inputs they were given, and in order", async () => {
      const compiled = await compile(new Twice(), [{ shape: [4] }], { device: await device() });
      const data = new Float32Array(4);
      const runs = Array.from({ length: 100 }, (_, i) => {
        data.fill(i);
        return compiled.run(tensor(data, [4]));
      });
      data.fill(-1);
      const results = await Promise.all(runs);
      expect(results.map((y) => y.data[0])).toEqual(Array.from({ length: 100 }, (_, i) => 2 * i));
      compiled.dispose();
    });
  });
}

describe("a queue of runs", () => {
  it("never holds more than it may, whatever the sizes, and keeps their order", async () => {
    let done = 0;
    const started: number[] = [];
    const finish = async (): Promise<void> => {
      const upTo = started.length;
      await nextTurn();
      done = Math.max(done, upTo);
    };
    const queue = new RunQueue(finish);
    const sizes = Array.from({ length: 400 }, (_, i) => (i % 50 === 3 ? 60 : i % 7 === 0 ? 9 : 1) * 2 ** 20);
    const held = () => started.slice(done).reduce((sum, i) => sum + sizes[i]!, 0);
    const tasks = sizes.map(async (bytes, i) => {
      const ticket = await queue.enter(bytes);
      started.push(i);
      queue.started(ticket);
      expect(held()).toBeLessThanOrEqual(64 * 2 ** 20);
    });
    await Promise.all(tasks);
    expect(started).toEqual(sizes.map((_, i) => i));
  });
});

describe("an aborted signal", () => {
  it("stops a run before it starts, and one that waits", async () => {
    const compiled = await compile(new Twice(), [{ shape: [4] }], { device: "cpu" });
    const x = tensor([1, 2, 3, 4]);
    await expect(compiled.run(x, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
    const controller = new AbortController();
    const first = Array.from({ length: 32 }, () => compiled.run(x));
    const waiting = compiled.run(x, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await Promise.all(first);
    expect([...(await compiled.run(x)).data]).toEqual([2, 4, 6, 8]);
    compiled.dispose();
  });

  it.each(testedDevices)("stops a compilation on %s, which can be asked for again", async (kind) => {
    const { device } = await openDevice(kind);
    const inputs = [{ shape: [1, 32] }];
    await expect(compile(new Deep(), inputs, { device, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
    const controller = new AbortController();
    let kernels = 0;
    const stopped = compile(new Deep(), inputs, {
      device,
      signal: controller.signal,
      onProgress: () => {
        kernels++;
        controller.abort(new Error("seen enough"));
      },
    });
    await expect(stopped).rejects.toThrow("seen enough");
    expect(kernels).toBe(1);
    const compiled = await compile(new Deep(), inputs, { device });
    await compiled.run(tensor(new Float32Array(32), [1, 32]));
    compiled.dispose();
  });
});
