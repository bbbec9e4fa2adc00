/**
 * Finds the first value of a network at which two ways of computing it differ: two devices, two pipelines, or a
 * device and the reference semantics.
 *
 * The network is traced once. First its own outputs are compared. Then its values, in the order of the graph, are
 * made outputs, a group at a time, so that all before the first difference are known to agree. Values that are
 * outputs are fused less; a fault that goes away by that is looked for with one value at a time as the only output.
 */
import { buildExecutable, passOptions, type CompileOptions } from "./compile.ts";
import { UserError } from "./errors.ts";
import { OnnxModel } from "./import/onnx/onnx-model.ts";
import { checkShapeNames, type ConstantBindings, type ShapeBindings } from "./import/onnx/bind-inputs.ts";
import { checkOptions } from "./ir/check-options.ts";
import { compareTensors, type TensorDifference, type TensorStatistics } from "./ir/compare-tensors.ts";
import { evaluateValues } from "./ir/evaluate.ts";
import type { Graph, NodeResult, NodeOrigin, ValueId } from "./ir/graph.ts";
import { executionOrder } from "./ir/graph-index.ts";
import type { HostTensor } from "./ir/host-tensor.ts";
import { sameShape, type Shape } from "./ir/shape.ts";
import { formatType } from "./ir/tensor-type.ts";
import { graphTensor, storedGraphTensor } from "./ir/trace.ts";
import type { Module } from "./nn/module.ts";
import { traceModule, type TracedModule } from "./nn/trace-module.ts";
import { openDevice } from "./runtime/open-device.ts";
import { Session } from "./runtime/session.ts";

/** One way of computing a network: on a device, or (`"evaluate"`) by the reference semantics. */
export type BisectSide = "evaluate" | Pick<CompileOptions, "device" | "withoutPasses" | "batchNorm">;

/** What `bisect` compares, and how closely. */
export interface BisectOptions {
  /** One way of computing the network. */
  readonly a: BisectSide;
  /** The other way. */
  readonly b: BisectSide;
  /** The largest difference that counts as none, relative to the largest element of a value; 1e-4. */
  readonly tolerance?: number;
  /** Sizes of an imported model's symbolic dimensions; those of its inputs unless given. */
  readonly shapes?: ShapeBindings;
  /** Values of an imported model's inputs that are constants of the program, as `compile` takes them. */
  readonly constants?: ConstantBindings;
}

/** The first value that differs. */
export interface DifferingValue extends NodeOrigin {
  /** As graphs print it, without `%`. */
  readonly id: ValueId;
  /** The operation that computes it. */
  readonly op: string;
  /** Dtype and shape. */
  readonly type: string;
  /** One way of computing the network. */
  readonly a: TensorStatistics;
  /** The other way. */
  readonly b: TensorStatistics;
  /** Where in the value the two differ most. */
  readonly largest: TensorDifference;
  /** It differs only where it is the one output, fused with what is before it. */
  readonly onlyFused: boolean;
}

/** What `bisect` found; `String(found)` is meant for people. */
export class Bisection {
  constructor(
    /** Undefined where nothing differs by more than the tolerance. */
    readonly first: DifferingValue | undefined,
    /** Values that were compared. */
    readonly compared: number,
    /** The largest difference that counted as none. */
    readonly tolerance: number,
  ) {}

  /** The first difference in a few lines, for people. */
  toString(): string {
    const { first, compared, tolerance } = this;
    if (first === undefined) return `All ${compared} values agree within ${tolerance}.`;
    const place = [first.modulePath && `in '${first.modulePath}'`, first.callSite].filter(Boolean).join(", ");
    const { index, a, b, relative } = first.largest;
    return [
      `First difference: %${first.id} = ${first.op} : ${first.type}${place === "" ? "" : ` (${place})`}`,
      `  largest at [${index.join(",")}]: a has ${a}, b has ${b}; relative to the largest element ${relative.toExponential(2)}, tolerance ${tolerance}`,
      `  a: ${describeStatistics(first.a)}`,
      `  b: ${describeStatistics(first.b)}`,
      ...(first.onlyFused ? ["  Only where it is fused with the operations before it."] : []),
    ].join("\n");
  }
}

function describeStatistics({ min, max, mean, nanCount }: TensorStatistics): string {
  return `from ${min} to ${max}, mean ${mean}, ${nanCount} NaN`;
}

type ModelInputs = readonly HostTensor[] | Readonly<Record<string, HostTensor>>;

