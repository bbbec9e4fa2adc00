/**
 * The base of every network and layer, with `torch.nn.Module`'s meaning: modules, parameters and buffers are
 * found among an object's properties, in the order they were set, and named by their path.
 */
import { UserError } from "../errors.ts";
import { convertArray } from "../ir/convert-array.ts";
import { graphDType, isDType, narrowRange, type HostDType } from "../ir/dtype.ts";
import { checkHostTensor, isHostTensor, type HostTensor } from "../ir/host-tensor.ts";
import { elementCount, formatShape, sameShape } from "../ir/shape.ts";
import { Parameter, StateBuffer, type Stored } from "../ir/stored-tensor.ts";
import { checkTree } from "./check-tree.ts";
import { checkKind, checkOptions } from "../ir/check-options.ts";

/** State-dict name → value. */
export type StateDict = Readonly<Record<string, HostTensor>>;

/** Names that `loadStateDict` did not use. */
export interface LoadResult {
  /** Names that the module has and the values lack. */
  readonly missingKeys: readonly string[];
  /** Names that the values have and the module lacks. */
  readonly unexpectedKeys: readonly string[];
}

/** The base of networks and layers: extend it, keep layers and parameters as properties, and write `forward`. */
export abstract class Module {
  #training = true;

  /** Whether layers such as BatchNorm and Dropout behave as in training. */
  get training(): boolean {
    return this.#training;
  }

  /** Builds the graph: takes traced tensors, returns a tensor, an array or an object of them. */
  abstract forward(...inputs: never[]): unknown;

  /** The state-dict name of a property; layers translate their camel case to PyTorch's names. */
  protected stateName(property: string): string {
    return property;
  }

  /** Its settings, as PyTorch prints them: what `String(module)` has in parentheses. */
  protected settings(): string {
    return "";
  }

  /** The modules below that `String(module)` shows; all, unless a layer has some that PyTorch's has not. */
  protected shownChildren(): Iterable<readonly [string, Module]> {
    return this.namedChildren();
  }

  /** The tree of modules with their settings, as PyTorch prints it. */
  toString(): string {
    const text = (module: Module, above: readonly Module[]): string => {
      const name = module.constructor.name;
      if (above.includes(module)) return `${name}(…)`;
      const settings = module.settings();
      const lines = Array.from(
        module.shownChildren(),
        ([child, below]) => `(${child}): ${text(below, [...above, module])}`,
      );
      if (lines.length === 0 && !settings.includes("\n")) return `${name}(${settings})`;
      const body = [...(settings === "" ? [] : [settings]), ...lines].join("\n").replaceAll("\n", "\n  ");
      return `${name}(\n  ${body}\n)`;
    };
    return text(this, []);
  }

  /** Sets training mode here and in every module below. */
  train(mode = true): this {
    checkKind(`${this.constructor.name}.train`, "mode", mode, "boolean");
    for (const [, module] of this.namedModules()) module.#training = mode;
    return this;
  }

  /** Inference mode here and in every module below. */
  eval(): this {
    return this.train(false);
  }

  /** Direct sub-modules by name. */
  *namedChildren(): Generator<readonly [string, Module]> {
    for (const [property, value] of Object.entries(this)) {
      if (value instanceof Module) yield [this.stateName(property), value];
    }
  }

  /** Direct sub-modules. */
  children(): Module[] {
    return Array.from(this.namedChildren(), ([, child]) => child);
  }

