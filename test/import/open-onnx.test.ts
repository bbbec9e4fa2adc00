/** Models by path: the same as from bytes, with weights that stay on disk until someone asks, and nowhere else. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { loadDigits, loadExpectedLogits } from "../../examples/digits/load.ts";
import {
  compile,
  importOnnx,
  openOnnx,
  tensor,
  UserError,
  type HostTensor,
  type OnnxModel,
} from "../../src/index.ts";
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
} from "../../src/import/onnx/schema/onnx_pb.ts";
import { relativeError } from "../recordings/compare.ts";
import { modelBytes, node, value } from "./onnx/build-model.ts";

const digits = fileURLToPath(new URL("../../examples/digits/data/digits-resnet.onnx", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "heddle-open-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function written(bytes: Uint8Array): string {
  const path = join(folder, `model-${files++}.onnx`);
  writeFileSync(path, bytes);
  return path;
}

async function refusal(work: () => unknown): Promise<UserError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

/** y = x + w, with so many elements. */
function addition(count: number, w: object): Uint8Array {
  return modelBytes({
    nodes: [node("Add", ["x", "w"], ["y"])],
    inputs: [value("x", [count])],
    outputs: [value("y", [count])],
    initializers: [{ name: "w", dims: [BigInt(count)], dataType: DataType.FLOAT, ...w }],
  });
}

const weightOf = (model: OnnxModel) => [...model.namedState()][0]![1];

const long = 20_000;
const numbers = Float32Array.from({ length: long }, (_, i) => Math.fround(i / 7));
const rawData = new Uint8Array(numbers.buffer);
const external = (location: string, entries: Readonly<Record<string, number>> = {}) => ({
  dataLocation: DataLocation.EXTERNAL,
  externalData: [
    { key: "location", value: location },
    ...Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
  ],
});

describe("a model that is opened by its path", () => {
  it("has the names, shapes and numbers of the same file in memory", async () => {
    const fromBytes = importOnnx(readFileSync(digits));
    const opened = await openOnnx(digits);
    expect(opened.inputs).toEqual(fromBytes.inputs);
    expect(opened.outputs).toEqual(fromBytes.outputs);
    expect(opened.nodes).toEqual(fromBytes.nodes);
    const numbersOf = (model: typeof opened) =>
      new Map([...model.namedState()].map(([name, stored]) => [name, stored.value]));
    expect(numbersOf(opened)).toEqual(numbersOf(fromBytes));
    expect(numbersOf(opened).size).toBeGreaterThan(10);
  });

  it("computes what PyTorch recorded, and gives its weights back", async () => {
    await using compiled = await compile(await openOnnx(digits), { device: "cpu", shapes: { N: 3 } });
    const image = tensor((loadDigits().batch.data as Float32Array).slice(0, 192), [3, 1, 8, 8]);
    const { logits } = await compiled.run<Record<string, HostTensor>>({ image });
    expect(relativeError(logits!, tensor(loadExpectedLogits().slice(0, 30), [3, 10]))).toBeLessThan(1e-4);
    const state = await compiled.stateDict();
    for (const [name, stored] of importOnnx(readFileSync(digits)).namedState())
      expect(state[name], name).toEqual(stored.value);
  });

  it("reads long weights when they are asked for, and short ones when it is opened", async () => {
    const path = written(addition(long, { rawData }));
    const weight = weightOf(await openOnnx(path));
    expect(weight.value).toEqual(tensor(numbers));
    const short = written(addition(3, { rawData: rawData.slice(0, 12) }));
    const kept = weightOf(await openOnnx(short));
    rmSync(path);
    rmSync(short);
    expect(kept.value).toEqual(tensor(numbers.slice(0, 3)));
    const { code, message } = await refusal(() => weight.value);
    expect(code).toBe("argument");
    expect(message).toBe(`cannot read '${path}': there is no such file or folder.`);
  });

  it("does not care where the process is by the time a weight is read", async () => {
    const path = written(addition(long, { rawData }));
    const before = process.cwd();
    process.chdir(folder);
    const model = await openOnnx(path.slice(folder.length + 1));
    process.chdir(before);
    expect(weightOf(model).value.data).toHaveLength(long);
  });

  it.each<[string, (path: string) => void]>([
    ["cut", (path) => truncateSync(path, statSync(path).size - 1)],
    ["longer", (path) => writeFileSync(path, "more", { flag: "a" })],
    ["written at another time", (path) => utimesSync(path, new Date(2020, 1), new Date(2020, 1))],
    [
      "another file of the same size",
      (path) => (rmSync(path), writeFileSync(path, addition(long, { rawData }))),
    ],
  ])("says so when the file is %s by then, with what to do", async (_, change) => {
    const path = written(addition(long, { rawData }));
    const model = await openOnnx(path);
    change(path);
    const { code, message } = await refusal(() => compile(model, { device: "cpu" }));
    expect(code).toBe("file-format");
    expect(message).toMatch(
      /model-\d+\.onnx' has changed since the model was opened.*Open it again, or import its bytes/,
    );
  });

  it.each<[string, string, string, RegExp]>([
    [
      "is not there",
      "nowhere.onnx",
      "argument",
      /^cannot read 'nowhere\.onnx': there is no such file or folder\.$/,
    ],
    ["is a folder", "src", "argument", /^cannot read 'src': it is a folder\.$/],
    ["is no model", "package.json", "file-format", /^onnx: the file is not a readable ONNX model/],
  ])("is refused when it %s", async (_, path, code, pattern) => {
    const error = await refusal(() => openOnnx(path));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(pattern);
  });

  it("is refused when it is no path", async () => {
    const { message } = await refusal(() => openOnnx(readFileSync(digits) as never));
    expect(message).toBe("openOnnx: expected the path of a file, got object. Bytes go to importOnnx.");
  });

  it("is refused when a weight has another length than its shape, without reading it", async () => {
    const { message } = await refusal(() => openOnnx(written(addition(long + 1, { rawData }))));
    expect(message).toMatch(/tensor 'w' with shape \[20001\] needs 80004 bytes, but has 80000\./);
  });
});

