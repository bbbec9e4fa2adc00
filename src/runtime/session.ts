/**
 * A session: an executable loaded on a device. It owns the buffers, prepares weights when their versions
 * change, and runs. Each run enqueues its writes, one submission and its reads without waiting in between, so
 * runs may overlap freely.
 */
import type { Executable, InterfaceTensor, PlanCommand } from "../codegen/executable.ts";
import { deviceBytes } from "../codegen/device-bytes.ts";
import { UserError } from "../errors.ts";
import type { DType } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { checkElementCount } from "../ir/host-tensor.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { graphTensor } from "../ir/trace.ts";
import type {
  Command,
  CommandList,
  CompiledKernel,
  CompileProgress,
  Device,
  DeviceBuffer,
  DispatchTiming,
} from "./device.ts";
import { DeviceTensor, readTensor } from "./device-tensor.ts";
import {
  acquireParameter,
  findParameter,
  releaseParameter,
  type DeviceParameter,
} from "./parameter-store.ts";

export interface SessionRunOptions {
  /** Leave results on the device; they are DeviceTensors then, and the caller disposes them. */
  readonly keepOnDevice?: boolean;
  /** Time every dispatch on the device. */
  readonly profile?: boolean;
}

export interface SessionRun {
  readonly outputs: readonly (HostTensor<DType> | DeviceTensor)[];
  readonly timings: readonly DispatchTiming[];
}