  /** This module and all below, by path; a module reachable twice is listed once. */
  *namedModules(prefix = "", seen = new Set<Module>()): Generator<readonly [string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) {
      yield* child.namedModules(prefix === "" ? name : `${prefix}.${name}`, seen);
    }
  }

  /** This module and all below. */
  modules(): Module[] {
    return Array.from(this.namedModules(), ([, module]) => module);
  }

  /** What the state dict holds: `namedStored` without buffers that are not persistent. */
  *namedState(): Generator<readonly [string, Stored]> {
    for (const [name, stored] of this.namedStored()) {
      if (stored instanceof Parameter || stored.persistent) yield [name, stored];
    }
  }

  /**
   * Parameters and buffers with their names, in PyTorch's order: a module's parameters, its buffers, its
   * children. Shared ones appear under each name.
   */
  *namedStored(prefix = ""): Generator<readonly [string, Stored]> {
    if (prefix === "") checkTree(this, Module.prototype);
    const join = (name: string) => (prefix === "" ? name : `${prefix}.${name}`);
    for (const kind of [Parameter, StateBuffer]) {
      for (const [property, value] of Object.entries(this)) {
        if (value instanceof kind) yield [join(this.stateName(property)), value];
      }
    }
    for (const [name, child] of this.namedChildren()) yield* child.namedStored(join(name));
  }

  /** Parameters by path, each once. */
  *namedParameters(): Generator<readonly [string, Parameter]> {
    const seen = new Set<Stored>();
    for (const [name, stored] of this.namedState()) {
      if (stored instanceof Parameter && !seen.has(stored)) yield [name, stored];
      seen.add(stored);
    }
  }

  /** Parameters, each once. */
  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, parameter]) => parameter);
  }

  /** State that runs replace, by path, each once. */
  *namedBuffers(): Generator<readonly [string, StateBuffer]> {
    const seen = new Set<Stored>();
    for (const [name, stored] of this.namedStored()) {
      if (stored instanceof StateBuffer && !seen.has(stored)) yield [name, stored];
      seen.add(stored);
    }
  }

  /** State that runs replace, each once. */
  buffers(): StateBuffer[] {
    return Array.from(this.namedBuffers(), ([, buffer]) => buffer);
  }

  /** Calls `visit` on every module below, then on this one. */
  apply(visit: (module: Module) => void): this {
    checkTree(this, Module.prototype);
    const each = (module: Module): void => {
      module.children().forEach(each);
      visit(module);
    };
    each(this);
    return this;
  }

  /** Every parameter and buffer as the host knows it. `compiled.stateDict()` gives what a device knows. */
  stateDict(): StateDict {
    return Object.fromEntries(Array.from(this.namedState(), ([name, stored]) => [name, stored.value]));
  }

  /**
   * Takes values by name. Nothing is changed unless everything fits. As in PyTorch, counts of batches may be missing,
   * which state dicts before version 0.4.1 lack and which stay as they are then, and `[1]` is taken for a scalar.
   * @param options `strict` (the default) refuses missing and unexpected names
   * @throws UserError (`state-dict`) that lists every name that is missing, unexpected or of another shape
   */
  loadStateDict(values: StateDict, options: { readonly strict?: boolean } = {}): LoadResult {
    checkOptions<{ readonly strict?: boolean }>("loadStateDict", options, { strict: "boolean" });
    const own = new Map(this.namedState());
    const missingKeys = [...own].flatMap(([name, stored]) =>
      Object.hasOwn(values, name) || (stored instanceof StateBuffer && stored.optional) ? [] : [name],
    );
    const unexpectedKeys = Object.keys(values).filter((name) => !own.has(name));
    const misshapen = [...own].flatMap(([name, stored]) => {
      if (!Object.hasOwn(values, name)) return [];
      const problem = misfit(values[name], stored);
      return problem === undefined ? [] : [`${name}: ${problem}`];
    });
    const strict = options.strict ?? true;
    const problems = [
      ...(strict && missingKeys.length > 0 ? [`missing: ${missingKeys.join(", ")}`] : []),
      ...(strict && unexpectedKeys.length > 0 ? [`unexpected: ${unexpectedKeys.join(", ")}`] : []),
      ...misshapen,
    ];
    if (problems.length > 0) {
      throw new UserError(
        "state-dict",
        `loadStateDict: the values do not fit ${this.constructor.name}:\n    ${problems.join("\n    ")}` +
          (misshapen.length === 0 ? "\n    Pass { strict: false } to load only what matches." : ""),
      );
    }
    for (const [name, stored] of own) {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value !== undefined) stored.assign(asScalar(value, stored));
    }
    return { missingKeys, unexpectedKeys };
  }
}

/** Before version 0.4, PyTorch had no scalars and saved one element; it still takes that for a scalar. */
function asScalar(value: HostTensor, stored: Stored): HostTensor {
  const isOne = stored.shape.length === 0 && value.shape.length === 1 && value.shape[0] === 1;
  return isOne ? { ...value, shape: [] } : value;
}

/** Why a value cannot be assigned, if it cannot. */
function misfit(value: unknown, stored: Stored): string | undefined {
  if (!isHostTensor(value)) return `${value === null ? "null" : typeof value} given, a tensor expected`;
  const { shape, data } = asScalar(value, stored);
  if (!sameShape(shape, stored.shape))
    return `${formatShape(shape)} given, ${formatShape(stored.shape)} expected`;
  if (data.length !== elementCount(shape))
    return `${data.length} elements given for shape ${formatShape(shape)}`;
  try {
    checkHostTensor(value, "value");
  } catch (error) {
    return error instanceof UserError ? error.message : String(error);
  }
  const isFloat = (dtype: HostDType): boolean => graphDType(dtype) === "f32";
  if (isFloat(stored.dtype) || isDType(stored.dtype)) return undefined;
  const numbers = isFloat(value.dtype) ? convertArray(data, "f64", value.dtype) : data;
  if (isFloat(value.dtype) && !(numbers as Float64Array).every(Number.isInteger))
    return "fractions given, integers expected";
  const [least, greatest] = narrowRange(stored.dtype) ?? [-Infinity, Infinity];
  const outside = Array.from(numbers as ArrayLike<number | bigint>).find(
    (element) => element < least || element > greatest,
  );
  return outside === undefined ? undefined : `${outside} given, ${least} to ${greatest} expected`;
}
