/**
 * Threads of the embedded CPU device: the same bits as one thread, in order, through growth and many small
 * runs; workers that sleep, end, fail or never start.
 */
import { afterAll, describe, expect, it } from "vitest";
import { buildExecutable, compile, passOptions } from "../../src/compile.ts";
import type { KernelSource } from "../../src/codegen/executable.ts";
import { f32, i32, type Kernel } from "../../src/codegen/kernel-ir.ts";
import { add, ref, sub } from "../../src/codegen/legalize/build-expr.ts";
import { wasmTarget } from "../../src/codegen/target.ts";
import { legalizeForWasm } from "../../src/codegen/wasm/legalize.ts";
import { writeWasm } from "../../src/codegen/wasm/write.ts";
import { nn, openDevice } from "../../src/index.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { Parameter, StateBuffer, type Stored } from "../../src/ir/stored-tensor.ts";
import { openCpuDevice, type CpuDeviceOptions } from "../../src/runtime/cpu/open-cpu-device.ts";
import { startWorker, type StartWorker, type WorkerThread } from "../../src/runtime/cpu/start-worker.ts";
import { ThreadPool } from "../../src/runtime/cpu/thread-pool.ts";
import type { Device } from "../../src/runtime/device.ts";
import { Session } from "../../src/runtime/session.ts";
import { Forward, randomTensor } from "../api/networks.ts";
import { runScript } from "../examples/run-script.ts";
import { graphOf, networks } from "../passes/networks.ts";
import { valuesFor } from "../passes/rewriting.ts";

const opened: Device[] = [];
afterAll(async () => {
  for (const device of opened) await device.dispose();
});

async function open(options: CpuDeviceOptions): Promise<Device> {
  const device = await openCpuDevice(options);
  opened.push(device);
  return device;
}

/** y[i] = y[i] + 1, one group an element; large enough to be divided. */
const count = 8192;
const addOne: KernelSource = {
  name: "add_one",
  language: "wasm",
  source: "",
  binary: incrementing(0),
  buffers: [{ access: "read_write", sizeBytes: count * 4 }],
  groups: count,
  groupSize: 1,
};

/** Kernels that do the same, with code of their own for each number. */
function incrementing(number: number): Uint8Array {
  const group = { kind: "group", type: i32 } as const;
  const value = add(sub(add(ref("v", f32), 1 + number), number), 0);
  const kernel: Kernel = {
    name: "add_one",
    comment: "",
    buffers: [{ name: "y", scalar: "f32", access: "read_write", elementCount: count }],
    shared: [],
    groups: count,
    groupSize: 1,
    body: [
      { kind: "load", name: "v", type: f32, buffer: "y", index: group },
      { kind: "store", buffer: "y", index: group, value },
    ],
  };
  return writeWasm(legalizeForWasm(kernel, wasmTarget), wasmTarget);
}

async function counter(device: Device, dispatches: number) {
  const buffer = device.allocate(count * 4, "y");
  device.write(buffer, new Float32Array(count));
  const [kernel] = await device.compile([addOne]);
  const command = { kind: "dispatch", kernel: kernel!, buffers: [buffer] } as const;
  const list = device.record(Array.from({ length: dispatches }, () => command));
  const values = async () => [...new Set(new Float32Array(await device.read(buffer, count * 4)))];
  return { list, values };
}

/** Starts workers, and keeps them with the number of replies that each has given. */
function watchedWorkers() {
  const workers: { thread: WorkerThread; replies: number }[] = [];
  const start: StartWorker = async (program, events) => {
    const worker = { replies: 0 } as { thread: WorkerThread; replies: number };
    const onMessage = (reply: unknown): void => {
      worker.replies++;
      events.onMessage(reply);
    };
    worker.thread = await startWorker(program, { ...events, onMessage });
    workers.push(worker);
    return worker.thread;
  };
  return { workers, start };
}

