/**
 * The story from a module to something that runs, one call a stage:
 *
 *     trace → passes → split → lower → write → load
 */
import type { Plan } from "./codegen/plan.ts";
import { planAndWrite } from "./codegen/plan-and-write.ts";
import type { Executable, IndexCheck, InterfaceTensor } from "./codegen/executable.ts";
import { Compiled, type Results, type StateOwner } from "./compiled.ts";
import { Variants } from "./compiled-variants.ts";
import { openDump } from "./dump.ts";
import type { KnownOptions } from "./ir/check-options.ts";
import type { Graph } from "./ir/graph.ts";
import type { HostTensor } from "./ir/host-tensor.ts";
import { checkMemoryLimit } from "./ir/memory-limit.ts";
import { verify } from "./ir/verify.ts";
import { OnnxModel } from "./import/onnx/onnx-model.ts";
import type { ConstantBindings, ShapeBindings } from "./import/onnx/bind-inputs.ts";
import { Module } from "./nn/module.ts";
import type { InputSpec, TracedModule } from "./nn/trace-module.ts";
import { runPasses, type PipelineOptions, type PipelineResult } from "./passes/pipeline.ts";
import type { PassOptions } from "./passes/pass.ts";
import { expectWithinMemory } from "./memory-limit.ts";
import { memoryLimitOf, readModel } from "./read-model.ts";
import { bytesOf, Report, type ReportData } from "./report.ts";
import type { CompileProgress, Device } from "./runtime/device.ts";
import { openDevice, type DeviceChoice, type OpenedDevice } from "./runtime/open-device.ts";
import { nextTurn } from "./runtime/event-loop.ts";
import { Session } from "./runtime/session.ts";
import { recordsOf, type TuningRecords } from "./tuning/records.ts";
import { addToUserRecords, readUserRecords } from "./tuning/records-file.ts";
import type { TuningProgress } from "./tuning/tune-decisions.ts";
import { tuneGraph } from "./tuning/tune-graph.ts";
import { trainingEffects } from "./training-effects.ts";
import { UsedRecords } from "./tuning/used-records.ts";
import type { Target } from "./codegen/target.ts";

/** What `compile` may be told; everything has a default. */
export interface CompileOptions {
  /** `"auto"` (the default), a kind of device, or an open one. */
  readonly device?: DeviceChoice;
  /** How training-mode batch norms are lowered; by default chosen for each by target and shape. */
  readonly batchNorm?: PassOptions["batchNorm"];
  /**
   * Whether 3×3 convolutions may be computed by Winograd's method where that is faster; true unless given. The method
   * mixes the values of a tile of the input, so a NaN reaches every result of its tiles (a block of up to 4×4, all of
   * its channels) instead of those of its windows, an infinity becomes NaN there, and finite values beyond about 1e37
   * may overflow. The report lists the layers; `false` keeps to the direct method.
   */
  readonly winograd?: boolean;
  /**
   * Whether kernels that follow each other may share a launch where launches are costly (OpenCL on CPUs); true
   * unless given. Without, a profile times each kernel.
   */
  readonly joinLaunches?: boolean;
  /** Names of optional passes to leave out, to see what they do or to find which one is at fault. */
  readonly withoutPasses?: readonly string[];
  /** Tuning records, or the text of a records file: what was measured on this device overrules the rules. */
  readonly tuning?: TuningRecords | string | undefined;
  /**
   * Measures on the device what no record settles. What was measured is kept in the user's cache folder (Node
   * only) and in `tuningRecords` of the result; the next time it is read from there.
   */
  readonly tune?: boolean;
  /** Called before and after each decision that `tune` measures. */
  readonly onTuning?: (progress: TuningProgress) => void;
  /**
   * Whether positions that the network computes itself are checked, too: a run that reads outside of what it reads
   * from fails then, for a little of its time. Without, the nearest position inside is taken; positions that come from
   * an input as they are, and known ones, are checked in any case. False unless given.
   */
  readonly checkIndices?: boolean;
  /**
   * Most memory that the program may take: activations, inputs, outputs, weights as they are and as they are prepared,
   * and on the host, constants. What asks for more is refused by name before anything of it is allocated; networks from
   * strangers can ask for gigabytes in a hundred bytes. Default: no limit but the device's.
   */
  readonly memoryLimitBytes?: number;
  /** A folder to write every stage's graph and every kernel to (Node only). */
  readonly dump?: string;
  /**
   * Stops the compilation where it is aborted: the promise rejects with the signal's reason, and what there is so far
   * is given back. Kernels that are done stay in the device's cache.
   */
  readonly signal?: AbortSignal;
  /** Called as kernels finish compiling. */
  readonly onProgress?: (progress: CompileProgress) => void;
}

