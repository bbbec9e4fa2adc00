/**
 * Peak memory of importing and compiling an ONNX model, as a multiple of its file:
 *
 *     npm run build && node scripts/measure-memory.mjs .cache/torchvision/resnet50.onnx cpu N=1
 *
 * The model is opened by its path; with `--bytes`, imported from the file's bytes, which stay in memory then.
 * A process of its own, over the package as it is built, because a TypeScript loader would count, too. Prints the
 * memory after each step; `peak` is the most that was ever resident. Shared libraries of drivers are counted.
 */
import { readFileSync, statSync } from "node:fs";

const args = process.argv.slice(2);
const asBytes = args.includes("--bytes");
const [path, kind = "cpu", ...bindings] = args.filter((arg) => arg !== "--bytes");
if (path === undefined) {
  console.error(
    "usage: node scripts/measure-memory.mjs MODEL.onnx [cpu|opencl|webgpu] [NAME=SIZE …] [--bytes]",
  );
  process.exit(1);
}
const shapes = Object.fromEntries(bindings.map((text) => [text.split("=")[0], Number(text.split("=")[1])]));
const fileBytes = statSync(path).size;

const report = (step) => {
  const resident = process.memoryUsage.rss();
  const peak = process.resourceUsage().maxRSS * 1024;
  const columns = [resident, peak].map((bytes) => `${(bytes / 2 ** 20).toFixed(0).padStart(5)} MiB`);
  console.log(`${step.padEnd(16)} ${columns[0]}   peak ${columns[1]}`);
  return { resident, peak };
};

report("node");
const { compile, importOnnx, openDevice, openOnnx } = await import("heddle");
report("heddle loaded");
const { device } = await openDevice(kind);
const before = report(`${kind} opened`);
const bytes = asBytes ? readFileSync(path) : undefined;
report("file read");
const model = bytes === undefined ? await openOnnx(path) : importOnnx(bytes);
report("imported");
const compiled = await compile(model, { device, shapes });
const { peak } = report("compiled");

const ratio = (value) => (value / fileBytes).toFixed(2);
const { preparedBytes } = compiled.report().data.memory;
console.log(
  `peak is ${ratio(peak)} × the file of ${(fileBytes / 2 ** 20).toFixed(1)} MiB, ${ratio(peak - before.resident)} × without what was resident before it was read; prepared weights are ${ratio(preparedBytes)} ×`,
);
process.exit(0);
