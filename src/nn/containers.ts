/** Modules that hold modules. */
import { UserError } from "../errors.ts";
import { describeValue } from "../ir/check-options.ts";
import { Parameter, type Stored } from "../ir/stored-tensor.ts";
import { Module } from "./module.ts";
import type { Tensor } from "./tensor.ts";

/** A module that takes one tensor and returns one. */
type Layer = Module & { forward(x: Tensor): Tensor };

/** Refuses what is no list of entries of that class, which would be lost here without a word. */
function checkList(container: string, entry: typeof Module | typeof Parameter, given: unknown): void {
  const plural = entry === Parameter ? "parameters" : "modules";
  const isEntry = (value: unknown): boolean => value instanceof entry;
  if (Array.isArray(given) && given.every(isEntry)) return;
  const wrong: unknown = Array.isArray(given) ? given.find((value) => !isEntry(value)) : given;
  throw new UserError(
    "argument",
    `${container}: expected one list of ${plural}, ${container}([a, b]), got ${describeValue(wrong)}.`,
  );
}

/** Entries by name, of a record or of pairs. */
function readEntries<V>(
  container: string,
  entry: typeof Module | typeof Parameter,
  given: Readonly<Record<string, V>> | Iterable<readonly [string, V]>,
): ReadonlyMap<string, V> {
  const refuse = (value: unknown): never => {
    const kind = entry === Parameter ? "Parameter" : "Module";
    throw new UserError(
      "argument",
      `${container}: expected names with a ${kind} each, ${container}({ a, b }), got ${describeValue(value)}.`,
    );
  };
  if (typeof given !== "object" || given === null || given instanceof Module || given instanceof Parameter)
    return refuse(given);
  const pairs: (readonly [string, V])[] = Symbol.iterator in given ? [...given] : Object.entries(given);
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && typeof pair[0] === "string" && pair[1] instanceof entry;
  const wrong = pairs.findIndex((pair) => !isPair(pair));
  return wrong < 0 ? new Map(pairs) : refuse(Symbol.iterator in given ? pairs[wrong] : pairs[wrong]![1]);
}

/** Modules in a list, named by position. */
export class ModuleList<M extends Module = Module> extends Module {
  [position: number]: M;
  readonly #length: number;

  constructor(modules: readonly M[]) {
    super();
    checkList("ModuleList", Module, modules);
    modules.forEach((module, position) => {
      this[position] = module;
    });
    this.#length = modules.length;
  }

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** The entries, in order. */
  *[Symbol.iterator](): Generator<M> {
    for (let position = 0; position < this.#length; position++) yield this[position]!;
  }

  override forward(): never {
    throw new UserError("model", "ModuleList has no forward(): call its modules one by one.");
  }
}

/** Layers one after the other. */
export class Sequential extends Module {
  readonly #layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    const wrong = layers.findIndex((layer) => !(layer instanceof Module));
    if (wrong >= 0)
      throw new UserError(
        "argument",
        `Sequential: expected modules one by one, Sequential(a, b) or Sequential(...list), got ${describeValue(layers[wrong])}.`,
      );
    this.#layers = layers;
    layers.forEach((layer, position) => Object.assign(this, { [position]: layer }));
  }

  override forward(x: Tensor): Tensor {
    return this.#layers.reduce((value, layer) => layer.forward(value), x);
  }
}

/** What names in dictionaries may be: the state dict joins them with dots. */
function checkNames(container: string, names: readonly string[]): void {
  const wrong = names.find((name) => name === "" || name.includes("."));
  if (wrong !== undefined)
    throw new UserError(
      "argument",
      `${container}: names must not be empty nor contain dots, got ${JSON.stringify(wrong)}.`,
    );
}

/** The entry with that name, or an error that lists those there are. */
function entryOf<V>(container: string, entries: ReadonlyMap<string, V>, name: string): V {
  const value = entries.get(name);
  if (value === undefined)
    throw new UserError(
      "argument",
      `${container}: there is no ${JSON.stringify(name)}, only ${[...entries.keys()].join(", ") || "nothing"}.`,
    );
  return value;
}

/** Modules by name, in the order given. @example new nn.ModuleDict({ conv: new nn.Conv2d(3, 8, 3), act: new nn.ReLU() }) */
export class ModuleDict<M extends Module = Module> extends Module {
  readonly #modules: ReadonlyMap<string, M>;

  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]>) {
    super();
    this.#modules = readEntries("ModuleDict", Module, modules);
    checkNames("ModuleDict", this.keys());
  }

  /** How many there are. */
  get size(): number {
    return this.#modules.size;
  }
  /** Whether there is a module of that name. */
  has(name: string): boolean {
    return this.#modules.has(name);
  }
  /** @throws UserError where there is no module of that name */
  get(name: string): M {
    return entryOf("ModuleDict", this.#modules, name);
  }
  /** Names, in order. */
  keys(): string[] {
    return [...this.#modules.keys()];
  }
  /** Modules, in order. */
  values(): M[] {
    return [...this.#modules.values()];
  }
  /** Names and modules, in order. */
  entries(): (readonly [string, M])[] {
    return [...this.#modules];
  }

  override *namedChildren(): Generator<readonly [string, Module]> {
    yield* this.#modules;
  }

  override forward(): never {
    throw new UserError("model", "ModuleDict has no forward(): call its modules one by one.");
  }
}

/** Parameters in a list, named by position. */
export class ParameterList extends Module {
  [position: number]: Parameter;
  readonly #length: number;

  constructor(parameters: readonly Parameter[]) {
    super();
    checkList("ParameterList", Parameter, parameters);
    parameters.forEach((parameter, position) => {
      this[position] = parameter;
    });
    this.#length = parameters.length;
  }

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** The entries, in order. */
  *[Symbol.iterator](): Generator<Parameter> {
    for (let position = 0; position < this.#length; position++) yield this[position]!;
  }

  override forward(): never {
    throw new UserError("model", "ParameterList has no forward(): use its parameters.");
  }
}

/** Parameters by name, in the order given. */
export class ParameterDict extends Module {
  readonly #parameters: ReadonlyMap<string, Parameter>;

  constructor(parameters: Readonly<Record<string, Parameter>> | Iterable<readonly [string, Parameter]>) {
    super();
    this.#parameters = readEntries("ParameterDict", Parameter, parameters);
    checkNames("ParameterDict", this.keys());
  }

  /** How many there are. */
  get size(): number {
    return this.#parameters.size;
  }
  /** Whether there is a module of that name. */
  has(name: string): boolean {
    return this.#parameters.has(name);
  }
  /** @throws UserError where there is no parameter of that name */
  get(name: string): Parameter {
    return entryOf("ParameterDict", this.#parameters, name);
  }
  /** Names, in order. */
  keys(): string[] {
    return [...this.#parameters.keys()];
  }
  /** Modules, in order. */
  values(): Parameter[] {
    return [...this.#parameters.values()];
  }
  /** Names and modules, in order. */
  entries(): (readonly [string, Parameter])[] {
    return [...this.#parameters];
  }

  override *namedStored(prefix = ""): Generator<readonly [string, Stored]> {
    for (const [name, parameter] of this.#parameters)
      yield [prefix === "" ? name : `${prefix}.${name}`, parameter];
  }

  override forward(): never {
    throw new UserError("model", "ParameterDict has no forward(): use its parameters.");
  }
}
