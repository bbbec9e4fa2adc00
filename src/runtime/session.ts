/**
 * A session: an executable loaded on a device. It owns the buffers, prepares weights when their versions
 * change, and runs. Each run enqueues its writes, one submission and its reads without waiting in between, so
 * runs may overlap freely.
 */
import type { Executable, InterfaceTensor, PlanBuffer } from "../codegen/executable.ts";
import { deviceBytes } from "../codegen/device-bytes.ts";
import { UserError } from "../errors.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { expectInRange } from "../ir/run-check.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { graphTensor } from "../ir/trace.ts";
import type {
  CommandList,
  CompiledKernel,
  CompileProgress,
  Device,
  DeviceBuffer,
  DispatchTiming,
} from "./device.ts";
import { DeviceTensor, readTensor, SharedMemory } from "./device-tensor.ts";
import { unlessAborted } from "./event-loop.ts";
import {
  acquireParameter,
  findParameter,
  releaseParameter,
  type DeviceParameter,
} from "./parameter-store.ts";
import { commandsOf } from "./plan-commands.ts";
import { Preparation } from "./preparation.ts";
import { PreparedFile } from "./prepared-file.ts";
import { buffersUsedBy, kernelsUsedBy } from "./prepare-batches.ts";
import { readInputs } from "./read-inputs.ts";
import { ResultPool } from "./result-pool.ts";
import { RunQueue, type Ticket } from "./run-queue.ts";

export interface SessionOptions {
  readonly onProgress?: ((progress: CompileProgress) => void) | undefined;
  /** Stops the loading where it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** The weights are a file's, hence the same the next time: what is made of them may be kept in a file, too. */
  readonly weightsFromFile?: boolean;
}

export interface SessionRunOptions {
  /** Leave results on the device; they are DeviceTensors then, and the caller disposes them. */
  readonly keepOnDevice?: boolean;
  /** Time every dispatch on the device. */
  readonly profile?: boolean;
  /** Where it is aborted, a run that waits for earlier ones does not start, and its promise rejects with the reason. */
  readonly signal?: AbortSignal;
}

export interface SessionRun {
  readonly outputs: readonly (HostTensor | DeviceTensor)[];
  readonly timings: readonly DispatchTiming[];
}

/** A run with its buffers: what is submitted, where results lie, and what is its own. */
interface BoundRun {
  readonly list: CommandList;
  readonly outputs: readonly DeviceBuffer[];
  readonly allocated: readonly DeviceBuffer[];
  readonly oneTime: boolean;
}

function copyOf(value: HostTensor | DeviceTensor): HostTensor | DeviceTensor {
  if (value instanceof DeviceTensor) return value.shared();
  return { ...value, data: value.data.slice() } as HostTensor;
}

export class Session {
  readonly #device: Device;
  readonly #executable: Executable;
  readonly #kernels: readonly CompiledKernel[];
  readonly #stored: ReadonlyMap<string, Stored>;
  /** Parameters and state by the number of their buffer. */
  readonly #parameters = new Map<number, DeviceParameter>();
  /** Those that runs use; they stay on the device. */
  readonly #held: DeviceParameter[] = [];
  /** State that runs write. */
  readonly #updated = new Set<DeviceParameter>();
  readonly #preparation: Preparation;
  /** Buffers by plan number; undefined for those that only `prepare` uses and that come and go with it. */
  readonly #buffers: (DeviceBuffer | undefined)[];
  readonly #owned: DeviceBuffer[] = [];
  #replay: CommandList | undefined;
  readonly #queue: RunQueue;
  readonly #pool: ResultPool;
  #disposed = false;