describe("threads of the embedded CPU device", () => {
  it.each([networks.basicBlock, networks.basicBlockTraining, networks.mlp, networks.depthwiseSeparable])(
    "give $name the same bits as one thread",
    async (network) => {
      const devices = [await open({ threads: 1 }), await open({ threads: 2 }), await open({ threads: 5 })];
      const graph = graphOf(network);
      const values = valuesFor(graph);
      const { executable } = buildExecutable(graph, devices[2]!.target, passOptions({}));
      const results: number[][][] = [];
      for (const device of devices) {
        const stored = new Map<string, Stored>();
        for (const { name, role } of graph.inputs) {
          if (role === "parameter") stored.set(name, new Parameter(values[name]!));
          if (role === "state") stored.set(name, new StateBuffer(values[name]!));
        }
        const session = await Session.load(device, executable, stored);
        const inputs = executable.inputs.map(({ name }) => values[name]!);
        const runs = await Promise.all([session.run(inputs), session.run(inputs)]);
        const outputs = runs.flatMap((run) => run.outputs as readonly HostTensor[]);
        const state = [...(await session.readState()).values()];
        results.push([...outputs, ...state].map(({ data }) => Array.from(data, Number)));
        session.dispose();
      }
      expect(results[0]!.flat().length).toBeGreaterThan(0);
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    },
  );

  it("say in the name and the target how many they are", async () => {
    const device = await open({ threads: 3 });
    expect(device.name).toMatch(/^WebAssembly on 3 threads/);
    expect(device.target.computeUnits).toBe(3);
    const alone = await open({ threads: 1 });
    expect(alone.name).toMatch(/^WebAssembly on the calling thread/);
    expect(alone.target.computeUnits).toBe(1);
  });

  it("run every group of every dispatch once, in order, with one timing a dispatch", async () => {
    const device = await open({ threads: 4 });
    const { list, values } = await counter(device, 300);
    expect(await device.submit(list)).toEqual([]);
    expect(await values()).toEqual([300]);
    const timings = await device.submit(list, { profile: true });
    expect(timings).toHaveLength(300);
    expect(timings.every(({ elapsedMs }) => elapsedMs > 0)).toBe(true);
    expect(await values()).toEqual([600]);
  });

  it("take many small runs one after another, with and without pauses in which they fall asleep", async () => {
    const device = await open({ threads: 2 });
    const { list, values } = await counter(device, 2);
    for (let run = 0; run < 500; run++) {
      await device.submit(list);
      if (run % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await values()).toEqual([1000]);
  });

  it("see memory that grew after they started, and kernels that came later", async () => {
    const device = await open({ threads: 2 });
    const first = await counter(device, 3);
    await device.submit(first.list);
    device.allocate(300 * 2 ** 20, "filler");
    const second = await counter(device, 5);
    await device.submit(second.list);
    expect(await first.values()).toEqual([3]);
    expect(await second.values()).toEqual([5]);
  });

  it("are two while weights are prepared, and all in the first run", async () => {
    const { workers, start } = watchedWorkers();
    const device = await open({ threads: 4, pool: { startWorker: start } });
    expect(device.target.computeUnits).toBe(4);
    const net = new nn.Linear(128, 512);
    const x = randomTensor([8, 128], 1);
    const compiled = await compile(net, [{ shape: [8, 128] }], { device });
    expect(compiled.report().data.prepareLaunches).toBeGreaterThan(0);
    expect(workers).toHaveLength(1);
    const alone = await compile(net, [{ shape: [8, 128] }], { device: await open({ threads: 1 }) });
    const expected = (await alone.run(x)).data;
    expect((await compiled.run(x)).data).toEqual(expected);
    await expect.poll(() => workers.map(({ replies }) => replies > 0)).toEqual([true, true, true]);
    expect((await compiled.run(x)).data).toEqual(expected);
  });

  it("that join while kernels are compiled know those, too", async () => {
    const { workers, start } = watchedWorkers();
    const device = await open({ threads: 4, pool: { startWorker: start } });
    const first = await counter(device, 1);
    await device.submit(first.list);
    const kernels = Array.from({ length: 20 }, (_, i) => ({ ...addOne, binary: incrementing(i + 1) }));
    for (const kernel of kernels) {
      const [compiled] = await device.compile([kernel]);
      const buffer = device.allocate(count * 4, "y");
      device.write(buffer, new Float32Array(count));
      const command = { kind: "dispatch", kernel: compiled!, buffers: [buffer] } as const;
      await device.submit(device.record([command, command]));
      expect([...new Set(new Float32Array(await device.read(buffer, count * 4)))]).toEqual([2]);
    }
    await expect.poll(() => workers.map(({ replies }) => replies > 0)).toEqual([true, true, true]);
    await device.submit(first.list);
    expect(await first.values()).toEqual([2]);
  });

  it("that the host refuses when they would join are not missed", async () => {
    const { workers, start } = watchedWorkers();
    const second: StartWorker = async (...args) => {
      if (workers.length > 0) throw new Error("one is enough");
      return start(...args);
    };
    const device = await open({ threads: 4, pool: { startWorker: second } });
    const { list, values } = await counter(device, 50);
    for (let run = 0; run < 10; run++) await device.submit(list);
    expect(await values()).toEqual([500]);
    expect(workers).toHaveLength(1);
    expect(device.lost).toBeUndefined();
  });

  it("runs of one program may overlap", async () => {
    const device = await open({ threads: 2 });
    const shape = [32, 200];
    const net = new Forward((x) => x!.matmul(x!.transpose(0, 1)));
    const inputs = Array.from({ length: 6 }, (_, seed) => randomTensor(shape, seed));
    const alone = await compile(net, [{ shape }], { device: await open({ threads: 1 }) });
    const threaded = await compile(net, [{ shape }], { device });
    const results = await Promise.all(inputs.map((x) => threaded.run(x)));
    for (const [i, x] of inputs.entries()) expect(results[i]!.data).toEqual((await alone.run(x)).data);
  });

  it("end when the device is disposed", async () => {
    const ended: string[] = [];
    const watched: StartWorker = (program, events) =>
      startWorker(program, { ...events, onEnd: (reason) => ended.push(reason) });
    const device = await openCpuDevice({ threads: 3, pool: { startWorker: watched } });
    const { list } = await counter(device, 1);
    await device.submit(list);
    const compiling = device.compile([{ ...addOne, name: "late" }, addOne]);
    await device.dispose();
    await compiling.catch((error: unknown) => expect(error).toMatchObject({ code: "disposed" }));
    await expect.poll(() => ended).toHaveLength(2);
    expect(device.lost).toBe("it was disposed");
  });

  it("sleep while nothing runs, and let the process end by itself", async () => {
    const { code, stdout, stderr } = await runScript("test/runtime/cpu-idle.ts");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { name, usedMs, idleMs } = JSON.parse(stdout) as { name: string; usedMs: number; idleMs: number };
    expect(name).toMatch(/2 threads/);
    expect(usedMs).toBeLessThan(idleMs / 5);
  });
});

describe("the number of threads", () => {
  it("is an option of openDevice, for a device of the caller's own", async () => {
    const { device } = await openDevice("cpu", { threads: 2 });
    opened.push(device);
    expect(device.target.computeUnits).toBe(2);
    expect((await openDevice("cpu")).device).not.toBe(device);
    await expect(openDevice("opencl", { threads: 2 })).rejects.toMatchObject({
      code: "argument",
      message: 'threads: only device "cpu" is opened with it, not "opencl".',
    });
  });

  it("comes from HEDDLE_CPU_THREADS where nothing else is said", async () => {
    const before = process.env["HEDDLE_CPU_THREADS"];
    try {
      process.env["HEDDLE_CPU_THREADS"] = "3";
      expect((await open({})).target.computeUnits).toBe(3);
      expect((await open({ threads: 1 })).target.computeUnits).toBe(1);
      process.env["HEDDLE_CPU_THREADS"] = "many";
      await expect(openCpuDevice()).rejects.toMatchObject({
        code: "argument",
        message: 'HEDDLE_CPU_THREADS: expected a whole number of threads from 1 to 256, got "many".',
      });
    } finally {
      if (before === undefined) delete process.env["HEDDLE_CPU_THREADS"];
      else process.env["HEDDLE_CPU_THREADS"] = before;
    }
  });

  it.each([0, 1.5, 257, NaN])("cannot be %s", async (threads) => {
    await expect(openCpuDevice({ threads })).rejects.toThrow(/^threads: expected a whole number of threads/);
  });
});

describe("workers that fail", () => {
  it("to start leave one thread, and the device says why", async () => {
    const refused: StartWorker = async () => {
      throw new Error("no workers here");
    };
    const device = await open({ threads: 2, pool: { startWorker: refused } });
    expect(device.name).toMatch(/on the calling thread.*\(no thread could be started: no workers here\)$/);
    const { list, values } = await counter(device, 3);
    await device.submit(list);
    expect(await values()).toEqual([3]);
  });

  it("to understand their program leave one thread, too", async () => {
    const broken: StartWorker = (_, events) => startWorker("this is no program", events);
    const device = await open({ threads: 2, pool: { startWorker: broken } });
    expect(device.name).toMatch(/\(no thread could be started: .*SyntaxError/);
  });

  it("to answer leave one thread, too", async () => {
    const mute: StartWorker = (_, events) => startWorker("setTimeout(() => {}, 1e6)", events);
    const device = await open({ threads: 2, pool: { startWorker: mute, patienceMs: 50 } });
    expect(device.name).toMatch(/the workers did not start in 50 ms/);
  });

  it("between runs lose the device", async () => {
    const { workers, start } = watchedWorkers();
    const device = await open({ threads: 3, pool: { startWorker: start } });
    const { list } = await counter(device, 1);
    await device.submit(list);
    await expect.poll(() => workers[1]?.replies).toBe(1);
    await workers[1]!.thread.end();
    await expect.poll(() => device.lost).toMatch(/worker 2 ended: it exited with code 1/);
    await expect(device.submit(list)).rejects.toMatchObject({ code: "device-lost" });
    await expect(device.compile([addOne])).rejects.toThrow(/cannot be used any more: worker 2 ended/);
    await device.dispose();
    await expect(device.submit(list)).rejects.toMatchObject({ code: "disposed" });
  });

  it("while kernels compile lose the device", async () => {
    let last: WorkerThread | undefined;
    const deaf: StartWorker = async (program, events) =>
      (last = await startWorker(program.replace("port.postMessage(reply)", "data.memory && port.postMessage(reply)"), events)); // prettier-ignore
    const device = await open({ threads: 2, pool: { startWorker: deaf } });
    const compiling = device.compile([addOne]);
    await last!.end();
    await expect(compiling).rejects.toMatchObject({ code: "device-lost" });
  });

  it("to finish what they took lose the device instead of hanging", async () => {
    const forgetful: StartWorker = (program, events) =>
      startWorker(program.replace("Atomics.add(control, words.completed, 1);", ""), events);
    const device = await open({ threads: 2, pool: { startWorker: forgetful, patienceMs: 1000 } });
    expect(device.name).toMatch(/2 threads/);
    const { list } = await counter(device, 100_000);
    await expect(device.submit(list)).rejects.toMatchObject({
      code: "device-lost",
      message: /a worker did not finish its part of a kernel in 1000 ms/,
    });
    expect(device.lost).toMatch(/did not finish/);
  });
});

describe("ThreadPool", () => {
  /** `run` of any number of groups: traps. */
  const trap = Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 6, 1, 0x60, 2, 0x7f, 0x7f, 0, 3, 2, 1, 0],
    ...[7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0, 10, 5, 1, 3, 0, 0, 0x0b],
  );

  it("throws what a worker's kernel threw, after all groups were taken, and can go on", async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const pool = await ThreadPool.start(memory, 2);
    await pool.addModule(await WebAssembly.compile(trap), [[0, "run"]]);
    const taken: number[] = [];
    const slow = (first: number): void => {
      taken.push(first);
      const end = performance.now() + 5;
      while (performance.now() < end);
    };
    // The calling thread sleeps through its own share, so the worker takes some.
    expect(() => pool.run(0, slow, 64, [])).toThrow(/unreachable/);
    expect(taken.length).toBeLessThan(16);
    expect(() => pool.run(0, slow, 64, [])).toThrow(/unreachable/);
    const failing = (): void => {
      throw new RangeError("mine");
    };
    expect(() => pool.run(0, failing, 1, [])).toThrow("mine");
    await pool.dispose();
    await expect(pool.addModule(await WebAssembly.compile(trap), [[1, "run"]])).rejects.toThrow(/disposed/);
  });
});
