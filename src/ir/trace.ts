/**
 * A trace in progress: the graph being built, the stored tensors that became its inputs, and where in the
 * user's program each node comes from.
 */
import { UserError } from "../errors.ts";
import { GraphBuilder } from "./builder.ts";
import { callSiteIn } from "./code-place.ts";
import { convertArray } from "./convert-array.ts";
import { deviceElementBytes, graphDType, type DType } from "./dtype.ts";
import type { Graph, NodeOrigin, ValueId } from "./graph.ts";
import { decodeHalves } from "./half.ts";
import { decodeWords, entersAsWords, wordsOf, wordsType } from "./half-words.ts";
import type { HostTensor } from "./host-tensor.ts";
import { MemoryCount } from "./memory-limit.ts";
import { resolveIndices, type IndexNote, type IndexRange, type InputIndexCheck } from "./index-checks.ts";
import type { Attributes, OpName } from "./ops/registry.ts";
import type { RunCheck } from "./run-check.ts";
import { elementCount } from "./shape.ts";
import type { Stored, StateBuffer } from "./stored-tensor.ts";
import { tensorType, type TensorType } from "./tensor-type.ts";

/**
 * A host tensor as a graph holds it.
 * @throws UserError for 64-bit values that the dtype graphs use in their place does not hold
 */
export function graphTensor(value: HostTensor, asked: string): HostTensor<DType> {
  const { dtype: from, shape, data } = value;
  const dtype = graphDType(from);
  const wrap = (elements: unknown) => ({ dtype, shape, data: elements }) as HostTensor<DType>;
  if (from === dtype) return wrap(data);
  if (from === "f16") return wrap(decodeHalves(data as Uint16Array));
  const converted = convertArray(data, dtype, from);
  const outside =
    from === "i64"
      ? (data as BigInt64Array).find((element) => BigInt.asIntN(32, element) !== element)
      : from === "u64"
        ? (data as BigUint64Array).find((element) => BigInt.asUintN(32, element) !== element)
        : from === "f64"
          ? (data as Float64Array).find(
              (element, i) => Number.isFinite(element) && !Number.isFinite(converted[i]),
            )
          : undefined;
  if (outside !== undefined) {
    throw new UserError(
      "dtype",
      `${asked}: the ${from} value ${outside} does not fit ${dtype}, which devices compute with.`,
    );
  }
  return wrap(converted);
}

/** A stored tensor's value as graphs take it: as `graphTensor` gives it, or f16 as words. */
export function storedGraphTensor(stored: Stored, asked: string): HostTensor<DType> {
  return stored.dtype === "f16"
    ? wordsOf(stored.value.data as Uint16Array)
    : graphTensor(stored.value, asked);
}

export interface TraceOptions {
  /** Whether a user's code adds the nodes, so that each has a call site worth looking for; true. */
  readonly isUserCode?: boolean;
  /** Whether runs report positions out of range that the device computes; false. */
  readonly checkIndices?: boolean;
  /** What constants may take of the host's memory together; any amount. */
  readonly memoryLimitBytes?: number | undefined;
}

/** What a trace became. */
export interface FinishedTrace {
  readonly graph: Graph;
  readonly stored: ReadonlyMap<string, Stored>;
  /** What of inputs is checked before each run. */
  readonly indices: readonly InputIndexCheck[];
  /** What the last result, behind those that were asked for, says of the run's success; there is none without checks. */
  readonly checks: readonly RunCheck[];
}

type PendingCheck = RunCheck & { readonly value: ValueId };

/** The result that holds what checks find. */
export const checksName = "checks of the run";

export class Trace {
  readonly #builder: GraphBuilder;
  readonly #stored = new Map<Stored, ValueId>();
  readonly #updates = new Map<StateBuffer, ValueId>();
  readonly #constants = new Map<HostTensor, ValueId>();
  readonly #names: ReadonlyMap<Stored, string>;
  readonly #path: string[] = [];

  readonly #indices: IndexNote[] = [];
  readonly #checks: PendingCheck[] = [];
  readonly #isUserCode: boolean;
  readonly #checkIndices: boolean;
  readonly #memory: MemoryCount;

