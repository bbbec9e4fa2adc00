/** A compiled network: what `compile` returns. */
import type { Executable } from "./codegen/executable.ts";
import type { KernelLanguage } from "./codegen/target.ts";
import type { Variants } from "./compiled-variants.ts";
import { UserError } from "./errors.ts";
import { checkOptions } from "./ir/check-options.ts";
import { convertArray } from "./ir/convert-array.ts";
import { joinWords } from "./ir/int64-words.ts";
import { isHostTensor, type HostTensor } from "./ir/host-tensor.ts";
import type { Stored } from "./ir/stored-tensor.ts";
import type { StateDict } from "./nn/module.ts";
import type { Tensor } from "./nn/tensor.ts";
import type { OutputStructure } from "./nn/trace-module.ts";
import type { Report } from "./report.ts";
import type { Device, DispatchTiming } from "./runtime/device.ts";
import { DeviceTensor } from "./runtime/device-tensor.ts";
import type { Session, SessionRunOptions } from "./runtime/session.ts";
import type { TuningRecords } from "./tuning/records.ts";

/** One kernel of a compiled network. */
export interface CompiledKernelInfo {
  /** Says what it does; `k00_conv3x3_add_relu_f32`. */
  readonly name: string;
  /** What it is written in. */
  readonly language: KernelLanguage;
  /** The kernel as a person reads it; for WebAssembly the kernel IR it was written from. */
  readonly source: string;
  /** Dispatches in one run. */
  readonly launches: number;
}

/** What one run may be told. */
export interface RunOptions extends SessionRunOptions {
  /** Receives the time of every dispatch; asking for it makes the run slower. */
  readonly onProfile?: (timings: readonly DispatchTiming[]) => void;
}

/** Whose parameters and buffers a program runs with. */
export interface StateOwner {
  namedState(): Iterable<readonly [string, Stored]>;
}

interface CompiledParts {
  readonly owner: StateOwner;
  readonly session: Session;
  readonly executable: Executable;
  readonly structure: OutputStructure;
  readonly report: Report;
  readonly tuningRecords: TuningRecords | undefined;
  /** Programs for runs that replace defaults of an imported model. */
  readonly variants?: Variants<Compiled> | undefined;
}

/** What a network returns, with every tensor left on the device. */
export type OnDevice<Result> = Result extends HostTensor
  ? DeviceTensor
  : { [Key in keyof Result]: OnDevice<Result[Key]> };

/**
 * What `forward` returns as `run` gives it: for each traced tensor one on the host, of f32 as far as types can tell.
 * Of a `forward` whose type says nothing, one tensor.
 */
export type Results<Returned> = unknown extends Returned
  ? HostTensor<"f32">
  : Returned extends Tensor
    ? HostTensor<"f32">
    : { [Key in keyof Returned]: Results<Returned[Key]> };

/** A compiled network; `Result` is what a run gives. */
export class Compiled<Result = HostTensor<"f32">> {
  readonly #parts: CompiledParts;
  #lastProfile: readonly DispatchTiming[] = [];

  /** @internal */
  constructor(parts: CompiledParts) {
    this.#parts = parts;
  }

  /** The device that runs it. */
  get device(): Device {
    return this.#parts.session.device;
  }

  /** The kernels in order of first launch; those that only prepare weights have 0 launches and come last. */
  get kernels(): readonly CompiledKernelInfo[] {
    const { executable } = this.#parts;
    const launched = executable.run.flatMap((command) =>
      command.kind === "dispatch" ? [command.kernel] : [],
    );
    const order = [...new Set([...launched, ...executable.kernels.keys()])];
    return order.map((kernel) => {
      const { name, language, source } = executable.kernels[kernel]!;
      return { name, language, source, launches: launched.filter((item) => item === kernel).length };
    });
  }

  /** Dispatches in one run. */
  get launches(): number {
    return this.#parts.executable.run.filter((command) => command.kind === "dispatch").length;
  }

  /** The program as pure data: kernels, buffers, commands. */
  get executable(): Executable {
    return this.#parts.executable;
  }

  /** Times of the last run that was profiled, in order of dispatch. */
  get lastProfile(): readonly DispatchTiming[] {
    return this.#lastProfile;
  }

  /**
   * Runs the network. Takes as many tensors as it was compiled for, from the host or (as DeviceTensor) from
   * the same device, or one object of them by name, then options. Returns what `forward` returned: a tensor, an array
   * or an object of them; for an imported model its outputs by name. With `keepOnDevice` they are DeviceTensors.
   * What an imported model has a default for may be given, too, by name; the first such run compiles a program for it.
   * May be called again before an earlier call has finished. The type parameter says what to expect where that is more
   * than types can tell, such as another dtype: `run<HostTensor<"i32">>(x)`.
   *
   * @throws UserError for wrong shapes or dtypes, after dispose(), or when the device is lost
   */
  run<Returned = OnDevice<Result>>(
    ...inputs: readonly [...RunInput[], RunOptions & { readonly keepOnDevice: true }]
  ): Promise<Returned>;
  run<Returned = Result>(
    ...inputs:
      | readonly RunInput[]
      | readonly [...RunInput[], (RunOptions & { readonly keepOnDevice?: false }) | undefined]
  ): Promise<Returned>;
  run<Returned = Result | OnDevice<Result>>(
    ...inputs: readonly [...RunInput[], RunOptions | undefined]
  ): Promise<Returned>;
  async run(...args: readonly (RunInput | RunOptions | undefined)[]): Promise<unknown> {
    const { session, structure, variants } = this.#parts;
    const replaced = isNamedInputs(args[0]) ? variants?.replacedBy(Object.keys(args[0])) : undefined;
    if (replaced !== undefined && replaced.length > 0) {
      session.checkUsable();
      const variant = await variants!.program(replaced);
      const results = await variant.run<unknown>(
        ...(args as readonly [...RunInput[], RunOptions | undefined]),
      );
      this.#lastProfile = variant.lastProfile;
      return results;
    }
    const { inputs, options } = this.#readArguments(args);
    const profile = options?.profile === true || options?.onProfile !== undefined;
    const { outputs, timings } = await session.run(inputs, { ...options, profile });
    if (profile) {
      this.#lastProfile = timings;
      options?.onProfile?.(timings);
    }
    return restore(structure, outputs);
  }

