/** What compiling promises: progress, no kernel afterwards, one submission a run, timings, dumps, memory given back. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compile, listDevices, openDevice, parseGraph, type DispatchTiming } from "../../src/index.ts";
import type { CompileProgress } from "../../src/runtime/device.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { relativeError } from "../recordings/compare.ts";
import { runTraced } from "../recordings/run-traced.ts";
import { Forward, randomize, randomTensor, SmallNet } from "./networks.ts";
import { watchDevice } from "./watched-device.ts";

const shape = [2, 3, 6, 6];
const inputs = [{ shape }];
const x = randomTensor(shape);

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-dump-"));
  folders.push(folder);
  return folder;
}

for (const kind of testedDevices) {
  describe(`compile on ${kind}`, () => {
    const device = lazyDevice(kind);

    it("compiles every kernel before it returns, and tells progress up to the total", async () => {
      const watched = watchDevice(await device());
      const progress: CompileProgress[] = [];
      const onProgress = (step: CompileProgress): void => void progress.push(step);
      const net = randomize(new SmallNet()).eval();
      await using compiled = await compile(net, inputs, { device: watched, onProgress });
      const { total } = progress[0]!;
      expect(progress.map(({ completed }) => completed)).toEqual(
        Array.from({ length: total }, (_, i) => i + 1),
      );
      expect(watched.account.compiledKernels).toBe(total);
      const names = progress.map(({ kernel }) => kernel);
      for (const { name } of compiled.kernels) expect(names).toContain(name);

      await compiled.run(x);
      ((await compiled.run(x, { keepOnDevice: true })) as unknown as Disposable)[Symbol.dispose]();
      await compiled.run(x, { profile: true });
      net.loadStateDict(randomize(new SmallNet(), 2).stateDict());
      await compiled.run(x);
      expect(watched.account.compiledKernels).toBe(total);
    });

    it("submits once a run, however many kernels there are", async () => {
      const watched = watchDevice(await device());
      await using compiled = await compile(new SmallNet().eval(), inputs, { device: watched });
      expect(compiled.launches).toBeGreaterThan(1);
      const before = watched.account.submissions;
      await Promise.all([compiled.run(x), compiled.run(x), compiled.run(x)]);
      expect(watched.account.submissions - before).toBe(3);
    });

    it("times every dispatch of a profiled run under its kernel's name, and gives the same results", async () => {
      const net = randomize(new SmallNet()).eval();
      await using compiled = await compile(net, inputs, { device: await device() });
      let told: readonly DispatchTiming[] = [];
      const result = await compiled.run(x, { onProfile: (timings) => void (told = timings) });
      expect(told).toHaveLength(compiled.launches);
      expect(compiled.lastProfile).toEqual(told);
      const launched = compiled.kernels.flatMap(({ name, launches }) => Array<string>(launches).fill(name));
      expect(told.map(({ kernel }) => kernel).sort()).toEqual(launched.sort());
      expect(told.every(({ elapsedMs }) => elapsedMs >= 0)).toBe(true);
      expect(told.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0)).toBeGreaterThan(0);
      expect(relativeError(result, runTraced(net, [x])[0]!)).toBeLessThanOrEqual(1e-5);
    });

    it("writes numbered stages, every kernel and the plan to the dump folder", async () => {
      const folder = join(await scratchFolder(), "created", "for", "it");
      await using compiled = await compile(new SmallNet().eval(), inputs, {
        device: await device(),
        dump: folder,
      });
      const files = (await readdir(folder)).sort();
      const stages = files.filter((file) => /^\d\d-/.test(file));
      expect(stages[0]).toBe("00-trace.txt");
      expect(stages.map((file) => Number(file.slice(0, 2)))).toEqual(stages.map((_, i) => i));
      expect(stages.map((file) => file.slice(3, -4))).toEqual(
        expect.arrayContaining(["fold-batch-norm-into-conv", "split-prepare", "fuse-elementwise-run"]),
      );
      const extension = { wgsl: "wgsl", "opencl-c": "cl", wasm: "txt" } as const;
      for (const { name, language, source } of compiled.kernels)
        expect(await readFile(join(folder, `${name}.${extension[language]}`), "utf8")).toBe(source);
      expect(JSON.parse(await readFile(join(folder, "plan.json"), "utf8"))).toHaveProperty("run");
      // Large constants are left out of dumps, so only graphs without any parse back.
      expect(parseGraph(await readFile(join(folder, "00-trace.txt"), "utf8")).name).toBe("SmallNet");
    });

    it("gives all memory back after dispose, which may be called twice", async () => {
      const watched = watchDevice(await device());
      const net = randomize(new SmallNet());
      for (const training of [true, false]) {
        const compiled = await compile(net.train(training), inputs, { device: watched });
        expect(watched.account.bytes).toBeGreaterThan(0);
        await compiled.run(x);
        compiled.dispose();
        compiled.dispose();
        await compiled[Symbol.asyncDispose]();
        expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
      }
    });

    it("holds one copy of the parameters for two programs of one module", async () => {
      const watched = watchDevice(await device());
      const net = randomize(new SmallNet()).eval();
      await using first = await compile(net, inputs, { device: watched });
      const alone = watched.account.bytes;
      await using second = await compile(net, inputs, { device: watched });
      const { buffers, parameters, state, run } = first.executable;
      const inRun = new Set(run.flatMap((command) => (command.kind === "dispatch" ? command.buffers : [])));
      const shared = [...parameters, ...state]
        .filter(({ buffer }) => inRun.has(buffer))
        .reduce((sum, { buffer }) => sum + buffers[buffer]!.sizeBytes, 0);
      expect(shared).toBeGreaterThan(0);
      expect(watched.account.bytes).toBe(2 * alone - shared);
      first.dispose();
      expect(relativeError(await second.run(x), runTraced(net, [x])[0]!)).toBeLessThanOrEqual(1e-5);
    });

    it("shares one device among all who ask for the kind, also at the same time", async () => {
      const opened = await Promise.all([openDevice(kind), openDevice(kind), openDevice(kind)]);
      expect(new Set(opened.map(({ device: same }) => same)).size).toBe(1);
      await using compiled = await compile(new Forward((a) => a!.neg()), [{ shape: [2] }], { device: kind });
      expect(compiled.device).toBe(opened[0].device);
    });

    it("is listed with its target", async () => {
      const listed = (await listDevices()).find((listing) => listing.kind === kind);
      expect(listed).toMatchObject({ kind, name: expect.stringMatching(/\w/) });
      expect(listed?.missing).toBeUndefined();
      expect(listed?.target).toMatchObject({ language: (await device()).target.language });
    });

    // Batch norm in eval mode, pooling and a product: each kind of kernel sees a batch of nothing.
    it("runs batches of zero images", async () => {
      const net = randomize(new SmallNet()).eval();
      await using compiled = await compile(net, [{ shape: [0, 3, 8, 8] }], { device: await device() });
      const result = await compiled.run(randomTensor([0, 3, 8, 8]));
      expect(result).toEqual({ dtype: "f32", shape: [0, 5], data: new Float32Array(0) });
      const kept = await compiled.run(randomTensor([0, 3, 8, 8]), { keepOnDevice: true });
      expect(kept.shape).toEqual([0, 5]);
      (kept as unknown as Disposable)[Symbol.dispose]();
    });

    it("reduces dimensions of size zero to what an empty sum, product and mean are", async () => {
      const module = new Forward((a) => [a!.sum(0), a!.prod(0), a!.mean(0), a!.matmul(a!.transpose(0, 1))]);
      await using compiled = await compile(module, [{ shape: [0, 2] }], { device: await device() });
      const results = await compiled.run<{ data: Float32Array }[]>(randomTensor([0, 2]));
      expect(results.map(({ data }) => [...data])).toEqual([[0, 0], [1, 1], [NaN, NaN], []]);
    });

    it("reduces a scalar to itself, as PyTorch does", async () => {
      const module = new Forward((a) => [
        a!.sum(0),
        a!.mean(-1),
        a!.prod([0]),
        a!.max(0),
        a!.var(0, false, 0),
      ]);
      await using compiled = await compile(module, [{ shape: [] }], { device: await device() });
      const results = await compiled.run<{ shape: number[]; data: Float32Array }[]>({
        dtype: "f32",
        shape: [],
        data: Float32Array.of(-3),
      });
      expect(results.map(({ shape, data }) => [shape, data[0]])).toEqual(
        [-3, -3, -3, -3, 0].map((x) => [[], x]),
      );
    });

    it("computes nothing for a result without elements", async () => {
      const module = new Forward((a, b) => a!.matmul(b!.relu().transpose(0, 1)).exp());
      const shapes = [{ shape: [0, 3] }, { shape: [4, 3] }];
      await using compiled = await compile(module, shapes, { device: await device() });
      const result = await compiled.run(randomTensor([0, 3]), randomTensor([4, 3]));
      expect(result).toEqual({ dtype: "f32", shape: [0, 4], data: new Float32Array(0) });
      expect(compiled.report().data.launches).toBe(0);
    });
  });
}

describe("compile", () => {
  it("refuses a dump folder that cannot be written to, naming it, and works right after", async () => {
    const file = join(await scratchFolder(), "file");
    await writeFile(file, "");
    const net = new Forward((a) => a!.neg());
    const attempt = compile(net, [{ shape: [1] }], { device: "cpu", dump: join(file, "under") });
    await expect(attempt).rejects.toMatchObject({
      name: "UserError",
      code: "argument",
      message: expect.stringContaining(file),
    });
    await using compiled = await compile(net, [{ shape: [1] }], { device: "cpu" });
    expect([...(await compiled.run(randomTensor([1]))).data]).toEqual([-randomTensor([1]).data[0]!]);
  });
});
