/**
 * Traces a module: runs `forward` once on symbols. Gives the graph, the stored tensors behind its parameter
 * and state inputs, and the structure (tensor, array or object) in which results go back to the caller.
 */
import { UserError } from "../errors.ts";
import { shortText } from "../ir/short-text.ts";
import { isDType, type DType, type HostDType } from "../ir/dtype.ts";
import { checkShape } from "../ir/host-tensor.ts";
import type { Shape } from "../ir/shape.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { tensorType } from "../ir/tensor-type.ts";
import { Trace, type FinishedTrace, type TraceOptions } from "../ir/trace.ts";
import type { Module } from "./module.ts";
import { Tensor } from "./tensor.ts";

/** What one input of a network looks like. A host tensor fits, too. */
export interface InputSpec {
  /** Sizes of its dimensions. */
  readonly shape: Shape;
  /** f32 unless given. */
  readonly dtype?: string;
  /** Name in reports and error messages. */
  readonly name?: string;
}

/** How outputs are handed back: leaves are positions in the graph's list of outputs. */
export type OutputStructure =
  | { readonly kind: "tensor"; readonly output: number }
  /** Whole numbers of 64 bits, whose words are results of their own. */
  | { readonly kind: "int64"; readonly low: number; readonly high: number }
  | { readonly kind: "array"; readonly items: readonly OutputStructure[] }
  | { readonly kind: "object"; readonly entries: Readonly<Record<string, OutputStructure>> };

export interface TracedModule extends FinishedTrace {
  readonly structure: OutputStructure;
  /** Dtypes that an imported model declares for inputs and outputs, by name, where graphs compute with another. */
  readonly declared?: ReadonlyMap<string, HostDType>;
}

export function traceModule(
  module: Module,
  inputs: readonly InputSpec[],
  options: Pick<TraceOptions, "checkIndices" | "memoryLimitBytes"> = {},
): TracedModule {
  if (typeof module.forward !== "function")
    throw new UserError(
      "model",
      `${module.constructor.name} has no forward(). Write forward(x) { … } that takes traced tensors and returns one.`,
    );
  const names = new Map<Stored, string>();
  for (const [name, stored] of module.namedStored()) if (!names.has(stored)) names.set(stored, name);
  const trace = new Trace(identifier(module.constructor.name), names, options);
  const taken = new Set(names.values());
  const read = new Set<string>();
  const inputNames: string[] = [];
  const symbols = inputs.map((spec, i) => {
    const name = spec.name ?? defaultName(inputs.length === 1 ? "input" : `input${i}`, taken);
    if (taken.has(name)) {
      throw new UserError(
        "argument",
        `compile: the input name '${name}' is taken by another input, a parameter or a buffer. Choose another.`,
      );
    }
    taken.add(name);
    inputNames.push(name);
    checkShape(spec.shape, `compile: ${name}`);
    const symbol = new Tensor(trace, trace.input(name, tensorType(inputDType(spec, name), spec.shape)));
    const { id } = symbol;
    // Whatever reads a symbol, its shape alone included, asks for its id.
    Object.defineProperty(symbol, "id", {
      get: () => {
        read.add(name);
        return id;
      },
    });
    return symbol;
  });
  const result = withModulePaths(module, trace, () =>
    (module.forward as (...args: Tensor[]) => unknown).apply(module, symbols),
  );

  const outputs: { name: string; value: string }[] = [];
  const outputNames = new Set(names.values());
  const structure = structureOf(result, "output", (tensor, name) => {
    if (tensor.trace !== trace)
      throw new UserError("model", `forward() returned a tensor of another trace as ${name}.`);
    const free = defaultName(name, outputNames);
    outputNames.add(free);
    return outputs.push({ name: free, value: tensor.id }) - 1;
  });
  const ignored = inputNames.filter((name) => !read.has(name));
  if (ignored.length > 0)
    throw new UserError(
      "argument",
      `compile: forward() of ${module.constructor.name} does not read ${ignored.map((name) => `'${name}'`).join(", ")}, input ${ignored.map((name) => inputNames.indexOf(name) + 1).join(", ")} of ${inputNames.length}; it takes ${module.forward.length}. Leave the input out, or use it.`,
    );
  return { ...trace.finish(outputs), structure };
}

/** `stem`, with underscores where something else has that name. */
function defaultName(stem: string, taken: ReadonlySet<string>): string {
  return taken.has(stem) ? defaultName(`${stem}_`, taken) : stem;
}

function inputDType(spec: InputSpec, name: string): DType {
  const dtype = spec.dtype ?? "f32";
  if (!isDType(dtype)) {
    throw new UserError("dtype", `compile: ${name} has dtype ${dtype}, expected f32, i32, u32 or bool.`);
  }
  return dtype;
}

/**
 * While `body` runs, every module's `forward` notes the module's path in the trace, so that nodes and errors
 * can name the place. An own property shadows the method; what was there comes back afterwards.
 */
function withModulePaths<T>(root: Module, trace: Trace, body: () => T): T {
  const shadowed = new Map<Module, PropertyDescriptor | undefined>();
  for (const [path, module] of root.namedModules()) {
    const forward = module.forward as (...args: unknown[]) => unknown;
    shadowed.set(module, Object.getOwnPropertyDescriptor(module, "forward"));
    Object.defineProperty(module, "forward", {
      configurable: true,
      enumerable: false,
      value: (...args: unknown[]) => trace.within(path, () => forward.apply(module, args)),
    });
  }
  try {
    return body();
  } finally {
    for (const [module, own] of shadowed) {
      if (own === undefined) delete (module as { forward?: unknown }).forward;
      else Object.defineProperty(module, "forward", own);
    }
  }
}

function structureOf(
  value: unknown,
  name: string,
  leaf: (tensor: Tensor, name: string) => number,
): OutputStructure {
  if (value instanceof Tensor) return { kind: "tensor", output: leaf(value, name) };
  if (Array.isArray(value) && value.length > 0) {
    return { kind: "array", items: value.map((item, i) => structureOf(item, `${name}.${i}`, leaf)) };
  }
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).map(([key, item]) => {
      return [key, structureOf(item, name === "output" ? key : `${name}.${key}`, leaf)] as const;
    });
    if (entries.length > 0) return { kind: "object", entries: Object.fromEntries(entries) };
  }
  const got = value === undefined ? "nothing" : value instanceof Promise ? "a promise" : shortText(value);
  throw new UserError(
    "model",
    `forward() must return a tensor, or an array or object of tensors; ${name} is ${got}. Is a return statement missing?`,
  );
}

function identifier(name: string): string {
  const cleaned = name.replace(/\W/g, "_");
  return /^[A-Za-z_]/.test(cleaned) ? cleaned : `model_${cleaned}`;
}
