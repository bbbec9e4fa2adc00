/** Prepared weights of models from files, mapped from a file by the second process and every later one. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compile, importOnnx, nn, tensor, type HostTensor, type OnnxModel } from "../../src/index.ts";
import { TensorProto_DataType as DataType } from "../../src/import/onnx/schema/onnx_pb.ts";
import type { Executable } from "../../src/codegen/executable.ts";
import { Parameter } from "../../src/ir/stored-tensor.ts";
import type { Device, DeviceBuffer, DeviceFiles } from "../../src/runtime/device.ts";
import { acquireParameter } from "../../src/runtime/parameter-store.ts";
import { PreparedFile } from "../../src/runtime/prepared-file.ts";
import { WeightFiles } from "../../src/runtime/weight-files.ts";
import { openOpenclDevice } from "../../src/runtime/opencl/open.ts";
import { modelBytes, node, value } from "../import/onnx/build-model.ts";
import { isTested } from "./device-contract.ts";

/** Two weights of this many squared are more than the 32 MiB from which on files are worth it. */
const n = 2200;
/** Row i is zero but for column (i · step) mod n, where it is `scale`. */
function scattering(step: number, scale: number): Float32Array<ArrayBuffer> {
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + ((i * step) % n)] = scale;
  return data;
}
const [first, second] = [scattering(3, 2), scattering(7, 5)];
const weight = (name: string, data: Float32Array<ArrayBuffer>) => ({
  name,
  dims: [BigInt(n), BigInt(n)],
  dataType: DataType.FLOAT,
  rawData: new Uint8Array(data.buffer),
});
const bytes = modelBytes({
  nodes: [node("MatMul", ["x", "v"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "w"], ["y"])],
  inputs: [value("x", [1, n])],
  outputs: [value("y", [1, n])],
  initializers: [weight("v", first), weight("w", second)],
});
const input = Float32Array.from({ length: n }, (_, i) => (i % 9) - 2);

/** What the two products and the activation make of the input, by the definition of `scattering`. */
function expected(scale: number): number[] {
  const result = new Array<number>(n).fill(0);
  for (let i = 0; i < n; i++) result[(((i * 3) % n) * 7) % n] = Math.max(0, input[i]! * 2) * scale;
  return result;
}

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "heddle-prepared-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const weightFiles = () => readdirSync(folder).filter((name) => name.includes(".weights"));
const theFile = () => join(folder, weightFiles()[0]!);
const isMapped = () => readFileSync("/proc/self/maps", "utf8").includes(folder);

/** Compiles on a device of its own, as another process would, and hands over a way to run. */
async function used(
  work: (run: () => Promise<number[]>, model: OnnxModel) => Promise<void>,
  options: { readonly cacheFolder?: string; readonly weightsMaxBytes?: number } = {},
): Promise<void> {
  const device = await openOpenclDevice({ cacheFolder: folder, ...options });
  const model = importOnnx(bytes);
  const compiled = await compile(model, { device });
  const run = async () => {
    const { y } = (await compiled.run({ x: tensor(input, [1, n]) })) as Record<string, HostTensor>;
    return [...(y!.data as Float32Array)];
  };
  try {
    await work(run, model);
  } finally {
    compiled.dispose();
    await device.dispose();
  }
}

const canMap = process.platform === "linux" && isTested("opencl");
if (!canMap) console.log("mapped weights are tested on Linux with OpenCL alone");