describe("external data of a model that is opened by its path", () => {
  const inside = join(folder, "inside");
  mkdirSync(join(inside, "deep"), { recursive: true });
  const shifted = new Uint8Array(rawData.length + 8);
  shifted.set(rawData, 8);
  for (const path of ["w.bin", "deep/w.bin"]) writeFileSync(join(inside, path), shifted);
  writeFileSync(join(folder, "secret.bin"), shifted);
  symlinkSync(join(folder, "secret.bin"), join(inside, "link.bin"));
  const open = (location: string, entries?: Readonly<Record<string, number>>) => {
    const path = join(inside, "model.onnx");
    writeFileSync(path, addition(long, external(location, entries)));
    return openOnnx(path);
  };
  const place = { offset: 8, length: rawData.length };

  it.each(["w.bin", "deep/w.bin", "./w.bin"])("is read beside it: %s", async (location) => {
    await using compiled = await compile(await open(location, place), { device: "cpu" });
    const x = tensor(new Float32Array(long).fill(1));
    const { y } = await compiled.run<Record<string, HostTensor>>({ x });
    expect(y).toEqual(tensor(numbers.map((element) => element + 1)));
  });

  it.each<[string, Readonly<Record<string, number>>, RegExp]>([
    ["../secret.bin", place, /outside the model's folder/],
    ["link.bin", place, /external data 'link\.bin' is a link that leads out of the model's folder/],
    ["absent.bin", place, /^cannot read the model's external data 'absent\.bin': there is no such file/],
    ["deep", place, /^cannot read the model's external data 'deep': it is not a file/],
    ["w.bin", { offset: 9 }, /needs bytes 9 … 80009 of "w\.bin", which has 80008/],
    ["w.bin", { offset: 2 ** 40 }, /which has 80008/],
    ["w.bin", { offset: -4 }, /which has 80008/],
    ["w.bin", { offset: 8, length: 4 }, /\(length given: 4\)/],
  ])("is refused: %s %o", async (location, entries, pattern) => {
    expect((await refusal(() => open(location, entries))).message).toMatch(pattern);
  });

  it("says so when it has changed by the time a program is compiled", async () => {
    copyFileSync(join(inside, "w.bin"), join(inside, "other.bin"));
    const model = await open("other.bin", place);
    truncateSync(join(inside, "other.bin"), 100);
    const { message } = await refusal(() => compile(model, { device: "cpu" }));
    expect(message).toMatch(/^the model's external data 'other\.bin' has changed since the model was opened/);
  });
});
