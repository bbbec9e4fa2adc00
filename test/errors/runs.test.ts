/** Calls of `run` that do not fit, use after dispose, memory that runs out, devices that fail: on every device. */
import { afterEach, describe, expect, it } from "vitest";
import { compile, DeviceTensor, tensor, UserError } from "../../src/index.ts";
import type { Executable } from "../../src/codegen/executable.ts";
import { openCpuDevice } from "../../src/runtime/cpu/open-cpu-device.ts";
import { Session } from "../../src/runtime/session.ts";
import { lazyDevice, testedDevices } from "../devices/run-graph.ts";
import { Forward, randomize, randomTensor, SmallNet } from "../api/networks.ts";
import { watchDevice } from "../api/watched-device.ts";
import { expectStillWorks, expectUserError } from "./expect-error.ts";

const broken = {
  wgsl: "@compute @workgroup_size(64) fn k00_broken( {",
  "opencl-c": "__kernel void k00_broken(__global float *x) { x[0] = missing; }",
  wasm: "kernel k00_broken, whose bytes are no module",
} as const;

for (const kind of testedDevices) {
  describe(`on ${kind}`, () => {
    const device = lazyDevice(kind);
    const add = async () =>
      compile(new Forward((a, b) => a!.add(b!)), [{ shape: [2, 2] }, { shape: [2, 2] }], {
        device: await device(),
      });
    const x = tensor([1, 2, 3, 4], [2, 2]);

    afterEach(async () => expectStillWorks(await device()));

    it("run with inputs that do not fit says which and what was expected, and goes on working", async () => {
      await using compiled = await add();
      await expectUserError(() => compiled.run(x), "argument", /expected 2 input/, /got 1/);
      await expectUserError(() => compiled.run(x, x, x), "argument", /expected 2 input/, /got 3/);
      await expectUserError(
        () => compiled.run(x, tensor([1, 2, 3, 4])),
        "shape",
        /input1/,
        /f32\[4\]/,
        /f32\[2,2\]/,
        /Compile again/,
      );
      await expectUserError(
        () => compiled.run(x, tensor(Int32Array.of(1, 2, 3, 4), [2, 2], "i32")),
        "dtype",
        /i32/,
        /f32/,
      );
      await expectUserError(
        () => compiled.run(x, [1, 2, 3, 4] as never),
        "argument",
        /input 1 is not a tensor/,
        /tensor\(data, shape\)/,
      );
      await expectUserError(() => compiled.run(x, null as never), "argument", /input 1 is not a tensor/);
      const short = { dtype: "f32", shape: [2, 2], data: new Float32Array(3) } as const;
      await expectUserError(() => compiled.run(x, short), "shape", /input1/, /4 elements/, /3/);
      const late = { dtype: "i64", shape: [1], data: BigInt64Array.of(2n ** 40n) } as const;
      await using integers = await compile(new Forward((n) => n!.neg()), [{ shape: [1], dtype: "i32" }], {
        device: await device(),
      });
      await expectUserError(() => integers.run(late), "dtype", /1099511627776/, /i32/);
      expect([...(await compiled.run(x, x)).data]).toEqual([2, 4, 6, 8]);
    });

    it("use after dispose is refused, and disposing is harmless while a run is under way", async () => {
      const compiled = await add();
      const running = compiled.run(x, x);
      const kept = (await compiled.run(x, x, { keepOnDevice: true })) as unknown as DeviceTensor;
      const last = compiled.run(x, x);
      compiled.dispose();
      expect([...(await running).data]).toEqual([2, 4, 6, 8]);
      expect([...(await last).data]).toEqual([2, 4, 6, 8]);
      await expectUserError(() => compiled.run(x, x), "disposed", /compile\(\) again/);
      await expectUserError(() => compiled.stateDict(), "disposed");
      await using again = await add();
      kept.dispose();
      await expectUserError(() => again.run(x, kept), "disposed", /device tensor/);
      await expectUserError(() => kept.read(), "disposed", /device tensor/);
    });

    it("a tensor of another device is refused, by name", async () => {
      await using compiled = await add();
      const other = await openCpuDevice();
      await using elsewhere = await compile(new Forward((a) => a!.neg()), [{ shape: [2, 2] }], {
        device: other,
      });
      const foreign = (await elsewhere.run(x, { keepOnDevice: true })) as unknown as DeviceTensor;
      await expectUserError(
        () => compiled.run(x, foreign),
        "argument",
        /input1/,
        /lives on/,
        /Read it to the host/,
      );
      expect([...(await compiled.run(x, await foreign.read())).data]).toEqual([0, 0, 0, 0]);
      foreign.dispose();
      await other.dispose();
    });

    it("a kernel that the driver rejects is reported with name, log and source", async () => {
      const target = await device();
      const { language } = target.target;
      const source = broken[language];
      const executable: Executable = {
        name: "broken",
        language,
        kernels: [
          {
            name: "k00_broken",
            language,
            source,
            ...(language === "wasm" && { binary: Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 77) }),
            buffers: [{ access: "write", sizeBytes: 4 }],
            groups: 1,
            groupSize: language === "wgsl" ? 64 : 1,
          },
        ],
        buffers: [{ kind: "output", name: "y", sizeBytes: 4 }],
        prepare: [],
        run: [{ kind: "dispatch", kernel: 0, buffers: [0], comment: "" }],
        inputs: [],
        outputs: [{ name: "y", dtype: "f32", shape: [1], buffer: 0 }],
        parameters: [],
        state: [],
        constants: [],
      };
      const watched = watchDevice(target);
      const error = await expectUserError(
        () => Session.load(watched, executable, new Map()),
        "kernel-rejected",
        "k00_broken",
        /error|expected/i,
      );
      expect(error.message).toContain(source);
      expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("a tensor that no buffer can hold is out of memory, with size and limit, and nothing stays allocated", async () => {
      const watched = watchDevice(await device());
      const { maxBufferBytes } = watched.target;
      const elements = Math.floor(maxBufferBytes / 4) + 4096;
      // A driver that gives whole gigabytes to one buffer has no limit that a tensor could pass.
      if (elements >= 2 ** 31) return expect(maxBufferBytes).toBeGreaterThanOrEqual(2 ** 33 - 16384);
      const attempt = (): Promise<unknown> =>
        compile(new Forward((a) => a!.relu()), [{ shape: [Math.ceil(elements / 4096), 4096] }], {
          device: watched,
        });
      await expectUserError(attempt, "out-of-memory", /\d{9,}/, String(maxBufferBytes));
      expect(watched.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("memory that runs out half-way gives back what was taken: compiling, preparing, keeping results", async () => {
      const net = randomize(new SmallNet()).eval();
      const inputs = [{ shape: [2, 3, 8, 8] }];
      const open = watchDevice(await device());
      const whole = await compile(net, inputs, { device: open });
      const neededBytes = open.account.bytes;
      whole.dispose();
      for (const memoryBytes of [0, 500, neededBytes / 2, neededBytes - 4]) {
        const small = watchDevice(await device(), { memoryBytes });
        await expectUserError(
          () => compile(net, inputs, { device: small }),
          "out-of-memory",
          String(memoryBytes),
        );
        expect(small.account).toMatchObject({ bytes: 0, buffers: 0 });
      }
      const two = watchDevice(await device(), { memoryBytes: 40_000 });
      const heads = new Forward((a) => [a!.relu(), a!.neg()]);
      const compiled = await compile(heads, [{ shape: [1000] }], { device: two });
      const held = two.account.bytes;
      const kept: DeviceTensor[] = [];
      const keep = async (): Promise<void> => {
        for (;;)
          kept.push(...(await compiled.run<DeviceTensor[]>(randomTensor([1000]), { keepOnDevice: true })));
      };
      await expectUserError(keep, "out-of-memory");
      expect(two.account.bytes).toBe(held + kept.length * 4000);
      for (const result of kept) result.dispose();
      // The next results lie where those lay.
      const before = two.account.bytes;
      await compiled
        .run(randomTensor([1000]), { keepOnDevice: true })
        .then((results) => (results as unknown as DeviceTensor[]).forEach((result) => result.dispose()));
      expect(two.account.bytes).toBe(before);
      compiled.dispose();
      expect(two.account).toMatchObject({ bytes: 0, buffers: 0 });
    });

    it("a submission that fails, of weights or of a run, fails the call that needs it and is tried again at the next", async () => {
      let failing = false;
      const onSubmit = (): void => {
        if (failing) throw new UserError("out-of-memory", "the driver is out of resources");
      };
      const watched = watchDevice(await device(), { onSubmit });
      const net = randomize(new SmallNet()).eval();
      await using compiled = await compile(net, [{ shape: [2, 3, 4, 4] }], { device: watched });
      const input = randomTensor([2, 3, 4, 4]);
      const before = await compiled.run(input);
      randomize(net, 2);
      const held = watched.account.bytes;
      failing = true;
      await expectUserError(() => compiled.run(input), "out-of-memory", /out of resources/);
      await expectUserError(() => compiled.run(input, { keepOnDevice: true }), "out-of-memory");
      expect(watched.account.bytes).toBe(held);
      failing = false;
      const after = await compiled.run(input);
      await using fresh = await compile(net, [{ shape: [2, 3, 4, 4] }], { device: await device() });
      expect(after).toEqual(await fresh.run(input));
      expect(after).not.toEqual(before);
    });
  });
}