/** Values that are made outputs at the same time. */
const groupSize = 64;

/**
 * The first value, in the order of the graph, at which `a` and `b` differ by more than the tolerance.
 *
 * @param inputs what `forward` takes in order, or the inputs of an imported model by name
 * @throws UserError for inputs that do not fit, and whatever `compile` throws
 * @example
 * const image = tensor(pixels, [1, 3, 224, 224]);
 * const found = await bisect(net, [image], { a: { device: "cpu" }, b: "evaluate" });
 * console.log(String(found)); // First difference: %v7 = conv : f32[1,16,8,8] (in 'layer1.conv2', …
 */
export async function bisect(
  model: Module | OnnxModel,
  inputs: ModelInputs,
  options: BisectOptions,
): Promise<Bisection> {
  checkOptions<BisectOptions>("bisect", options ?? "nothing", {
    a: "any",
    b: "any",
    tolerance: "number",
    shapes: "any",
    constants: "any",
  });
  for (const side of [options.a, options.b])
    if (side !== "evaluate")
      checkOptions<Exclude<BisectSide, string>>(
        'bisect: a side, which is "evaluate" or options',
        side ?? "nothing",
        {
          device: "any",
          withoutPasses: "any",
          batchNorm: "any",
        },
      );
  const { tolerance = 1e-4 } = options;
  const traced = traceFor(model, inputs, options);
  const { graph } = traced;
  const values = boundValues(traced, inputs);
  const [a, b] = [await openSide(options.a, traced, values), await openSide(options.b, traced, values)];

  const tapped = tappableValues(graph);
  const compareAll = async (group: readonly ValueId[]): Promise<Found | undefined> => {
    const [fromA, fromB] = [await a(group), await b(group)];
    for (const [i, id] of group.entries()) {
      const comparison = compareTensors(fromA[i]!, fromB[i]!);
      if (comparison.largest !== undefined && comparison.largest.relative > tolerance)
        return { id, a: comparison.a, b: comparison.b, largest: comparison.largest };
    }
    return undefined;
  };
  const bisection = (found: Found | undefined, compared: number, onlyFused = false) =>
    new Bisection(found && describeValue(graph, found, onlyFused), compared, tolerance);

  const outputs = [...new Set(graph.outputs.map(({ value }) => value))];
  const whole = await compareAll(outputs);
  for (let start = 0; start < tapped.length; start += groupSize) {
    const group = tapped.slice(start, start + groupSize);
    const found = await compareAll(group);
    if (found !== undefined) return bisection(found, start + group.indexOf(found.id) + 1);
  }
  if (whole === undefined) return bisection(undefined, tapped.length);
  const fused = await firstAlone(tapped, whole, async (id) => compareAll([id]));
  return bisection(fused, tapped.length, true);
}

interface Found {
  readonly id: ValueId;
  /** One way of computing the network. */
  readonly a: TensorStatistics;
  /** The other way. */
  readonly b: TensorStatistics;
  /** Where in the value the two differ most. */
  readonly largest: TensorDifference;
}

/** By bisection: what comes after a wrong value is wrong, too. `last` is where the search ends if nothing before differs. */
async function firstAlone(
  values: readonly ValueId[],
  last: Found,
  compare: (id: ValueId) => Promise<Found | undefined>,
): Promise<Found> {
  let found = last;
  let [low, high] = [0, Math.max(values.indexOf(last.id), 0)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const difference = await compare(values[middle]!);
    if (difference === undefined) low = middle + 1;
    else [found, high] = [difference, middle];
  }
  return found;
}

function traceFor(
  model: Module | OnnxModel,
  inputs: ModelInputs,
  { shapes, constants = {} }: BisectOptions,
): TracedModule {
  if (model instanceof OnnxModel) {
    checkShapeNames([...model.inputs, ...model.overridable], shapes);
    const given = model.inputs.filter(({ name }) => !Object.hasOwn(constants, name));
    const replaced = model.overridable.map(({ name }) => name).filter((name) => named(inputs, name));
    return model.trace({ ...dimensionsOf(given, inputs), ...shapes }, constants, {
      overridden: replaced,
    });
  }
  if (!Array.isArray(inputs))
    throw new UserError("argument", "bisect: expected a list of tensors, one for each input of forward().");
  return traceModule(model, inputs as readonly HostTensor[]);
}