  /** @param names state-dict names of the module's tensors */
  constructor(name: string, names: ReadonlyMap<Stored, string>, options: TraceOptions = {}) {
    this.#builder = new GraphBuilder(name);
    this.#names = names;
    this.#isUserCode = options.isUserCode ?? true;
    this.#checkIndices = options.checkIndices ?? false;
    this.#memory = new MemoryCount(options.memoryLimitBytes);
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
      this.countMemory(elementCount(value.shape) * deviceElementBytes, "a constant");
      id = this.add("constant", [], { value: graphTensor(value, "constant") });
      this.#constants.set(value, id);
    }
    return id;
  }

  /** What another trace that works for this one is held to. */
  get limits(): Pick<TraceOptions, "memoryLimitBytes"> {
    return { memoryLimitBytes: this.#memory.limitBytes };
  }

  /** Counts memory of the host that the trace keeps. @throws UserError (`out-of-memory`) */
  countMemory(bytes: number, what: string): void {
    this.#memory.add(bytes, what);
  }

  /** @throws UserError (`dtype`) for whole numbers that an integer type does not hold, which it would wrap */
  scalar(value: number, dtype: DType): ValueId {
    const data = convertArray([value], dtype);
    if (dtype !== "f32" && dtype !== "bool" && Number.isInteger(value) && Number(data[0]) !== value)
      this.fail("dtype", `the number ${value} does not fit ${dtype}.`);
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
      id = this.#storedInput(stored, name);
      this.#stored.set(stored, id);
    }
    return id;
  }

  #storedInput(stored: Stored, name: string): ValueId {
    const { role, dtype, shape } = stored;
    if (!entersAsWords(stored)) return this.#builder.input(role, name, tensorType(graphDType(dtype), shape));
    return decodeWords(this, this.#builder.input(role, name, wordsType(shape)), shape);
  }

  /** Makes `value` what `state` holds from here on, and after the run. */
  update(state: StateBuffer, value: ValueId): void {
    this.read(state);
    if (state.dtype === "f16")
      this.fail("dtype", "State of dtype f16 cannot be replaced by a run; keep it as f32.");
    this.#updates.set(state, value);
  }

  /** Says that `value` is read as positions in `range`; `what` reads it, for messages. */
  noteIndex(value: ValueId, range: IndexRange, what: string): void {
    this.#indices.push({ value, range, what, origin: this.#origin() });
  }

  /** Makes runs fail where an element of `value` (i32) leaves the range. */
  check(value: ValueId, check: Omit<RunCheck, "origin">): void {
    this.#checks.push({ value, ...check, origin: this.#origin() });
  }

  fail(code: ConstructorParameters<typeof UserError>[0], message: string): never {
    throw new UserError(code, message, this.#origin());
  }

  /**
   * The finished graph, the stored tensor behind each parameter and state input's name, and what is checked before and
   * after runs.
   * @throws UserError for indices that are known and out of range
   */
  finish(outputs: readonly { readonly name: string; readonly value: ValueId }[]): FinishedTrace {
    for (const { name, value } of outputs) this.#builder.output(name, value);
    const names = new Map([...this.#stored].map(([stored]) => [this.#names.get(stored)!, stored]));
    const indices = resolveIndices(this.#builder.build(), this.#indices, (name) => names.get(name)?.value);
    // Those of inputs, too: tensors that are on the device are not seen by the host.
    if (this.#checkIndices) for (const note of this.#indices) this.#checks.push(this.#checkOf(note));
    const checks = this.#checks.map(({ value: _, ...check }): RunCheck => check);
    if (checks.length > 0) {
      const extremes = this.#checks.map(({ value }) => this.#extremesOf(value));
      this.#builder.output(checksName, this.add("concat", extremes, { axis: 0 }));
    }
    for (const [state, value] of this.#updates) {
      this.#builder.output(this.#names.get(state)!, value, this.#stored.get(state)!);
    }
    const stored = new Map([...this.#stored.keys()].map((tensor) => [this.#names.get(tensor)!, tensor]));
    return { graph: this.#builder.build(), stored, indices, checks };
  }

  /** The check of indices on the device; `except` is brought into the range first. */
  #checkOf({ value, range, what, origin }: IndexNote): PendingCheck {
    const { except } = range;
    const allowed = (): ValueId => {
      const least = this.scalar(range.least, "i32");
      const isOther = this.add("ne", [value, this.scalar(except!, "i32")], {});
      return this.add("where", [isOther, value, least], {});
    };
    return {
      value: except === undefined ? value : allowed(),
      range,
      code: "index",
      what,
      remedy: "Found by checkIndices; without it, the nearest position inside is taken.",
      origin,
    };
  }

  /** `[least, greatest]` of an i32 value; zeros where it has no elements. */
  #extremesOf(value: ValueId): ValueId {
    const { shape } = this.typeOf(value);
    if (elementCount(shape) === 0)
      return this.constant({ dtype: "i32", shape: [2], data: Int32Array.of(0, 0) });
    const axes = shape.map((_, axis) => axis);
    const extremes = (["reduce_min", "reduce_max"] as const).map((op) =>
      this.add("reshape", [this.add(op, [value], { axes, keepDims: false })], { shape: [1] }),
    );
    return this.add("concat", extremes, { axis: 0 });
  }

  #origin(): NodeOrigin {
    const modulePath = this.#path.filter((part) => part !== "").at(-1);
    const callSite = this.#isUserCode ? userCallSite() : undefined;
    return { ...(modulePath !== undefined && { modulePath }), ...(callSite !== undefined && { callSite }) };
  }
}

/** `file:line:column` of the innermost stack frame outside this package, where the engine gives stacks. */
function userCallSite(): string | undefined {
  const ErrorWithLimit = Error as ErrorConstructor & { stackTraceLimit?: number };
  const limit = ErrorWithLimit.stackTraceLimit;
  ErrorWithLimit.stackTraceLimit = 16;
  const stack = new Error().stack ?? "";
  if (limit !== undefined) ErrorWithLimit.stackTraceLimit = limit;
  return callSiteIn(stack);
}
