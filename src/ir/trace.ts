/**
 * A trace in progress: the graph being built, the stored tensors that became its inputs, and where in the
 * user's program each node comes from.
 */
import { UserError } from "../errors.ts";
import { GraphBuilder } from "./builder.ts";
import type { DType, HostDType } from "./dtype.ts";
import type { Graph, NodeOrigin, ValueId } from "./graph.ts";
import { convertArray, type HostTensor } from "./host-tensor.ts";
import type { Attributes, OpName } from "./ops/registry.ts";
import type { Stored, StateBuffer } from "./stored-tensor.ts";
import { tensorType, type TensorType } from "./tensor-type.ts";

/** The dtype a host dtype has inside graphs. */
export function graphDType(dtype: HostDType): DType {
  return dtype === "i64" ? "i32" : dtype;
}

/** A host tensor as a graph holds it; i64 values that do not fit i32 are refused. */
export function graphTensor(value: HostTensor, asked: string): HostTensor<DType> {
  const dtype = graphDType(value.dtype);
  if (value.data instanceof BigInt64Array) {
    const outside = value.data.find((element) => BigInt.asIntN(32, element) !== element);
    if (outside !== undefined) {
      throw new UserError(
        "dtype",
        `${asked}: the i64 value ${outside} does not fit i32, which devices compute with.`,
      );
    }
  }
  return { dtype, shape: value.shape, data: convertArray(value.data, dtype) } as HostTensor<DType>;
}

export class Trace {
  readonly #builder: GraphBuilder;
  readonly #stored = new Map<Stored, ValueId>();
  readonly #updates = new Map<StateBuffer, ValueId>();
  readonly #constants = new Map<HostTensor, ValueId>();
  readonly #names: ReadonlyMap<Stored, string>;
  readonly #path: string[] = [];

  /** @param names state-dict names of the module's tensors */
  constructor(name: string, names: ReadonlyMap<Stored, string>) {
    this.#builder = new GraphBuilder(name);
    this.#names = names;
  }

  typeOf(value: ValueId): TensorType {
    return this.#builder.typeOf(value);
  }

  input(name: string, type: TensorType): ValueId {
    return this.#builder.input("input", name, type);
  }

  /** Runs `body` with `modulePath` as the place that errors and nodes name. */
  within<T>(modulePath: string, body: () => T): T {
    this.#path.push(modulePath);
    try {
      return body();
    } catch (error) {
      const isPlaceless = error instanceof UserError && Object.keys(error.origin).length === 0;
      if (!isPlaceless || modulePath === "") throw error;
      throw new UserError(error.code, error.message, { modulePath }, { cause: error });
    } finally {
      this.#path.pop();
    }
  }

  add<K extends OpName>(op: K, operands: readonly ValueId[], attributes: Attributes<K>): ValueId {
    return this.addAll(op, operands, attributes)[0]!;
  }

  addAll<K extends OpName>(
    op: K,
    operands: readonly ValueId[],
    attributes: Attributes<K>,
  ): readonly ValueId[] {
    return this.#builder.addAll(op, operands, attributes, this.#origin());
  }

  constant(value: HostTensor): ValueId {
    let id = this.#constants.get(value);
    if (id === undefined) {
      id = this.add("constant", [], { value: graphTensor(value, "constant") });
      this.#constants.set(value, id);
    }
    return id;
  }

  scalar(value: number, dtype: DType): ValueId {
    const data = convertArray([value], dtype);
    return this.add("constant", [], { value: { dtype, shape: [], data } as HostTensor<DType> });
  }

  /** The value a parameter or buffer has at this point of the trace. */
  read(stored: Stored): ValueId {
    const updated = stored.role === "state" ? this.#updates.get(stored) : undefined;
    if (updated !== undefined) return updated;
    let id = this.#stored.get(stored);
    if (id === undefined) {
      const name = this.#names.get(stored);
      if (name === undefined) {
        throw new UserError(
          "model",
          "A parameter is used that belongs to no module of the network. Keep it as a property of the module, so that it has a name in the state dict.",
          this.#origin(),
        );
      }
      id = this.#builder.input(stored.role, name, tensorType(graphDType(stored.dtype), stored.shape));
      this.#stored.set(stored, id);
    }
    return id;
  }

  /** Makes `value` what `state` holds from here on, and after the run. */
  update(state: StateBuffer, value: ValueId): void {
    this.read(state);
    this.#updates.set(state, value);
  }

  fail(code: ConstructorParameters<typeof UserError>[0], message: string): never {
    throw new UserError(code, message, this.#origin());
  }

  /** The finished graph, and the stored tensor behind each parameter and state input's name. */
  finish(outputs: readonly { readonly name: string; readonly value: ValueId }[]): {
    readonly graph: Graph;
    readonly stored: ReadonlyMap<string, Stored>;
  } {
    for (const { name, value } of outputs) this.#builder.output(name, value);
    for (const [state, value] of this.#updates) {
      this.#builder.output(this.#names.get(state)!, value, this.#stored.get(state)!);
    }
    const stored = new Map([...this.#stored.keys()].map((tensor) => [this.#names.get(tensor)!, tensor]));
    return { graph: this.#builder.build(), stored };
  }

  #origin(): NodeOrigin {
    const modulePath = this.#path.filter((part) => part !== "").at(-1);
    const callSite = userCallSite();
    return { ...(modulePath !== undefined && { modulePath }), ...(callSite !== undefined && { callSite }) };
  }
}

const ownFolder = packageFolder();

/** Where this package's files are; a bundle in a worker may have no such place. */
function packageFolder(): string {
  try {
    return new URL("..", import.meta.url).href;
  } catch {
    return import.meta.url;
  }
}

/** `file:line:column` of the innermost stack frame outside this package, where the engine gives stacks. */
function userCallSite(): string | undefined {
  const ErrorWithLimit = Error as ErrorConstructor & { stackTraceLimit?: number };
  const limit = ErrorWithLimit.stackTraceLimit;
  ErrorWithLimit.stackTraceLimit = 16;
  const stack = new Error().stack ?? "";
  if (limit !== undefined) ErrorWithLimit.stackTraceLimit = limit;
  const ownPath = ownFolder.replace(/^file:\/\//, "");
  for (const line of stack.split("\n").slice(1)) {
    if (line.includes(ownFolder) || line.includes(ownPath) || line.includes("node:internal")) continue;
    const match = /\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(line);
    if (match !== null) return match[1]!.replace(/^file:\/\//, "");
  }
  return undefined;
}
