/**
 * An ONNX model to a graph, once every symbolic dimension is bound. Values that are known while importing
 * (shapes, and what is computed from them) are folded by the reference semantics, so no kernel computes a shape.
 */
import { UserError } from "../../errors.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { joinWords, wordNames } from "../../ir/int64-words.ts";
import { checkShape, type HostTensor } from "../../ir/host-tensor.ts";
import { elementCount } from "../../ir/shape.ts";
import type { Stored } from "../../ir/stored-tensor.ts";
import { tensorType } from "../../ir/tensor-type.ts";
import { graphDType, type HostDType } from "../../ir/dtype.ts";
import { expectInRange } from "../../ir/run-check.ts";
import { checksName, Trace, type TraceOptions } from "../../ir/trace.ts";
import { Tensor } from "../../nn/tensor.ts";
import type { OutputStructure, TracedModule } from "../../nn/trace-module.ts";
import { bindInputs, type ConstantBindings, type ShapeBindings } from "./bind-inputs.ts";
import type { ModelOutput } from "./declared-tensors.ts";
import type { OnnxModel } from "./onnx-model.ts";
import type { Dialect, OnnxValue, OperatorResult } from "./operator.ts";
import {
  isRange,
  isWide,
  narrowed,
  rangeOfValue,
  run,
  WideResult,
  wordsOf,
  type RangedResult,
} from "./int64.ts";
import { widened } from "./wide-integer.ts";
import { TensorProto_DataType as DataType } from "./schema/onnx_pb.ts";
import { operators } from "./operators/index.ts";
import { runInt64 } from "./operators/int64.ts";
import type { OnnxNode } from "./nodes.ts";
import type { Handler } from "./control-flow.ts";
import { Scope, type Importer } from "./scope.ts";
import { isSequenceIdentity, runSequenceIdentity } from "./sequences.ts";
import { structural } from "./structural.ts";
import { declaredDType, dtypeOfElementType } from "./tensors.ts";

/** Constants longer than this are computed by kernels (in `prepare`), not folded while importing. */
const longestFolded = 4096;
/** Folding makes no value longer than this: a short shape can ask for a large tensor. */
const largestFolded = 2 ** 16;

/** Of an element that is computed with while importing. */
const largestElementBytes = 8;

export interface OnnxTraceOptions extends Pick<TraceOptions, "checkIndices" | "memoryLimitBytes"> {
  /** Names of initialisers that `run` gives other values, and which are inputs then. */
  readonly overridden?: readonly string[];
}

export function traceOnnx(
  model: OnnxModel,
  shapes: ShapeBindings = {},
  constants: ConstantBindings = {},
  options: OnnxTraceOptions = {},
): TracedModule {
  const { overridden = [], ...tracing } = options;
  const names = new Map<Stored, string>();
  for (const [name, { parameter }] of model.initializers)
    if (parameter !== undefined) names.set(parameter, name);
  const trace = new Trace(graphName(model.name), names, { ...tracing, isUserCode: false });
  const scope = new Scope();
  // What the caller says of an initialiser that is an input, too, replaces it.
  const replaced = model.overridable.filter(
    ({ name }) => overridden.includes(name) || Object.hasOwn(constants, name),
  );
  const replacedNames = new Set(replaced.map(({ name }) => name));
  const inputs = [...model.inputs, ...replaced];
  for (const { input, shape, value } of bindInputs(inputs, shapes, constants)) {
    const { name, dtype, elementType } = input;
    if (value !== undefined) {
      scope.define(name, valueOf(trace, { value, elementType }, noSources));
      continue;
    }
    const symbol = new Tensor(trace, trace.input(name, tensorType(graphDType(dtype), shape)));
    scope.define(name, { symbol: () => symbol, constant: undefined, elementType, sources: new Set([name]) });
  }
  for (const [name, initializer] of model.initializers) {
    if (replacedNames.has(name)) continue;
    const { parameter, elementType } = initializer;
    scope.define(name, {
      constant: initializer,
      elementType,
      sources: noSources,
      symbol: () =>
        new Tensor(
          trace,
          parameter === undefined ? trace.constant(initializer.value) : trace.read(parameter),
        ),
    });
  }
  importerFor(model.dialect, trace).runNodes(model.nodes, scope);
  const outputs: { name: string; value: string }[] = [];
  const entries = model.outputs.map(({ name }): readonly [string, OutputStructure] => {
    const value = resultOf(scope, name);
    const range = rangeOfValue(value);
    if (range === undefined || !isWide(range))
      return [name, { kind: "tensor", output: outputs.push({ name, value: value.symbol().id }) - 1 }];
    const { low, high } = wordsOf(value, trace);
    const place = (word: string, value: Tensor) => outputs.push({ name: word, value: value.id }) - 1;
    const names = wordNames(name);
    return [name, { kind: "int64", low: place(names.low, low), high: place(names.high, high) }];
  });
  const declared = new Map<string, HostDType>();
  for (const { name, dtype } of inputs) if (dtype !== graphDType(dtype)) declared.set(name, dtype);
  for (const output of model.outputs) {
    const dtype = dtypeOfResult(output, resultOf(scope, output.name));
    if (dtype !== graphDType(dtype)) declared.set(output.name, dtype);
  }
  const structure = { kind: "object", entries: Object.fromEntries(entries) } as const;
  return { ...trace.finish(outputs), structure, declared };
}