/** Options for models that were imported. */
export interface ModelOptions extends CompileOptions {
  /** Sizes of the model's symbolic dimensions, by name; shapes, such as `x: [2, 2]`, of inputs that the file says none of. */
  readonly shapes?: ShapeBindings;
  /**
   * Values of inputs that are the same in every run, by name; `run` does not take them. Shapes may depend on them:
   * `{ constants: { shape: tensor([2n, -1n]) } }` for a file that leaves the target of a Reshape to its caller. What
   * the file has a default for, an initialiser that is an input, too, may be among them.
   */
  readonly constants?: ConstantBindings;
}

/**
 * Compiles a module for inputs of the given shapes, or an imported model for given sizes of its symbolic
 * dimensions. Whether a module's layers behave as in training is what `module.training` says now; parameters
 * may be loaded or changed later and take effect at the next run.
 *
 * @param inputs shapes (and dtypes, f32 unless given) of what `forward` takes
 * @throws UserError for networks and devices that do not fit, naming the module and the call site; for an imported
 *   model also for inputs that shapes depend on and `constants` does not give
 * @example
 * const compiled = await compile(net.eval(), [{ shape: [1, 3, 224, 224] }], { device: "auto" });
 * const logits = await compiled.run(tensor(pixels, [1, 3, 224, 224]));
 * @example
 * const compiled = await compile(importOnnx(bytes), { shapes: { N: 8 } });
 * const { logits } = await compiled.run({ image });
 */
export function compile<Network extends Module>(
  module: Network,
  inputs: readonly InputSpec[],
  options?: CompileOptions,
): Promise<Compiled<Results<ReturnType<Network["forward"]>>>>;
export function compile(
  model: OnnxModel,
  options?: ModelOptions,
): Promise<Compiled<Readonly<Record<string, HostTensor>>>>;
export function compile(
  model: Module | OnnxModel,
  second?: readonly InputSpec[] | ModelOptions,
  third?: CompileOptions,
): Promise<Compiled> {
  const { trace, options } = readModel<ModelOptions>("compile", compileOptions, model, second, third);
  return compileTraced(model, trace, options, replaceable(model, options));
}

/** Kinds of what `compile` may be told. */
const compileOptions: KnownOptions<CompileOptions> = {
  device: "any",
  batchNorm: "any",
  winograd: "boolean",
  joinLaunches: "boolean",
  withoutPasses: "any",
  tuning: "any",
  tune: "boolean",
  onTuning: "function",
  checkIndices: "boolean",
  memoryLimitBytes: "number",
  signal: "any",
  dump: "string",
  onProgress: "function",
};

/** Which defaults of an imported model a run may replace, and how a program that takes them is traced. */
interface Replaceable {
  readonly names: readonly string[];
  readonly trace: (replaced: readonly string[]) => TracedModule;
}

function replaceable(
  model: Module | OnnxModel,
  { shapes, constants = {}, checkIndices, ...options }: ModelOptions,
): Replaceable | undefined {
  if (!(model instanceof OnnxModel) || model.overridable.length === 0) return undefined;
  return {
    names: model.overridable.map(({ name }) => name).filter((name) => !Object.hasOwn(constants, name)),
    trace: (replaced) =>
      model.trace(shapes, constants, {
        overridden: replaced,
        memoryLimitBytes: memoryLimitOf(model, options),
        ...(checkIndices !== undefined && { checkIndices }),
      }),
  };
}

