/**
 * Compiles the networks that `export-more-networks.py` wrote and compares with what PyTorch computed:
 *
 *     npm run check:more-networks -- [--device cpu] [--folder DIR] [--passes] [network ...]
 *
 * Each runs its inputs in turns, one after the other and then all at once, so that what one run leaves behind would
 * show in another. Prints one line a network, `--passes` adds the time of each pass, and ends with a failure where a
 * result differs by more than 1e-4 of the largest.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  compile,
  openOnnx,
  readNpy,
  UserError,
  type Compiled,
  type DeviceKind,
  type HostTensor,
  type OnnxModel,
} from "heddle";
import { compareTensors } from "../../src/ir/compare-tensors.ts";

type Tensors = Readonly<Record<string, HostTensor>>;
interface Case {
  readonly inputs: Tensors;
  readonly outputs: Tensors;
}

const tolerance = 1e-4;
const { values, positionals } = parseArgs({
  options: {
    device: { type: "string", default: "auto" },
    folder: {
      type: "string",
      default: new URL("../../.cache/more-networks", import.meta.url).pathname,
    },
    passes: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const { folder } = values;
if (!existsSync(folder)) {
  console.error("No networks: run /usr/bin/python3 scripts/torchvision/export-more-networks.py first.");
  process.exit(1);
}
const wanted =
  positionals.length > 0
    ? positionals
    : readdirSync(folder).filter((name) => existsSync(join(folder, name, "1")));
let failures = 0;
for (const name of wanted) {
  try {
    const { error, line } = await check(join(folder, name));
    const fits = error <= tolerance;
    if (!fits) failures++;
    console.log(`${fits ? "ok  " : "FAIL"} ${name.padEnd(30)} ${error.toExponential(1)}  ${line}`);
  } catch (error) {
    failures++;
    const what =
      error instanceof UserError
        ? `refused: ${error.message}`
        : error instanceof Error
          ? error.stack
          : String(error);
    console.log(`FAIL ${name}: ${what}`);
  }
}
console.log(
  `${wanted.length - failures} of ${wanted.length} networks agree with PyTorch within ${tolerance}`,
);
process.exit(failures === 0 ? 0 : 1);

async function check(network: string): Promise<{ error: number; line: string }> {
  const model = await openOnnx(join(network, "model.onnx"));
  const cases = [readCase(network, model, "0"), readCase(network, model, "1")];
  const start = performance.now();
  const compiled = await compile(model, {
    shapes: sizesOf(model, cases[0]!),
    device: values.device as DeviceKind | "auto",
  });
  const ready = performance.now();
  const errors: number[] = [];
  for (const item of [cases[0]!, cases[1]!, cases[0]!]) errors.push(await errorOf(compiled, item));
  const end = performance.now();
  errors.push(
    ...(await Promise.all([cases[1]!, cases[0]!, cases[1]!].map((item) => errorOf(compiled, item)))),
  );
  const { compileMs, launches, memory } = compiled.report().data;
  const line =
    `${compiled.device.kind}: ${launches} launches, compile ${ms(ready - start)} ` +
    `(${Object.entries(compileMs)
      .map(([stage, time]) => `${stage} ${time.toFixed(0)}`)
      .join(", ")}), ` +
    `run ${ms((end - ready) / 3)}, activations ${mb(memory.activationBytes)}, prepared ${mb(memory.preparedBytes)}, ` +
    `process ${mb(process.memoryUsage.rss())}`;
  if (values.passes)
    for (const pass of compiled.report().passes)
      console.log(`    ${ms(pass.elapsedMs).padStart(9)}  ${pass.name}`);
  compiled.dispose();
  return { error: Math.max(...errors), line };
}

function readCase(network: string, model: OnnxModel, name: string): Case {
  const read = (tensors: readonly { readonly name: string }[]): Tensors =>
    Object.fromEntries(
      tensors.map((tensor) => [
        tensor.name,
        readNpy(readFileSync(join(network, name, `${tensor.name}.npy`))),
      ]),
    );
  return { inputs: read(model.inputs), outputs: read(model.outputs) };
}

/** The sizes of symbolic dimensions that the recorded inputs have. */
function sizesOf(model: OnnxModel, { inputs }: Case): Record<string, number> {
  return Object.fromEntries(
    model.inputs.flatMap(({ name, shape }) =>
      (shape ?? []).flatMap((size, axis) =>
        typeof size === "string" ? [[size, inputs[name]!.shape[axis]!] as const] : [],
      ),
    ),
  );
}

/** The largest difference over the largest result, of the result where that is largest. */
async function errorOf(compiled: Compiled, { inputs, outputs }: Case): Promise<number> {
  const results = await compiled.run<Tensors>(inputs);
  const errors = Object.entries(outputs).map(([name, expected]) => {
    const actual = results[name]!;
    if (actual.shape.join() !== expected.shape.join())
      throw new Error(`${name} is [${actual.shape.join()}], expected [${expected.shape.join()}]`);
    return compareTensors(actual, expected).largest?.relative ?? 0;
  });
  return Math.max(...errors);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