function resultOf(scope: Scope, name: string): OnnxValue {
  const value = scope.tensor(name);
  if (value !== undefined) return value;
  throw new UserError("unsupported", `onnx: '${name}' is a sequence; only tensors can go out.`);
}

/**
 * The dtype in which a result goes out: as declared, or where the file says nothing, as ONNX has it. A result of another
 * kind than the file says is one of an operator that is misunderstood, by the file or here.
 */
function dtypeOfResult({ name, dtype: declared }: ModelOutput, value: OnnxValue): HostDType {
  const { elementType } = value;
  const computed = rangeOfValue(value) === undefined ? value.symbol().dtype : "i32";
  if (declared !== undefined && graphDType(declared) !== computed)
    throw new UserError("dtype", `onnx: '${name}' is declared as ${declared}, but computed as ${computed}.`);
  const own = elementType === undefined ? undefined : declaredDType(elementType);
  return declared ?? (own !== undefined && graphDType(own) === computed ? own : computed);
}

/** What goes wrong inside an operator is about this node, and told as such. */
function guarded(node: OnnxNode, run: () => void): void {
  try {
    run();
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      "file-format",
      `onnx: ${node.proto.opType} '${node.name}': its inputs and attributes do not fit together (${reason}).`,
      {},
      { cause },
    );
  }
}

/** Iterations of all loops together, and nodes in them: a file of few bytes can ask for any number. */
const mostUnrolled = { iterations: 4096, nodes: 2 ** 16 };

/** Tensors in all sequences together. */
const mostItems = 2 ** 22;

function importerFor(dialect: Dialect, trace: Trace): Importer {
  const unrolled = { iterations: 0, nodes: 0 };
  let itemsOfSequences = 0;
  const importer: Importer = {
    dialect,
    trace,
    constant: (value, elementType) => valueOf(trace, { value, elementType }, noSources),
    computed: (symbol, inputs) =>
      valueOf(trace, { value: symbol, elementType: inputs[0]?.elementType }, sourcesOf(inputs)),
    countIteration: (nodes) => {
      unrolled.iterations++;
      unrolled.nodes += nodes;
      return unrolled.iterations <= mostUnrolled.iterations && unrolled.nodes <= mostUnrolled.nodes;
    },
    countItems: (items) => (itemsOfSequences += items) <= mostItems,
    runNodes: (nodes, scope) => {
      for (const node of nodes)
        trace.within(node.name, () => guarded(node, () => handlerOf(node, scope)(node, scope, importer)));
    },
  };
  return importer;
}

function handlerOf(node: OnnxNode, scope: Scope): Handler {
  if (isSequenceIdentity(node, scope)) return runSequenceIdentity;
  return structural[node.proto.opType] ?? runNode;
}

function runNode(node: OnnxNode, scope: Scope, { dialect, trace }: Importer): void {
  const inputs = node.proto.input.map((name) => (name === "" ? undefined : scope.tensor(name)));
  const results = fold(node, dialect, trace, inputs) ?? apply(node, dialect, trace, inputs);
  const sources = sourcesOf(inputs);
  node.proto.output.forEach((name, i) => {
    const result = results[i];
    if (name === "") return;
    if (result === undefined)
      throw new UserError(
        "unsupported",
        `onnx: ${node.proto.opType} '${node.name}': output ${i} ('${name}') is not supported.`,
      );
    checkShape(result.value.shape, `onnx: ${node.proto.opType} '${node.name}'`);
    scope.define(name, valueOf(trace, result, sources, `'${name}'`));
  });
}