  private constructor(
    device: Device,
    executable: Executable,
    kernels: readonly CompiledKernel[],
    stored: ReadonlyMap<string, Stored>,
  ) {
    this.#device = device;
    this.#executable = executable;
    this.#kernels = kernels;
    this.#stored = stored;
    this.#buffers = new Array<DeviceBuffer | undefined>(executable.buffers.length);
    this.#queue = new RunQueue(() => device.finish());
    this.#pool = new ResultPool(device);
    this.#preparation = new Preparation({
      device,
      executable,
      kernels,
      parameters: this.#parameters,
      updated: this.#updated,
      keep: (buffer) => this.#kept(buffer),
    });
  }

  /** Compiles the executable's kernels on the device, allocates its buffers, uploads and prepares. */
  static async load(
    device: Device,
    executable: Executable,
    stored: ReadonlyMap<string, Stored>,
    options: SessionOptions = {},
  ): Promise<Session> {
    const { signal } = options;
    // A signal stops what is not compiled yet.
    const onProgress = (progress: CompileProgress): void => {
      signal?.throwIfAborted();
      options.onProgress?.(progress);
    };
    const kernels = await unlessAborted(device.compile(executable.kernels, onProgress), signal);
    const session = new Session(device, executable, kernels, stored);
    try {
      session.#allocate();
      await session.#makeReady(options.weightsFromFile === true);
      signal?.throwIfAborted();
      session.#keepAll();
      session.#replay = device.record(commandsOf(executable.run, kernels, session.#buffers));
      await Promise.all([session.#preparation.done, device.finish()]);
    } catch (error) {
      session.dispose();
      throw error;
    }
    return session;
  }

  get device(): Device {
    return this.#device;
  }

  /** Bytes this session holds on the device, parameters included. */
  get allocatedBytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + (buffer?.sizeBytes ?? 0), 0);
  }

  async run(
    given: readonly (HostTensor | DeviceTensor)[],
    options: SessionRunOptions = {},
  ): Promise<SessionRun> {
    this.checkUsable();
    const inputs = readInputs(given, this.#executable.inputs, this.#device);
    const turn = this.#queue.enter(this.#bytesOf(inputs, options), options.signal);
    if (!(turn instanceof Promise)) return this.#start(turn, inputs, options);
    // The caller may write to its arrays, and dispose of its tensors, before this run has its turn.
    const kept = inputs.map(copyOf);
    try {
      return await this.#start(await turn, kept, options);
    } finally {
      for (const value of kept) if (value instanceof DeviceTensor) value.dispose();
    }
  }

  #resultOn(buffer: DeviceBuffer, { declared, dtype, shape }: InterfaceTensor): DeviceTensor {
    const memory = new SharedMemory(buffer, (free) => this.#pool.giveBack(free));
    return new DeviceTensor(this.#device, memory, declared ?? dtype, shape);
  }

  /** What a run takes of the device until it is done: inputs on their way, and results that stay. */
  #bytesOf(
    inputs: readonly (HostTensor | DeviceTensor)[],
    { keepOnDevice = false }: SessionRunOptions,
  ): number {
    const { buffers, outputs } = this.#executable;
    const written = inputs.reduce(
      (sum, value) => sum + (value instanceof DeviceTensor ? 0 : value.data.byteLength),
      0,
    );
    return outputs.reduce(
      (sum, { buffer }) => sum + (keepOnDevice ? buffers[buffer]!.sizeBytes : 0),
      written,
    );
  }

  /** Enqueues a run before anything is awaited. */
  #start(
    ticket: Ticket,
    inputs: readonly (HostTensor | DeviceTensor)[],
    options: SessionRunOptions,
  ): Promise<SessionRun> {
    try {
      this.checkUsable();
      this.#preparation.refresh();
      const running = this.#finishRun(this.#bind(inputs, options.keepOnDevice === true), options);
      this.#queue.started(ticket, options.keepOnDevice === true ? undefined : running);
      return running;
    } catch (error) {
      this.#queue.release(ticket);
      throw error;
    }
  }

  async #finishRun(bound: BoundRun, options: SessionRunOptions): Promise<SessionRun> {
    try {
      const submitted = this.#device.submit(bound.list, { profile: options.profile === true });
      for (const parameter of this.#updated) parameter.markWritten();
      const { outputs: all, checks = [] } = this.#executable;
      const last = all.length - 1;
      const read = ({ declared, dtype, shape }: InterfaceTensor, i: number): Promise<HostTensor> =>
        readTensor(this.#device, bound.outputs[i]!, declared ?? dtype, shape);
      const returned = checks.length === 0 ? all : all.slice(0, last);
      const results = returned.map((tensor, i): Promise<HostTensor> | DeviceTensor =>
        options.keepOnDevice ? this.#resultOn(bound.outputs[i]!, tensor) : read(tensor, i),
      );
      const found = checks.length === 0 ? undefined : read(all[last]!, last);
      const [timings, , checked, ...outputs] = await Promise.all([
        submitted,
        this.#preparation.done,
        found,
        ...results,
      ]);
      if (checked !== undefined) {
        expectInRange(checked.data as Int32Array, checks);
        if (options.keepOnDevice) this.#pool.giveBack(bound.outputs[last]!);
      }
      return { outputs, timings };
    } catch (error) {
      for (const buffer of bound.allocated) buffer.destroy();
      throw error;
    } finally {
      if (bound.oneTime) bound.list.dispose();
    }
  }

  /**
   * Parameters and state as they are on the device, by name: those of this program and, of `others`, those
   * that other programs on the device hold. What is on no device is left out.
   */
  async readState(
    others: Iterable<readonly [string, Stored]> = [],
  ): Promise<ReadonlyMap<string, HostTensor>> {
    this.checkUsable();
    this.#preparation.refresh();
    const held = new Map<string, DeviceParameter>();
    for (const { name, buffer } of this.#interface()) held.set(name, this.#parameters.get(buffer)!);
    for (const [name, stored] of others) {
      const parameter = findParameter(this.#device, stored);
      parameter?.refresh();
      if (parameter !== undefined) held.set(name, parameter);
    }
    const entries = [...held].map(async ([name, parameter]) => [name, await parameter.read()] as const);
    return new Map(await Promise.all(entries));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#replay?.dispose();
    this.#pool.dispose();
    for (const buffer of this.#owned) buffer.destroy();
    for (const parameter of this.#held) parameter.letGo();
    for (const { name, buffer } of this.#interface())
      if (this.#parameters.has(buffer)) releaseParameter(this.#device, this.#stored.get(name)!);
  }

  /** Those that runs use, one after the other: drivers that take long load one at a time in any case. */
  async #loadKernels(): Promise<void> {
    for (const number of kernelsUsedBy(this.#executable.run)) await this.#kernels[number]!.load?.("often");
  }

  /** Loads what runs use and prepares weights, or takes prepared ones from a file. */
  async #makeReady(weightsFromFile: boolean): Promise<void> {
    const parts = { device: this.#device, executable: this.#executable, parameters: this.#parameters };
    const file = weightsFromFile ? await PreparedFile.for(parts) : undefined;
    if (file === undefined) {
      await Promise.all([this.#loadKernels(), this.#preparation.refreshAndWait()]);
      return;
    }
    const keep = (mapped: ReadonlyMap<number, DeviceBuffer> | undefined): boolean => {
      for (const [i, buffer] of mapped ?? []) this.#owned.push((this.#buffers[i] = buffer));
      return mapped !== undefined;
    };
    const found = await file.find();
    const [isMapped] = found ? await Promise.all([file.load(found).then(keep), this.#loadKernels()]) : [];
    if (isMapped || keep(await file.store((take) => this.#preparation.refreshAndWait(take))))
      this.#preparation.skip();
    else await this.#preparation.refreshAndWait();
    // Those that are not loaded yet: only now, as what preparing leaves behind in the driver serves them.
    await this.#loadKernels();
  }

  #interface(): readonly InterfaceTensor[] {
    return [...this.#executable.parameters, ...this.#executable.state];
  }

  /** Whatever fails on the way is given back by `dispose`. */
  #allocate(): void {
    const executable = this.#executable;
    const inRun = buffersUsedBy(executable.run);
    const updated = new Set(executable.state.filter((tensor) => tensor.updated).map((tensor) => tensor.name));
    for (const { name, buffer } of this.#interface()) {
      const parameter = acquireParameter(this.#device, this.#stored.get(name)!, name);
      this.#parameters.set(buffer, parameter);
      if (inRun.has(buffer)) {
        this.#buffers[buffer] = parameter.hold();
        this.#held.push(parameter);
      }
      if (updated.has(name)) this.#updated.add(parameter);
    }
    // Prepared weights get theirs when they are made: what lies raw beside the first of them is gone by then.
    this.#keepAll((kind) => kind !== "prepared");
    for (const { buffer, data } of executable.constants) {
      if (data.byteLength > 0) this.#device.write(this.#buffers[buffer]!, data);
    }
  }

  /** Allocates the buffers of these kinds that stay. Parameters and state have theirs where runs use them. */
  #keepAll(isWanted: (kind: PlanBuffer["kind"]) => boolean = () => true): void {
    this.#executable.buffers.forEach(({ kind }, i) => {
      const passes = this.#preparation.passing.has(i) || kind === "parameter" || kind === "state";
      if (isWanted(kind) && !passes) this.#kept(i);
    });
  }

  /** A buffer that stays; allocated when it is first asked for. */
  #kept(i: number): DeviceBuffer {
    const known = this.#buffers[i];
    if (known !== undefined) return known;
    const { sizeBytes, name, kind } = this.#executable.buffers[i]!;
    const label = `${this.#executable.name}.${name}`;
    const allocated = this.#device.allocate(sizeBytes, label, { input: kind === "input" });
    this.#owned.push(allocated);
    return (this.#buffers[i] = allocated);
  }

  /** The command list for these inputs: the recorded one unless tensors come from or stay on the device. */
  #bind(inputs: readonly (HostTensor | DeviceTensor)[], keep: boolean): BoundRun {
    const executable = this.#executable;
    const buffers = [...this.#buffers];
    executable.inputs.forEach((tensor, i) => {
      const value = inputs[i]!;
      if (value instanceof DeviceTensor) {
        buffers[tensor.buffer] = value.buffer;
      } else {
        const bytes = deviceBytes(graphTensor(value, tensor.name));
        if (bytes.byteLength > 0) this.#device.write(buffers[tensor.buffer]!, bytes);
      }
    });
    const oneTime = keep || inputs.some((value) => value instanceof DeviceTensor);
    const allocated: DeviceBuffer[] = [];
    try {
      for (const tensor of keep ? executable.outputs : []) {
        const { sizeBytes, name } = executable.buffers[tensor.buffer]!;
        allocated.push((buffers[tensor.buffer] = this.#pool.take(sizeBytes, name)));
      }
      const list = oneTime
        ? this.#device.record(commandsOf(executable.run, this.#kernels, buffers))
        : this.#replay!;
      const outputs = executable.outputs.map((tensor) => buffers[tensor.buffer]!);
      return { list, outputs, allocated, oneTime };
    } catch (error) {
      for (const buffer of allocated) buffer.destroy();
      throw error;
    }
  }

  /** @throws UserError (`disposed`) */
  checkUsable(): void {
    if (this.#disposed) {
      throw new UserError("disposed", "run: this compiled network was disposed. Call compile() again.");
    }
  }
}