describe.skipIf(!canMap)("prepared weights in a file", () => {
  it("serve the compilation that made them and those after it, and are unmapped with them", async () => {
    let made: Buffer;
    await used(async (run) => {
      expect(weightFiles()).toHaveLength(1);
      made = readFileSync(theFile());
      expect(isMapped()).toBe(true);
      expect(await run()).toEqual(expected(5));
    });
    expect(isMapped()).toBe(false);
    await used(async (run) => {
      expect(isMapped()).toBe(true);
      expect(await run()).toEqual(expected(5));
    });
    expect(isMapped()).toBe(false);
    expect(weightFiles()).toHaveLength(1);
    expect(readFileSync(theFile()).equals(made!)).toBe(true);
  });

  it("are made again where the file is damaged or cut", async () => {
    await used(async () => undefined);
    const whole = readFileSync(theFile());
    const damaged = Buffer.from(whole);
    damaged.fill(0x40, whole.length - 40_000);
    writeFileSync(theFile(), damaged);
    await used(async (run) => expect(await run()).toEqual(expected(5)));
    expect(readFileSync(theFile()).equals(whole)).toBe(true);
    truncateSync(theFile(), whole.length - 4096);
    await used(async (run) => expect(await run()).toEqual(expected(5)));
    expect(readFileSync(theFile()).equals(whole)).toBe(true);
  });

  it("follow a weight that is assigned later, without the file", async () => {
    for (const time of ["made", "mapped"]) {
      await used(async (run, model) => {
        expect(await run(), time).toEqual(expected(5));
        const [, stored] = [...model.namedState()].find(([name]) => name === "w")!;
        stored.assign({ dtype: "f32", shape: [n, n], data: scattering(7, 11) });
        expect(await run(), time).toEqual(expected(11));
      });
    }
    await used(async (run) => expect(await run()).toEqual(expected(5)));
    expect(weightFiles()).toHaveLength(1);
  });

  it("are other files for other weights", async () => {
    await used(async () => undefined);
    const device = await openOpenclDevice({ cacheFolder: folder });
    const model = importOnnx(bytes);
    const [, stored] = [...model.namedState()].find(([name]) => name === "w")!;
    stored.assign({ dtype: "f32", shape: [n, n], data: scattering(7, 11) });
    const compiled = await compile(model, { device });
    const { y } = (await compiled.run({ x: tensor(input, [1, n]) })) as Record<string, HostTensor>;
    expect([...(y!.data as Float32Array)]).toEqual(expected(11));
    await device.dispose();
    expect(weightFiles()).toHaveLength(2);
  });

  it("stay in memory where no file can be kept", async () => {
    for (const options of [{ weightsMaxBytes: 0 }, { cacheFolder: "off" }, { cacheFolder: "/dev/null/no" }])
      await used(async (run) => {
        expect(isMapped()).toBe(false);
        expect(await run()).toEqual(expected(5));
      }, options);
    expect(weightFiles()).toEqual([]);
  });

  it("of a module that may train are never written", async () => {
    const device = await openOpenclDevice({ cacheFolder: folder });
    const layer = new nn.Linear(3000, 3000, { bias: false });
    const compiled = await compile(layer.eval(), [{ shape: [1, 3000] }], { device });
    compiled.dispose();
    await device.dispose();
    expect(weightFiles()).toEqual([]);
  });
});

describe("a file of prepared weights", () => {
  it("is not kept when weights change while they are prepared", async () => {
    const sizeBytes = 2 ** 25;
    const store = (await WeightFiles.open({ folder }))!;
    const part = new Uint8Array(sizeBytes);
    const files: DeviceFiles = { store, copyOut: (_buffer, _size, take) => take(part), map: () => [] };
    const data = new Float32Array(sizeBytes / 4);
    const stored = new Parameter({ dtype: "f32", shape: [data.length], data });
    const device = { files, name: "d", driver: "v" } as unknown as Device;
    const [raw, prepared] = [
      { kind: "parameter", name: "w", sizeBytes },
      { kind: "prepared", name: "p", sizeBytes },
    ] as const;
    const executable = {
      name: "test",
      buffers: [raw, prepared],
      prepare: [{ kind: "copy", source: 0, destination: 1, sizeBytes }],
      run: [],
      kernels: [],
      constants: [],
      state: [],
    } as unknown as Executable;
    const parameters = new Map([[0, acquireParameter(device, stored, "w")]]);
    const fileFor = async () => (await PreparedFile.for({ device, executable, parameters }))!;
    const changed = await (
      await fileFor()
    ).store(async (take) => {
      take(1, {} as DeviceBuffer);
      data[7] = 1;
    });
    expect(changed).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
    const kept = await (await fileFor()).store(async (take) => take(1, {} as DeviceBuffer));
    expect(kept).toEqual(new Map([[1, undefined]]));
    const found = await (await fileFor()).find();
    expect(await found?.isWhole()).toBe(true);
    await found?.close();
  });
});