/** Runs the operator: int64 in pairs of words where its results may leave 32 bits. */
function apply(
  node: OnnxNode,
  dialect: Dialect,
  trace: Trace,
  inputs: readonly (OnnxValue | undefined)[],
): readonly RangedResult[] {
  const task = { node, dialect, trace, inputs, operator: operators[node.proto.opType]! };
  const int64 = runInt64(task);
  if (int64 !== undefined && !isRange(int64)) return int64;
  const { results, context } = run(task);
  return results.map((value, i) => {
    const elementType = context.declaredType(i) ?? inheritedType(value, inputs);
    return { value, elementType, range: int64 };
  });
}

/** Results have the ONNX type of the first input that graphs hold in the same dtype; operators say where not. */
function inheritedType(
  result: OperatorResult,
  inputs: readonly (OnnxValue | undefined)[],
): number | undefined {
  const dtype = graphDType(result.dtype);
  return inputs.find((input) => {
    const type = input?.elementType;
    const held = type === undefined ? undefined : dtypeOfElementType(type);
    return held !== undefined && graphDType(held) === dtype;
  })?.elementType;
}

/** The results, where every input is a short constant: traced on their own and evaluated. */
function fold(
  node: OnnxNode,
  dialect: Dialect,
  trace: Trace,
  inputs: readonly (OnnxValue | undefined)[],
): readonly RangedResult[] | undefined {
  const known = inputs.every(
    (input) =>
      input === undefined || (input.constant !== undefined && input.constant.elementCount <= longestFolded),
  );
  if (!known || inputs.length === 0) return undefined;
  const scratch = new Trace("fold", new Map(), { ...trace.limits, isUserCode: false });
  const constants = inputs.map((input): OnnxValue | undefined => {
    const constant = input?.constant;
    return (
      constant && {
        constant,
        elementType: input.elementType,
        sources: noSources,
        symbol: () => new Tensor(scratch, scratch.constant(constant.value)),
      }
    );
  });
  const results = apply(node, dialect, scratch, constants);
  const outputs = results.flatMap(({ value }, i) =>
    value instanceof Tensor
      ? [{ name: String(i), value: value.id }]
      : value instanceof WideResult
        ? [
            { name: `${i} low`, value: value.words.low.id },
            { name: `${i} high`, value: value.words.high.id },
          ]
        : [],
  );
  const { graph, checks } = scratch.finish(outputs);
  const sizes = Object.values(graph.nodes).flatMap((made) =>
    made.results.map((r) => elementCount(r.type.shape)),
  );
  if (Math.max(0, ...sizes) > largestFolded) return undefined;
  const kept = results.reduce((sum, { value }) => sum + elementCount(value.shape), 0);
  trace.countMemory(kept * largestElementBytes, "a value that is known while importing");
  const evaluated = evaluate(graph, {});
  if (checks.length > 0) expectInRange(evaluated[checksName]!.data as Int32Array, checks);
  return results.map(({ value, elementType }, i) => ({
    value:
      value instanceof Tensor
        ? evaluated[String(i)]!
        : value instanceof WideResult
          ? joinWords(evaluated[`${i} low`]!, evaluated[`${i} high`]!)
          : value,
    elementType,
  }));
}

function valueOf(
  trace: Trace,
  { value: result, elementType, range }: RangedResult,
  sources: ReadonlySet<string>,
  name = "a value",
): OnnxValue {
  if (result instanceof WideResult) {
    let symbol: Tensor | undefined;
    return {
      symbol: () => (symbol ??= narrowed(result.words, name)),
      int64: { range: result.range, words: () => result.words },
      constant: undefined,
      elementType,
      sources,
    };
  }
  if (result instanceof Tensor) {
    const isRanged = range !== undefined && elementType === DataType.INT64;
    const int64 = isRanged ? { int64: { range, words: () => widened(result) } } : {};
    return { symbol: () => result, ...int64, constant: undefined, elementType, sources };
  }
  const value: HostTensor = result;
  const constant = { value, elementCount: value.data.length };
  return {
    constant,
    elementType,
    sources: noSources,
    symbol: () => new Tensor(trace, trace.constant(value)),
  };
}

const noSources: ReadonlySet<string> = new Set();

/** All values of most models come from the same inputs, and so share one set. */
function sourcesOf(inputs: readonly (OnnxValue | undefined)[]): ReadonlySet<string> {
  let all = noSources;
  let own: Set<string> | undefined;
  for (const input of inputs) {
    const more = input?.sources ?? noSources;
    if (more === all || [...more].every((name) => all.has(name))) continue;
    if (all.size === 0) all = more;
    else {
      own ??= new Set(all);
      for (const name of more) own.add(name);
      all = own;
    }
  }
  return all;
}

function graphName(name: string): string {
  const cleaned = name.replace(/\W/g, "_");
  return /^[A-Za-z_]/.test(cleaned) ? cleaned : `model_${cleaned}`;
}