export class Session {
  readonly #device: Device;
  readonly #executable: Executable;
  readonly #kernels: readonly CompiledKernel[];
  readonly #stored: ReadonlyMap<string, Stored>;
  readonly #parameters: { readonly tensor: InterfaceTensor; readonly parameter: DeviceParameter }[] = [];
  /** State that runs write. */
  readonly #updated = new Set<DeviceParameter>();
  /** Buffers by plan number; undefined for scratch of `prepare`, which lives only while that runs. */
  readonly #buffers: (DeviceBuffer | undefined)[];
  readonly #owned: DeviceBuffer[] = [];
  #replay: CommandList | undefined;
  /** Versions that `prepare` last ran for; undefined before it ever did. */
  #preparedVersions: readonly number[] | undefined;
  /** The last submission of `prepare`; runs wait for it, so that its failure is theirs. */
  #preparing: Promise<unknown> = Promise.resolve();
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
  }

  /** Compiles the executable's kernels on the device, allocates its buffers, uploads and prepares. */
  static async load(
    device: Device,
    executable: Executable,
    stored: ReadonlyMap<string, Stored>,
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<Session> {
    const kernels = await device.compile(executable.kernels, onProgress);
    const session = new Session(device, executable, kernels, stored);
    try {
      session.#allocate();
      session.#refresh();
      session.#replay = device.record(session.#commands(executable.run, session.#buffers));
      await Promise.all([session.#preparing, device.finish()]);
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
    inputs: readonly (HostTensor | DeviceTensor)[],
    options: SessionRunOptions = {},
  ): Promise<SessionRun> {
    this.#checkUsable();
    this.#checkInputs(inputs);
    this.#refresh();
    const bound = this.#bind(inputs, options.keepOnDevice === true);
    try {
      const submitted = this.#device.submit(bound.list, { profile: options.profile === true });
      for (const parameter of this.#updated) parameter.markWritten();
      const results = this.#executable.outputs.map((tensor, i): Promise<HostTensor<DType>> | DeviceTensor =>
        options.keepOnDevice
          ? new DeviceTensor(this.#device, bound.outputs[i]!, tensor.dtype, tensor.shape)
          : readTensor(this.#device, bound.outputs[i]!, tensor.dtype, tensor.shape),
      );
      const [timings, , ...outputs] = await Promise.all([submitted, this.#preparing, ...results]);
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
  ): Promise<ReadonlyMap<string, HostTensor<DType>>> {
    this.#checkUsable();
    this.#refresh();
    const held = new Map<string, DeviceParameter>();
    for (const { tensor, parameter } of this.#parameters) held.set(tensor.name, parameter);
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
    for (const buffer of this.#owned) buffer.destroy();
    for (const { tensor } of this.#parameters) releaseParameter(this.#device, this.#stored.get(tensor.name)!);
  }

  /** Whatever fails on the way is given back by `dispose`. */
  #allocate(): void {
    const executable = this.#executable;
    const updated = new Set(executable.state.filter((tensor) => tensor.updated).map((tensor) => tensor.name));
    for (const tensor of [...executable.parameters, ...executable.state]) {
      const parameter = acquireParameter(this.#device, this.#stored.get(tensor.name)!, tensor.name);
      this.#parameters.push({ tensor, parameter });
      this.#buffers[tensor.buffer] = parameter.buffer;
      if (updated.has(tensor.name)) this.#updated.add(parameter);
    }
    const scratch = prepareScratch(executable);
    executable.buffers.forEach((buffer, i) => {
      if (this.#buffers[i] !== undefined || scratch.has(i)) return;
      const allocated = this.#device.allocate(buffer.sizeBytes, `${executable.name}.${buffer.name}`);
      this.#buffers[i] = allocated;
      this.#owned.push(allocated);
    });
    for (const { buffer, data } of executable.constants) {
      if (data.byteLength > 0) this.#device.write(this.#buffers[buffer]!, data);
    }
  }

  /** Brings parameters up to date, and prepared weights where any of them changed. */
  #refresh(): void {
    for (const { parameter } of this.#parameters) parameter.refresh();
    const watched = this.#parameters
      .filter(({ parameter }) => !this.#updated.has(parameter))
      .map(({ parameter }) => parameter.version);
    if (this.#preparedVersions?.every((version, i) => version === watched[i])) return;
    if (this.#executable.prepare.length > 0) this.#prepare();
    this.#preparedVersions = watched;
  }

  #prepare(): void {
    const buffers = [...this.#buffers];
    const temporary: DeviceBuffer[] = [];
    try {
      for (const i of prepareScratch(this.#executable)) {
        const { sizeBytes, name } = this.#executable.buffers[i]!;
        temporary.push((buffers[i] = this.#device.allocate(sizeBytes, name)));
      }
      const list = this.#device.record(this.#commands(this.#executable.prepare, buffers));
      // Queues are in order: what follows sees the prepared weights.
      this.#preparing = this.#device.submit(list).catch((error: unknown) => {
        this.#preparedVersions = undefined;
        throw error;
      });
      // Whoever waits for it gets the error, too; this only keeps Node from calling it unhandled before.
      this.#preparing.catch(() => undefined);
      list.dispose();
    } finally {
      for (const buffer of temporary) buffer.destroy();
    }
  }

  /** The command list for these inputs: the recorded one unless tensors come from or stay on the device. */
  #bind(inputs: readonly (HostTensor | DeviceTensor)[], keep: boolean) {
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
        allocated.push((buffers[tensor.buffer] = this.#device.allocate(sizeBytes, name)));
      }
      const list = oneTime ? this.#device.record(this.#commands(executable.run, buffers)) : this.#replay!;
      const outputs = executable.outputs.map((tensor) => buffers[tensor.buffer]!);
      return { list, outputs, allocated, oneTime };
    } catch (error) {
      for (const buffer of allocated) buffer.destroy();
      throw error;
    }
  }

  #commands(plan: readonly PlanCommand[], buffers: readonly (DeviceBuffer | undefined)[]): Command[] {
    return plan.map((command) =>
      command.kind === "dispatch"
        ? {
            kind: "dispatch",
            kernel: this.#kernels[command.kernel]!,
            buffers: command.buffers.map((i) => buffers[i]!),
          }
        : {
            kind: "copy",
            source: buffers[command.source]!,
            destination: buffers[command.destination]!,
            sizeBytes: command.sizeBytes,
          },
    );
  }

  #checkUsable(): void {
    if (this.#disposed) {
      throw new UserError("disposed", "run: this compiled network was disposed. Call compile() again.");
    }
  }

  #checkInputs(inputs: readonly (HostTensor | DeviceTensor)[]): void {
    const expected = this.#executable.inputs;
    if (inputs.length !== expected.length) {
      throw new UserError(
        "argument",
        `run: expected ${expected.length} input(s) (${expected.map((tensor) => tensor.name).join(", ")}), got ${inputs.length}.`,
      );
    }
    expected.forEach((tensor, i) => {
      const value = inputs[i]!;
      const dtype = value.dtype === "i64" ? "i32" : value.dtype;
      if (!sameShape(value.shape, tensor.shape) || dtype !== tensor.dtype) {
        throw new UserError(
          dtype === tensor.dtype ? "shape" : "dtype",
          `run: input '${tensor.name}' is ${value.dtype}${formatShape(value.shape)}, but the network was compiled for ${tensor.dtype}${formatShape(tensor.shape)}. Compile again for other shapes.`,
        );
      }
      if (!(value instanceof DeviceTensor)) {
        checkElementCount(value, `run: input '${tensor.name}'`);
      } else if (value.device !== this.#device) {
        const [theirs, ours] = [value.device.name, this.#device.name];
        const where = theirs === ours ? `another opening of ${ours}` : theirs;
        throw new UserError(
          "argument",
          `run: input '${tensor.name}' lives on ${where}, the network on ${ours}. Read it to the host first.`,
        );
      }
    });
  }
}

/** Slots that only `prepare` touches. */
function prepareScratch(executable: Executable): ReadonlySet<number> {
  const touched = (commands: readonly PlanCommand[]) =>
    new Set(
      commands.flatMap((command) =>
        command.kind === "dispatch" ? command.buffers : [command.source, command.destination],
      ),
    );
  const inRun = touched(executable.run);
  return new Set(
    [...touched(executable.prepare)].filter((i) => executable.buffers[i]!.kind === "slot" && !inRun.has(i)),
  );
}