async function compileTraced(
  owner: StateOwner,
  trace: () => TracedModule,
  options: CompileOptions,
  defaults?: Replaceable,
): Promise<Compiled> {
  checkMemoryLimit("compile", options.memoryLimitBytes);
  const clock = stopwatch();
  const { signal } = options;
  /** Between stages, so that a timer or a click can abort what takes long. */
  const mayStop = async (): Promise<void> => {
    if (signal === undefined) return;
    await nextTurn();
    signal.throwIfAborted();
  };
  signal?.throwIfAborted();
  const opened = await openDevice(options.device ?? "auto");
  const { target } = opened.device;
  const dump = await openDump(options.dump);
  clock.lap();

  const traced = trace();
  verify(traced.graph, "trace");
  await dump.graph("trace", traced.graph);
  const traceMs = clock.lap();
  await mayStop();

  const limitBytes = memoryLimitOf(owner, options);
  // Tuning runs what it measures.
  if (limitBytes < Infinity && options.tune === true)
    expectWithinMemory(buildExecutable(traced.graph, target, passOptions(options)), limitBytes);
  const tuned = await tuningFor(traced.graph, opened.device, options);
  const tuneMs = clock.lap();
  await mayStop();

  const built = withInterface(
    buildExecutable(traced.graph, target, {
      ...passOptions(options),
      choices: tuned?.choices,
      onDecision: tuned?.count,
      onStage: (name, graph) => void dump.graph(name, graph),
    }),
    traced,
  );
  await dump.executable(built.executable);
  if (limitBytes < Infinity) expectWithinMemory(built, limitBytes);
  await mayStop();
  clock.lap();

  const session = await Session.load(opened.device, built.executable, traced.stored, {
    onProgress: options.onProgress,
    signal,
    weightsFromFile: owner instanceof OnnxModel,
  });
  const compileMs = {
    trace: traceMs,
    ...(options.tune === true && { tune: tuneMs }),
    ...built.elapsedMs,
    load: clock.lap(),
  };

  const training = owner instanceof Module ? trainingEffects(traced.graph, owner) : [];
  const report = new Report({ ...describe(opened, built, compileMs, training), tuning: tuned?.report() });
  const { executable } = built;
  const { structure } = traced;
  const tuningRecords = tuned?.records;
  const { dump: _, tune: __, onTuning: ___, signal: ____, ...rest } = options;
  const again = { ...rest, device: opened.device, tuning: tuningRecords ?? options.tuning };
  const variants =
    defaults &&
    new Variants(defaults.names, (replaced) => compileTraced(owner, () => defaults.trace(replaced), again));
  return new Compiled({ owner, session, executable, structure, report, tuningRecords, variants });
}

/** The records that `options` ask for, measured where they say so; undefined where they do not. */
async function tuningFor(graph: Graph, device: Device, options: CompileOptions) {
  if (options.tuning === undefined && options.tune !== true) return undefined;
  const given = recordsOf(options.tuning);
  if (options.tune !== true) return new UsedRecords(given, device);
  const known = (await readUserRecords()).merge(given);
  const passes = passOptions(options);
  const onTuning = (progress: TuningProgress): void => {
    options.signal?.throwIfAborted();
    options.onTuning?.(progress);
  };
  const tuning = await tuneGraph(graph, {
    device,
    passes,
    build: buildExecutable,
    records: known,
    onProgress: onTuning,
  });
  const measured = tuning.decisions.filter((decision) => decision.measured).length;
  const note = measured === 0 ? undefined : await addToUserRecords(tuning.added);
  return new UsedRecords(tuning.records, device, measured, note);
}

