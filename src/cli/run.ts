/** `heddle run`: imports, compiles and runs a model, and prints or writes what comes out. */
import { compile, type ModelOptions } from "../compile.ts";
import type { Compiled } from "../compiled.ts";
import type { OnnxModel } from "../import/onnx/model.ts";
import { openOnnx } from "../import/onnx/open-onnx.ts";
import { unknownInputsOf } from "../import/onnx/unknown-inputs-error.ts";
import { writeNpy } from "../import/npy.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import type { DispatchTiming } from "../runtime/device.ts";
import type { RunArguments } from "./arguments.ts";
import { CommandLineError } from "./command-line-error.ts";
import { describeProfile, describeResult, resultsAsJson } from "./describe-results.ts";
import { writeBytes } from "./files.ts";
import { readRecords } from "./tuning-file.ts";
import { progressBar } from "./progress-bar.ts";
import { readConstants, readInputs } from "./read-inputs.ts";

/** Sizes, counts and switches are short; what is computed from longer inputs belongs on a device. */
const longestConstant = 64;

type Results = Readonly<Record<string, HostTensor>>;

export async function runCommand(args: RunArguments): Promise<void> {
  const model = await openOnnx(args.model);
  checkOutputNames(model, args);
  const tuning = args.records === undefined ? undefined : readRecords(args.records);
  // There is one run, so what replaces a default of the model is as good as a constant.
  const replaced = args.inputs.flatMap((file) =>
    file.name !== undefined && hasDefault(model, file.name) ? [{ name: file.name, path: file.path }] : [],
  );
  const constants = readConstants([...model.inputs, ...model.overridable], [...args.constants, ...replaced]);
  const given = model.inputs.filter(({ name }) => !Object.hasOwn(constants, name));
  const others = args.inputs.filter(({ name }) => name === undefined || !hasDefault(model, name));
  const { tensors, shapes } = await readInputs(given, { ...args, inputs: others });
  const start = performance.now();
  const { compiled, inputs } = await compileFor(model, tensors, args, { shapes, constants, tuning });
  await using _ = compiled;
  const compileMs = performance.now() - start;
  const { results, runMs, timings } = await runOnce(compiled, inputs, args.profile);

  if (args.json) {
    for (const { name: output, path } of args.outputs)
      writeResults(path, output === undefined ? results : { [output]: results[output]! });
    const { kind, name } = compiled.report().data.device;
    const outputs = JSON.parse(resultsAsJson(results)) as unknown;
    const profile = args.profile ? { profile: timings } : {};
    console.log(
      JSON.stringify({ model: args.model, device: { kind, name }, compileMs, runMs, outputs, ...profile }),
    );
    return;
  }
  const { kind, name, reason } = compiled.report().data.device;
  console.log(`${args.model} on ${name} (${kind}: ${reason})`);
  console.log(`compiled in ${compileMs.toFixed(0)} ms, ran in ${runMs.toFixed(1)} ms`);
  const used = compiled.report().data.tuning;
  if (used !== undefined) console.log(`tuning records: ${used.used} of ${used.decisions} decisions`);
  console.log("");
  for (const [output, result] of Object.entries(results)) console.log(describeResult(output, result));
  if (args.profile) console.log(`\n${describeProfile(timings)}`);
  for (const { name: output, path } of args.outputs) {
    writeResults(path, output === undefined ? results : { [output]: results[output]! });
    console.log(`wrote ${path}`);
  }
}

function hasDefault({ overridable }: OnnxModel, name: string): boolean {
  return overridable.some((input) => input.name === name);
}

/** Before anything is compiled: every output that is asked for exists, and an .npy file gets one. */
function checkOutputNames(model: OnnxModel, { outputs }: RunArguments): void {
  const names = model.outputs.map(({ name }) => name);
  for (const { name, path } of outputs) {
    if (name !== undefined && !names.includes(name))
      throw new CommandLineError(`the model has no output '${name}'. Its outputs: ${names.join(", ")}.`);
    if (name === undefined && names.length > 1 && !path.toLowerCase().endsWith(".json"))
      throw new CommandLineError(
        `an .npy file holds one result, and the model has ${names.length}: ${names.join(", ")}. Say which: --output NAME=${path}.`,
      );
  }
}

/** There is one run, so an input that shapes or branches depend on is as good as a constant. */
async function compileFor(
  model: OnnxModel,
  tensors: Results,
  { device, json }: Pick<RunArguments, "device" | "json">,
  options: Pick<ModelOptions, "shapes" | "tuning"> & { readonly constants: Results },
): Promise<{ readonly compiled: Compiled; readonly inputs: Results }> {
  try {
    return { compiled: await compileWithProgress(model, device, options), inputs: tensors };
  } catch (error) {
    const wanted = unknownInputsOf(error);
    const isShort = (name: string) => (tensors[name]?.data.length ?? Infinity) <= longestConstant;
    if (wanted.length === 0 || !wanted.every(isShort)) throw error;
    // What programs read is the results alone.
    (json ? console.error : console.log)(
      `${wanted.join(", ")}: taken as constant, because shapes or branches depend on it`,
    );
    const isWanted = ([name]: readonly [string, HostTensor]) => wanted.includes(name);
    const entries = Object.entries(tensors);
    const constants = { ...options.constants, ...Object.fromEntries(entries.filter(isWanted)) };
    const rest = Object.fromEntries(entries.filter((entry) => !isWanted(entry)));
    return compileFor(model, rest, { device, json }, { ...options, constants });
  }
}

async function compileWithProgress(
  model: OnnxModel,
  device: RunArguments["device"],
  options: Pick<ModelOptions, "shapes" | "constants" | "tuning">,
): Promise<Compiled> {
  const bar = progressBar(process.stderr);
  try {
    return await compile(model, { ...options, device, onProgress: bar.onProgress });
  } finally {
    bar.clear();
  }
}

interface Run {
  readonly results: Results;
  readonly runMs: number;
  readonly timings: readonly DispatchTiming[];
}

/** Profiling makes a run slower, so the one that is timed as a whole comes first. */
async function runOnce(compiled: Compiled, inputs: Results, profile: boolean): Promise<Run> {
  const start = performance.now();
  const results = await compiled.run<Results>(inputs);
  const runMs = performance.now() - start;
  if (!profile) return { results, runMs, timings: [] };
  await compiled.run<Results>(inputs, { profile: true });
  return { results, runMs, timings: compiled.lastProfile };
}

function writeResults(path: string, results: Results): void {
  const content = path.toLowerCase().endsWith(".json")
    ? resultsAsJson(results)
    : writeNpy(Object.values(results)[0]!);
  writeBytes(path, content);
}
