/**
 * Compiles torchvision's networks, exported by `export-networks.py`, and compares with what PyTorch computed:
 *
 *     npm run check:torchvision -- [--device cpu] [network ...]
 *
 * Prints one line a network and ends with a failure where one differs by more than 1e-4 of the largest output.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile, importOnnx, tensor, type DeviceKind, type HostTensor } from "heddle";

const folder = new URL("../../.cache/torchvision", import.meta.url).pathname;
const tolerance = 1e-4;

const { values, positionals } = parseArgs({
  options: { device: { type: "string", default: "auto" } },
  allowPositionals: true,
});
if (!existsSync(folder)) {
  console.error("No networks: run /usr/bin/python3 scripts/torchvision/export-networks.py first.");
  process.exit(1);
}
const names = readdirSync(folder).filter((name) => name.endsWith(".onnx"));
const wanted = positionals.length > 0 ? positionals : names.map((name) => name.slice(0, -".onnx".length));
let failures = 0;
for (const name of wanted) {
  try {
    const { error, line } = await check(name);
    const fits = error <= tolerance;
    if (!fits) failures++;
    console.log(`${fits ? "ok  " : "FAIL"} ${name.padEnd(30)} ${error.toExponential(1)}  ${line}`);
  } catch (error) {
    failures++;
    console.log(`FAIL ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
console.log(
  `${wanted.length - failures} of ${wanted.length} networks agree with PyTorch within ${tolerance}`,
);
process.exit(failures === 0 ? 0 : 1);

async function check(name: string): Promise<{ error: number; line: string }> {
  const start = performance.now();
  const model = importOnnx(readFileSync(join(folder, `${name}.onnx`)));
  const imported = performance.now();
  const compiled = await compile(model, { shapes: { N: 1 }, device: values.device as DeviceKind | "auto" });
  const ready = performance.now();
  const image = readFloats(join(folder, `${name}.input.npy`));
  const { logits } = await compiled.run<{ logits: HostTensor<"f32"> }>({ image });
  const first = performance.now();
  await compiled.run({ image });
  const second = performance.now();
  const expected = readFloats(join(folder, `${name}.output.npy`)).data;
  let largest = 0;
  let difference = 0;
  expected.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    const distance = Math.abs(value - logits.data[i]!);
    difference = Number.isNaN(distance) ? Infinity : Math.max(difference, distance);
  });
  const times = `import ${ms(imported - start)}, compile ${ms(ready - imported)}, runs ${ms(first - ready)} and ${ms(second - first)}`;
  const line = `${compiled.device.kind}: ${compiled.launches} launches, ${times}`;
  compiled.dispose();
  return { error: difference / largest, line };
}

/** A little-endian f32 array in C order, as NumPy saves it. */
function readFloats(path: string): HostTensor<"f32"> {
  const bytes = readFileSync(path);
  const headerLength = bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, 10 + headerLength);
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)![1]!
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  const data = new Uint8Array(bytes.subarray(10 + headerLength));
  return tensor(new Float32Array(data.buffer), shape);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
