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
import { formatShape, sameShape } from "../ir/shape.ts";
import type { Stored } from "../ir/stored-tensor.ts";
import { graphTensor } from "../ir/trace.ts";
import type { Command, CommandList, CompiledKernel, CompileProgress, Device, DeviceBuffer, DispatchTiming } from "./device.ts"; // prettier-ignore
import { DeviceTensor, readTensor } from "./device-tensor.ts";
import { acquireParameter, releaseParameter, type DeviceParameter } from "./parameter-store.ts";

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
  readonly #parameters: readonly { readonly tensor: InterfaceTensor; readonly parameter: DeviceParameter }[];
  readonly #updated: readonly DeviceParameter[];
  /** Buffers by plan number; undefined for scratch of `prepare`, which lives only while that runs. */
  readonly #buffers: (DeviceBuffer | undefined)[];
  readonly #owned: DeviceBuffer[] = [];
  #replay: CommandList | undefined;
  /** Versions that `prepare` last ran for; undefined before it ever did. */
  #preparedVersions: readonly number[] | undefined;
  #disposed = false;

  private constructor(
    device: Device,
    executable: Executable,
    kernels: readonly CompiledKernel[],
    stored: ReadonlyMap<string, Stored>,
  ) {
    // prettier-ignore
    this.#device = device;
    this.#executable = executable;
    this.#kernels = kernels;
    this.#stored = stored;
    const owners = [...executable.parameters, ...executable.state];
    this.#buffers = new Array<DeviceBuffer | undefined>(executable.buffers.length);
    this.#parameters = owners.map((tensor) => {
      const { sizeBytes } = executable.buffers[tensor.buffer]!;
      const parameter = acquireParameter(device, stored.get(tensor.name)!, tensor.name, sizeBytes);
      this.#buffers[tensor.buffer] = parameter.buffer;
      return { tensor, parameter };
    });
    const updated = new Set(executable.state.filter((tensor) => tensor.updated).map((tensor) => tensor.name));
    this.#updated = this.#parameters
      .filter(({ tensor }) => updated.has(tensor.name))
      .map((item) => item.parameter);
    const scratch = prepareScratch(executable);
    executable.buffers.forEach((buffer, i) => {
      if (this.#buffers[i] !== undefined || scratch.has(i)) return;
      const allocated = device.allocate(buffer.sizeBytes, `${executable.name}.${buffer.name}`);
      this.#buffers[i] = allocated;
      this.#owned.push(allocated);
    });
    for (const { buffer, data } of executable.constants) {
      if (data.byteLength > 0) device.write(this.#buffers[buffer]!, data);
    }
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
      session.#refresh();
      session.#replay = device.record(session.#commands(executable.run, session.#buffers));
      await device.finish();
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
    const { executable, list, outputs, oneTime } = this.#bind(inputs, options.keepOnDevice === true);
    const submitted = this.#device.submit(list, { profile: options.profile === true });
    for (const parameter of this.#updated) parameter.markWritten();
    const results = executable.outputs.map((tensor, i): Promise<HostTensor<DType>> | DeviceTensor =>
      options.keepOnDevice
        ? new DeviceTensor(this.#device, outputs[i]!, tensor.dtype, tensor.shape)
        : readTensor(this.#device, outputs[i]!, tensor.dtype, tensor.shape),
    );
    const [timings, ...settled] = await Promise.all([submitted, ...results]);
    if (oneTime) list.dispose();
    return {
      outputs: settled as (HostTensor<DType> | DeviceTensor)[],
      timings: timings as readonly DispatchTiming[],
    };
  }

  /** Parameters and state as they are on the device. Those the program does not use come from the host. */
  async readState(): Promise<ReadonlyMap<string, HostTensor<DType>>> {
    this.#checkUsable();
    this.#refresh();
    const entries = this.#parameters.map(async ({ tensor, parameter }) => {
      return [
        tensor.name,
        await readTensor(this.#device, parameter.buffer, tensor.dtype, tensor.shape),
      ] as const;
    });
    return new Map(await Promise.all(entries));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#replay?.dispose();
    for (const buffer of this.#owned) buffer.destroy();
    for (const { tensor } of this.#parameters) releaseParameter(this.#device, this.#stored.get(tensor.name)!);
  }

  /** Brings parameters up to date, and prepared weights where any of them changed. */
  #refresh(): void {
    for (const { parameter } of this.#parameters) parameter.refresh();
    const versions = this.#parameters.map(({ parameter }) => parameter.version);
    const watched = versions.filter((_, i) => !this.#updated.includes(this.#parameters[i]!.parameter));
    if (this.#preparedVersions?.every((version, i) => version === watched[i])) return;
    if (this.#executable.prepare.length > 0) this.#prepare();
    this.#preparedVersions = watched;
  }

  #prepare(): void {
    const scratch = [...prepareScratch(this.#executable)];
    const buffers = [...this.#buffers];
    const temporary = scratch.map((i) => {
      const { sizeBytes, name } = this.#executable.buffers[i]!;
      return (buffers[i] = this.#device.allocate(sizeBytes, name));
    });
    const list = this.#device.record(this.#commands(this.#executable.prepare, buffers));
    // Queues are in order: what follows sees the prepared weights. Errors surface in the run that waits.
    void this.#device.submit(list).catch(() => undefined);
    list.dispose();
    for (const buffer of temporary) buffer.destroy();
  }

  /** The command list for these inputs: the recorded one unless tensors come from or stay on the device. */
  #bind(inputs: readonly (HostTensor | DeviceTensor)[], keep: boolean) {
    const executable = this.#executable;
    const buffers = [...this.#buffers];
    let rebound = keep;
    executable.inputs.forEach((tensor, i) => {
      const value = inputs[i]!;
      if (value instanceof DeviceTensor) {
        buffers[tensor.buffer] = value.buffer;
        rebound = true;
      } else {
        const bytes = deviceBytes(graphTensor(value, tensor.name));
        if (bytes.byteLength > 0) this.#device.write(buffers[tensor.buffer]!, bytes);
      }
    });
    if (keep) {
      for (const tensor of executable.outputs) {
        const { sizeBytes, name } = executable.buffers[tensor.buffer]!;
        buffers[tensor.buffer] = this.#device.allocate(sizeBytes, name);
      }
    }
    const list = rebound ? this.#device.record(this.#commands(executable.run, buffers)) : this.#replay!;
    return {
      executable,
      list,
      outputs: executable.outputs.map((tensor) => buffers[tensor.buffer]!),
      oneTime: rebound,
    };
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
      throw new UserError("argument", `run: expected ${expected.length} input(s) (${expected.map((tensor) => tensor.name).join(", ")}), got ${inputs.length}.`); // prettier-ignore
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
      if (value instanceof DeviceTensor && value.device !== this.#device) {
        throw new UserError("argument", `run: input '${tensor.name}' lives on ${value.device.name}, the network on ${this.#device.name}. Read it to the host first.`); // prettier-ignore
      }
    });
  }
}

/** Slots that only `prepare` touches. */
function prepareScratch(executable: Executable): ReadonlySet<number> {
  const touched = (commands: readonly PlanCommand[]) =>
    new Set(commands.flatMap((command) => (command.kind === "dispatch" ? command.buffers : [command.source, command.destination]))); // prettier-ignore
  const inRun = touched(executable.run);
  return new Set([...touched(executable.prepare)].filter((i) => executable.buffers[i]!.kind === "slot" && !inRun.has(i))); // prettier-ignore
}
