/**
 * Runs an executable's `prepare` whenever parameters changed: batch by batch, each with the raw weights, the scratch
 * and, the first time, the kernels that it needs, which come to the device for it and go again.
 */
import type { Executable } from "../codegen/executable.ts";
import type { CompiledKernel, Device, DeviceBuffer } from "./device.ts";
import type { DeviceParameter } from "./parameter-store.ts";
import type { TakePrepared } from "./prepared-file.ts";
import { PassingMemory } from "./passing-memory.ts";
import { buffersUsedBy, kernelsUsedBy, prepareBatches, type PrepareBatch } from "./prepare-batches.ts";
import { commandsOf } from "./plan-commands.ts";

/** Raw weights and scratch on the device at a time, unless one kernel needs more. */
const batchBytes = 2 ** 20;

export interface PreparationParts {
  readonly device: Device;
  readonly executable: Executable;
  readonly kernels: readonly CompiledKernel[];
  /** Parameters and state by the number of their buffer. */
  readonly parameters: ReadonlyMap<number, DeviceParameter>;
  /** State that runs write: no reason to prepare again. */
  readonly updated: ReadonlySet<DeviceParameter>;
  /** A buffer that stays. */
  readonly keep: (buffer: number) => DeviceBuffer;
}

export class Preparation {
  readonly #parts: PreparationParts;
  readonly #batches: readonly PrepareBatch[];
  readonly #passing: ReadonlySet<number>;
  /** Versions it last ran for; undefined before it ever did. */
  #versions: readonly number[] | undefined;
  #done: Promise<unknown> = Promise.resolve();

  constructor(parts: PreparationParts) {
    this.#parts = parts;
    this.#batches = prepareBatches(parts.executable, batchBytes);
    this.#passing = new Set(this.#batches.flatMap((batch) => batch.opens));
  }

  /** Buffers that are there only while it works. */
  get passing(): ReadonlySet<number> {
    return this.#passing;
  }

  /** The last submissions; runs wait for them, so that their failure is the run's. */
  get done(): Promise<unknown> {
    return this.#done;
  }

  /**
   * Brings parameters up to date, and prepared weights where any of them changed. Everything is only enqueued.
   * Kernels are loaded now if they are not, and stay: whoever changed a parameter once will do so again.
   */
  refresh(): void {
    const versions = this.#refreshParameters();
    if (this.#versions?.every((version, i) => version === versions[i])) return;
    this.#versions = undefined;
    const submissions: Promise<unknown>[] = [];
    for (const submission of this.#steps(this.#batches)) submissions.push(submission);
    // Queues are in order: what follows sees the prepared weights.
    this.#done = quietly(
      Promise.all(submissions).catch((error: unknown) => {
        this.#versions = undefined;
        throw error;
      }),
    );
    this.#versions = versions;
  }

  /** Whoever calls this has brought what `refresh` would compute. */
  skip(): void {
    this.#versions = this.#refreshParameters();
  }

  /**
   * As `refresh`, but memory is bounded: each batch is waited for, so that its weights and kernels are gone before
   * the next one's are needed.
   * @param take takes prepared weights elsewhere; they are not kept here then, so the next `refresh` makes them anew
   *   unless `skip` is called
   */
  async refreshAndWait(take?: TakePrepared): Promise<void> {
    const { device, kernels, executable } = this.#parts;
    const versions = this.#refreshParameters();
    this.#versions = undefined;
    const batches = take === undefined ? this.#batches : prepareBatches(executable, batchBytes, true);
    const inRun = kernelsUsedBy(executable.run);
    const used = batches.map((batch) => [...kernelsUsedBy(batch.commands)]);
    const last = new Map(used.flatMap((numbers, i) => numbers.map((number) => [number, i] as const)));
    const load = async (i: number): Promise<void> => {
      for (const number of used[i] ?? []) await kernels[number]!.load?.("once");
    };
    await load(0);
    let i = 0;
    for (const submission of this.#steps(batches, take)) {
      await Promise.all([submission, device.finish(), load(i + 1)]);
      for (const number of used[i]!)
        if (last.get(number) === i && !inRun.has(number)) kernels[number]!.unload?.();
      i++;
    }
    if (take === undefined) this.#versions = versions;
  }

  /** The versions of what prepared weights are made of, now that parameters are up to date. */
  #refreshParameters(): readonly number[] {
    const { parameters, updated } = this.#parts;
    for (const parameter of parameters.values()) parameter.refresh();
    return [...parameters.values()]
      .filter((parameter) => !updated.has(parameter))
      .map((parameter) => parameter.version);
  }

  /** Enqueues a batch a step, and lets go of what it was the last to use when the next step is asked for. */
  *#steps(batches: readonly PrepareBatch[], take?: TakePrepared): Generator<Promise<unknown>> {
    const memory = new PassingMemory(this.#parts.device);
    /** What takes away each buffer that is there for a while. */
    const open = new Map<number, () => void>();
    const buffers: DeviceBuffer[] = [];
    const { buffers: planned } = this.#parts.executable;
    try {
      for (const batch of batches) {
        yield this.#enqueue(batch, buffers, open, memory);
        for (const i of batch.closes) {
          if (planned[i]!.kind === "prepared") take?.(i, buffers[i]!);
          open.get(i)!();
          open.delete(i);
        }
      }
    } finally {
      for (const close of open.values()) close();
      memory.dispose();
    }
  }

  #enqueue(
    batch: PrepareBatch,
    buffers: DeviceBuffer[],
    open: Map<number, () => void>,
    memory: PassingMemory,
  ): Promise<unknown> {
    const { device, kernels, keep } = this.#parts;
    const opens = new Set(batch.opens);
    // What stays is allocated first, so that it takes the places of what an earlier batch left.
    for (const i of buffersUsedBy(batch.commands)) if (!open.has(i) && !opens.has(i)) buffers[i] = keep(i);
    for (const i of opens) {
      const { buffer, close } = this.#bring(i, memory);
      buffers[i] = buffer;
      open.set(i, close);
    }
    const list = device.record(commandsOf(batch.commands, kernels, buffers));
    const submission = quietly(device.submit(list));
    list.dispose();
    return submission;
  }

  /** A buffer for a while: a parameter with its value, or scratch. */
  #bring(i: number, memory: PassingMemory): { readonly buffer: DeviceBuffer; readonly close: () => void } {
    const { parameters, executable } = this.#parts;
    const parameter = parameters.get(i);
    if (parameter !== undefined) return { buffer: parameter.hold(memory), close: () => parameter.letGo() };
    const { sizeBytes, name } = executable.buffers[i]!;
    const buffer = memory.take(sizeBytes, name);
    return { buffer, close: () => memory.giveBack(buffer) };
  }
}

/** Whoever waits for it gets the error, too; this only keeps Node from calling it unhandled before. */
function quietly<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}