/** Sizes of symbolic dimensions, from the tensors that are given. */
function dimensionsOf(expected: OnnxModel["inputs"], inputs: ModelInputs): ShapeBindings {
  const entries = expected.flatMap(({ name, shape }, i): (readonly [string, number | Shape])[] => {
    const given = Array.isArray(inputs) ? (inputs as readonly HostTensor[])[i] : named(inputs, name);
    if (shape === undefined) return given === undefined ? [] : [[name, given.shape] as const];
    return shape.flatMap((size, axis) =>
      typeof size === "string" && given?.shape[axis] !== undefined
        ? [[size, given.shape[axis]] as const]
        : [],
    );
  });
  return Object.fromEntries(entries);
}

function named(inputs: ModelInputs, name: string): HostTensor | undefined {
  return Object.hasOwn(inputs, name) ? (inputs as Readonly<Record<string, HostTensor>>)[name] : undefined;
}

/** A value for each graph input, by name. */
function boundValues({ graph, stored }: TracedModule, inputs: ModelInputs): ReadonlyMap<string, HostTensor> {
  const isList = Array.isArray(inputs);
  let position = 0;
  const entries = graph.inputs.map(({ name, role, type }) => {
    if (role !== "input") return [name, storedGraphTensor(stored.get(name)!, name)] as const;
    const given = isList ? (inputs as readonly HostTensor[])[position++] : named(inputs, name);
    if (given === undefined) throw new UserError("argument", `bisect: input '${name}' is missing.`);
    const value = graphTensor(given, `bisect: input '${name}'`);
    if (value.dtype !== type.dtype || !sameShape(value.shape, type.shape))
      throw new UserError(
        "shape",
        `bisect: input '${name}' is ${formatType({ dtype: value.dtype, shape: value.shape })}, expected ${formatType(type)}.`,
      );
    return [name, value] as const;
  });
  return new Map(entries);
}

/** Results of all operations but constants, in an order of execution. */
function tappableValues(graph: Graph): ValueId[] {
  return executionOrder(graph)
    .filter((node) => node.op !== "constant")
    .flatMap((node) => node.results.map(({ id }) => id));
}

/** Computes any values of the graph. */
type Side = (values: readonly ValueId[]) => Promise<readonly HostTensor[]>;

async function openSide(
  side: BisectSide,
  { graph, stored }: TracedModule,
  bound: ReadonlyMap<string, HostTensor>,
): Promise<Side> {
  if (side === "evaluate") {
    const inputs = new Map(graph.inputs.map(({ id, name }) => [id, bound.get(name)!]));
    const all = evaluateValues(graph, inputs);
    return async (values) => values.map((id) => all.get(id)!);
  }
  const { device } = await openDevice(side.device ?? "auto");
  return async (values) => {
    const outputs = values.map((value, i) => ({ name: `tap${i}`, value }));
    const { executable } = buildExecutable(withOutputs(graph, outputs), device.target, passOptions(side));
    const session = await Session.load(device, executable, stored);
    try {
      const run = await session.run(executable.inputs.map(({ name }) => bound.get(name)!));
      const results = new Map(executable.outputs.map(({ name }, i) => [name, run.outputs[i] as HostTensor]));
      return outputs.map(({ name }) => results.get(name)!);
    } finally {
      session.dispose();
    }
  };
}

/** State is left as it is, so that every run starts from the same. */
function withOutputs(graph: Graph, outputs: Graph["outputs"]): Graph {
  const nodes: Record<ValueId, Graph["nodes"][ValueId]> = {};
  const makers = new Map(
    Object.entries(graph.nodes).flatMap(([key, node]) => node.results.map(({ id }) => [id, key] as const)),
  );
  const pending = outputs.map(({ value }) => value);
  const needed = new Set<string>();
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const key = makers.get(value);
    if (key === undefined || needed.has(key)) continue;
    needed.add(key);
    pending.push(...graph.nodes[key]!.operands);
  }
  for (const key of Object.keys(graph.nodes)) if (needed.has(key)) nodes[key] = graph.nodes[key]!;
  return { ...graph, nodes, outputs };
}

function describeValue(graph: Graph, found: Found, onlyFused: boolean): DifferingValue {
  const node = Object.values(graph.nodes).find(({ results }) => results.some(({ id }) => id === found.id));
  const input = graph.inputs.find(({ id }) => id === found.id);
  const result = (node?.results as readonly NodeResult[] | undefined)?.find(({ id }) => id === found.id);
  return {
    ...node?.origin,
    ...found,
    op: node?.op ?? "input",
    type: formatType((result ?? input)!.type),
    onlyFused,
  };
}