  /** Tensors in order, or one object of them by name; then, perhaps, options. */
  #readArguments(args: readonly unknown[]): {
    inputs: readonly RunTensor[];
    options: RunOptions | undefined;
  } {
    const expected = this.#parts.executable.inputs.length;
    const isNamed = isNamedInputs(args[0]);
    const count = isNamed ? 1 : expected;
    const hasOptions = args.length === count + 1 && !isTensor(args[count]);
    const options = hasOptions ? (args[count] as RunOptions | undefined) : undefined;
    checkOptions<RunOptions>("run", options, {
      keepOnDevice: "boolean",
      profile: "boolean",
      onProfile: "function",
      signal: "any",
    });
    if (isNamed) return { inputs: this.#inOrder(args[0] as NamedInputs), options };
    const inputs = hasOptions ? args.slice(0, count) : args;
    inputs.forEach((input, i) => {
      if (!isTensor(input)) {
        throw new UserError(
          "argument",
          `run: input ${i} is not a tensor; pass tensor(data, shape) or a result that stayed on the device. Expected ${expected} input(s).`,
        );
      }
    });
    return { inputs: inputs as readonly RunTensor[], options };
  }

  /** Named inputs in the order of the program's. */
  #inOrder(named: NamedInputs): readonly RunTensor[] {
    const expected = this.#parts.executable.inputs.map((input) => input.name);
    const known = new Set(expected);
    const unknown = Object.keys(named).filter((name) => !known.has(name));
    const missing = expected.filter((name) => !Object.hasOwn(named, name));
    if (unknown.length + missing.length > 0) {
      throw new UserError(
        "argument",
        `run: inputs are ${expected.join(", ")};${missing.length > 0 ? ` missing: ${missing.join(", ")};` : ""}${unknown.length > 0 ? ` unknown: ${unknown.join(", ")};` : ""} pass one tensor for each name.`,
      );
    }
    return expected.map((name) => named[name]!);
  }

  /** Everything the compiler did and why. `String(report)` is meant for people. */
  report(): Report {
    return this.#parts.report;
  }

  /** The records it was compiled with, what was measured for it among them; undefined without tuning. */
  get tuningRecords(): TuningRecords | undefined {
    return this.#parts.tuningRecords;
  }

  /** Parameters and running statistics as they are on the device now, under PyTorch's names and dtypes. */
  async stateDict(): Promise<StateDict> {
    const { owner, session } = this.#parts;
    const onDevice = await session.readState(owner.namedState());
    const entries = Array.from(owner.namedState(), ([name, stored]) => {
      const value = onDevice.get(name);
      if (value === undefined) return [name, stored.value] as const;
      const data = convertArray(value.data, stored.dtype, value.dtype);
      return [name, { dtype: stored.dtype, shape: stored.shape, data }] as const;
    });
    return Object.fromEntries(entries) as StateDict;
  }

  /** Frees the device memory. The shared device stays open. */
  dispose(): void {
    this.#parts.variants?.dispose();
    this.#parts.session.dispose();
  }

  /** `await using compiled = …` frees the device memory at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}

type RunTensor = HostTensor | DeviceTensor;
type NamedInputs = Readonly<Record<string, RunTensor>>;
/** A tensor that `forward` takes, or all inputs by name. */
export type RunInput = RunTensor | NamedInputs;

/** A plain object of tensors by name. */
function isNamedInputs(value: unknown): value is NamedInputs {
  if (typeof value !== "object" || value === null || isTensor(value)) return false;
  const entries = Object.values(value);
  return entries.length > 0 && entries.every(isTensor);
}

function isTensor(value: unknown): value is HostTensor | DeviceTensor {
  return value instanceof DeviceTensor || isHostTensor(value);
}

/** Whole numbers of 64 bits from their words. */
function joined(low: unknown, high: unknown): HostTensor {
  if (isHostTensor(low) && isHostTensor(high)) return joinWords(low, high);
  throw new UserError(
    "unsupported",
    "run: a result of int64 is computed in two words, which do not stay on the device as one tensor. Run without keepOnDevice.",
  );
}

function restore(structure: OutputStructure, outputs: readonly unknown[]): unknown {
  switch (structure.kind) {
    case "tensor":
      return outputs[structure.output];
    case "int64":
      return joined(outputs[structure.low], outputs[structure.high]);
    case "array":
      return structure.items.map((item) => restore(item, outputs));
    case "object":
      return Object.fromEntries(
        Object.entries(structure.entries).map(([key, item]) => [key, restore(item, outputs)]),
      );
    default:
      return structure satisfies never;
  }
}
