/**
 * Compares what Heddle makes of the samples that `export.py` wrote with what PyTorch computed:
 *
 *     npm run check:pytorch-samples -- [--device cpu|opencl|webgpu] [--only REGEX] [--folder DIR] [--verbose]
 *
 * Where they differ or the model is refused for a reason that is not in `refusals`, ONNX Runtime decides (`bench/` brings
 * it): a file with which it does not get PyTorch's result either is the exporter's fault, of any other Heddle is wrong.
 * Ends with a failure where Heddle is wrong, or nobody decides.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  compile,
  importOnnx,
  openDevice,
  readNpy,
  UserError,
  type Device,
  type DeviceKind,
  type HostTensor,
  type OnnxModel,
} from "heddle";
import { compareTensors } from "../../src/ir/compare-tensors.ts";
import { graphTensor } from "../../src/ir/trace.ts";
import { findOnnxRuntime, runOnnxRuntime } from "../onnx-runtime.ts";

type Tensors = Readonly<Record<string, HostTensor>>;

/** What Heddle refuses by design, and what ONNX says nothing about. */
const refusals = [
  /shape depends on data/,
  /does not fit i32, which devices compute with/,
  // A sum of booleans; ONNX Runtime takes it for a logical or.
  /is declared as bool, but computed as i32/,
];
/** Means of nothing: NaN here and in PyTorch's own mean, 0 in ONNX Runtime's. */
const undefinedByOnnx = new Set(["nn.functional.embedding_bag-float32-8"]);

const tolerance = 1e-4;
const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cpu" },
    only: { type: "string", default: "" },
    folder: { type: "string", default: new URL("../../.cache/pytorch-samples", import.meta.url).pathname },
    verbose: { type: "boolean", default: false },
  },
});
const { folder } = values;
const pattern = new RegExp(values.only);
const cases = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => pattern.test(name))
      .sort()
  : [];
if (cases.length === 0) {
  console.error("No samples: run /usr/bin/python3 scripts/pytorch-samples/export.py first.");
  process.exit(1);
}
const ort = findOnnxRuntime();
if (ort === undefined)
  console.log(
    "ONNX Runtime is not installed (cd bench && ONNXRUNTIME_NODE_INSTALL=skip npm install): what differs stays undecided.",
  );
const { device } = await openDevice(values.device as DeviceKind);
const counts = {
  "agrees with PyTorch": 0,
  "refused by design": 0,
  "exporter at fault": 0,
  undecided: 0,
  wrong: 0,
};
for (const name of cases) {
  const { verdict, reason } = await check(name);
  counts[verdict]++;
  if (verdict === "wrong" || (values.verbose && reason !== "")) console.log(`${verdict}: ${name}: ${reason}`);
}
for (const [verdict, count] of Object.entries(counts)) console.log(`${String(count).padStart(6)} ${verdict}`);
process.exit(counts.wrong + counts.undecided === 0 ? 0 : 1);

async function check(name: string): Promise<{ verdict: keyof typeof counts; reason: string }> {
  const bytes = readFileSync(join(folder, name, "model.onnx"));
  const read = (tensor: string): HostTensor => readNpy(readFileSync(join(folder, name, `${tensor}.npy`)));
  const files = readdirSync(join(folder, name)).map((file) => file.replace(/\.npy$/, ""));
  const all = (letter: string): Tensors =>
    Object.fromEntries(files.filter((file) => file.startsWith(letter)).map((file) => [file, read(file)]));
  const [inputs, expected] = [all("i"), all("o")];
  const reason = await differenceOf(() => runHeddle(importOnnx(bytes), inputs, device), expected);
  if (reason === "") return { verdict: "agrees with PyTorch", reason };
  if (refusals.some((refusal) => refusal.test(reason))) return { verdict: "refused by design", reason };
  if (undefinedByOnnx.has(name)) return { verdict: "exporter at fault", reason };
  if (reason.startsWith("broke")) return { verdict: "wrong", reason };
  if (ort === undefined) return { verdict: "undecided", reason };
  const theirs = await differenceOf(() => runOnnxRuntime(ort, bytes, inputs), expected);
  return { verdict: theirs === "" ? "wrong" : "exporter at fault", reason };
}

/** Inputs that shapes depend on are bound when compiling. */
async function runHeddle(model: OnnxModel, inputs: Tensors, device: Device): Promise<Tensors> {
  const bound = await compile(model, { device }).catch((error: unknown) => {
    if (error instanceof UserError && error.message.includes("constants:")) return undefined;
    throw error;
  });
  const compiled = bound ?? (await compile(model, { device, constants: inputs }));
  try {
    const wanted = model.inputs.map(({ name }) => [name, inputs[name]!] as const);
    return await compiled.run<Tensors>(bound === undefined ? {} : Object.fromEntries(wanted));
  } finally {
    compiled.dispose();
  }
}

/** Nothing where they agree; else how they differ, or why there is no result. */
async function differenceOf(run: () => Promise<Tensors>, expected: Tensors): Promise<string> {
  let results: Tensors;
  try {
    results = await run();
  } catch (error) {
    const kind = error instanceof UserError ? "refused" : "broke";
    return `${kind}: ${error instanceof Error ? error.message.split("\n").slice(0, 2).join(" ") : String(error)}`;
  }
  for (const [name, tensor] of Object.entries(expected)) {
    // Whole numbers of 64 bits as they are: graphs hold fewer.
    const [a, b] = [results[name]!, tensor].map((t) => (t.dtype === "i64" ? t : graphTensor(t, name))) as [
      HostTensor,
      HostTensor,
    ];
    if (a.shape.join() !== b.shape.join())
      return `${name} is [${a.shape.join()}], expected [${b.shape.join()}]`;
    const { largest } = compareTensors(a, b);
    if (largest !== undefined && !(largest.relative <= tolerance))
      return `${name}[${largest.index.join()}] is ${largest.a}, expected ${largest.b}`;
  }
  return "";
}