/** The options of `compile` that passes see. */
export function passOptions(
  options: Pick<CompileOptions, "batchNorm" | "winograd" | "joinLaunches" | "withoutPasses">,
): BuildOptions {
  return {
    joinLaunches: options.joinLaunches ?? true,
    batchNorm: options.batchNorm ?? "auto",
    winograd: options.winograd ?? true,
    without: options.withoutPasses ?? [],
  };
}

/** The options of `compile` that the stages between tracing and loading see. */
export interface BuildOptions extends PipelineOptions {
  readonly joinLaunches?: boolean;
}

/** What the stages between tracing and loading made of a graph. */
export interface BuiltExecutable {
  readonly executable: Executable;
  readonly plan: Plan;
  readonly passed: PipelineResult;
  readonly elapsedMs: { readonly passes: number; readonly lower: number };
}

/** From a traced graph to an executable for `target`; needs no device. */
export function buildExecutable(graph: Graph, target: Target, options: BuildOptions): BuiltExecutable {
  const clock = stopwatch();
  const passed = runPasses(graph, target, options);
  const passes = clock.lap();
  const { plan, launches } = planAndWrite(passed, target, options.joinLaunches ?? true);
  const { activationBytes: _, liveBytes: __, ...rest } = plan;
  const executable: Executable = { name: graph.name, language: target.language, ...rest, ...launches };
  return { executable, plan, passed, elapsedMs: { passes, lower: clock.lap() } };
}

/** The dtypes that a model declares for what goes in and out, and what executors check of both. */
function withInterface(
  built: BuiltExecutable,
  { declared, indices, checks }: Pick<TracedModule, "declared" | "indices" | "checks">,
): BuiltExecutable {
  const mark = (tensor: InterfaceTensor): InterfaceTensor => {
    const dtype = declared?.get(tensor.name);
    return dtype === undefined ? tensor : { ...tensor, declared: dtype };
  };
  const checksOf = new Map<string, IndexCheck[]>();
  for (const { input, ...check } of indices) {
    const own = checksOf.get(input);
    if (own === undefined) checksOf.set(input, [check]);
    else own.push(check);
  }
  const withIndices = (tensor: InterfaceTensor): InterfaceTensor => {
    const own = checksOf.get(tensor.name);
    return own === undefined ? tensor : { ...tensor, indices: own };
  };
  const { inputs, outputs } = built.executable;
  return {
    ...built,
    executable: {
      ...built.executable,
      inputs: inputs.map(mark).map(withIndices),
      outputs: outputs.map(mark),
      ...(checks.length > 0 && { checks }),
    },
  };
}

function describe(
  opened: OpenedDevice,
  { executable, plan, passed }: BuiltExecutable,
  compileMs: ReportData["compileMs"],
  training: readonly string[],
): ReportData {
  const dispatches = (commands: Executable["run"]) =>
    commands.flatMap((command) => (command.kind === "dispatch" ? [command.kernel] : []));
  const launched = dispatches(executable.run);
  return {
    model: executable.name,
    training,
    device: { kind: opened.device.kind, name: opened.device.name, reason: opened.reason },
    passes: passed.records,
    kernels: executable.kernels
      .map(({ name, language }, i) => ({
        name,
        language,
        launches: launched.filter((kernel) => kernel === i).length,
      }))
      .filter((kernel) => kernel.launches > 0),
    launches: launched.length,
    prepareLaunches: dispatches(executable.prepare).length,
    memory: {
      activationBytes: plan.activationBytes,
      liveBytes: plan.liveBytes,
      parameterBytes: bytesOf(executable, "parameter", "state"),
      preparedBytes: bytesOf(executable, "prepared"),
      inputBytes: bytesOf(executable, "input"),
      outputBytes: bytesOf(executable, "output"),
    },
    compileMs,
  };
}

function stopwatch(): { lap(): number } {
  let last = performance.now();
  return {
    lap() {
      const now = performance.now();
      const elapsed = now - last;
      last = now;
      return elapsed;
    },
  };
}
