/**
 * In: commands on one device. Out: a list that can be enqueued again and again: every dispatch has a kernel
 * object of its own, whose arguments are set once, here.
 */
import { InternalError, UserError } from "../../errors.ts";
import type { Command, CommandList } from "../device.ts";
import type { Handle, OpenclApi, Pointer } from "./bindings.ts";
import { describeStatus, isOutOfMemory } from "./bindings.ts";
import { OpenclBuffer } from "./buffer.ts";
import { OpenclKernel } from "./kernel.ts";

type Step =
  | {
      readonly kind: "dispatch";
      readonly kernel: Handle;
      readonly name: string;
      readonly global: BigUint64Array;
      readonly local: BigUint64Array;
    }
  | {
      readonly kind: "copy";
      readonly source: OpenclBuffer;
      readonly destination: OpenclBuffer;
      readonly sizeBytes: number;
    };

/** Called for each dispatch after it was enqueued, with its event (0 unless events were asked for). */
export type OnDispatch = (name: string, event: bigint) => void;

export class OpenclCommandList implements CommandList {
  readonly #api: OpenclApi;
  readonly #steps: readonly Step[];
  readonly #onDispose: (list: OpenclCommandList) => void;
  #disposed = false;

  constructor(
    api: OpenclApi,
    readonly commands: readonly Command[],
    onDispose: (list: OpenclCommandList) => void,
  ) {
    this.#api = api;
    this.#onDispose = onDispose;
    this.#steps = commands.map((command) => setUp(api, command));
  }

  enqueue(queue: Handle, onDispatch?: OnDispatch): void {
    if (this.#disposed) throw new InternalError("opencl: a disposed command list was submitted");
    const api = this.#api;
    const event = onDispatch === undefined ? null : new BigUint64Array(1);
    for (const step of this.#steps) {
      if (step.kind === "dispatch") {
        check(
          api.clEnqueueNDRangeKernel(queue, step.kernel, 1, null, step.global, step.local, 0, null, event),
          step.name,
        );
        if (event !== null) onDispatch?.(step.name, event[0] ?? 0n);
      } else {
        const { source, destination, sizeBytes } = step;
        check(
          api.clEnqueueCopyBuffer(queue, source.handle, destination.handle, 0, 0, sizeBytes, 0, null, null),
          "copy",
        );
      }
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const step of this.#steps) if (step.kind === "dispatch") this.#api.clReleaseKernel(step.kernel);
    this.#onDispose(this);
  }

  static of(list: CommandList): OpenclCommandList {
    if (list instanceof OpenclCommandList) return list;
    throw new InternalError("opencl: the command list belongs to another device");
  }
}

function setUp(api: OpenclApi, command: Command): Step {
  if (command.kind === "copy") {
    const { source, destination, sizeBytes } = command;
    return {
      kind: "copy",
      source: OpenclBuffer.of(source),
      destination: OpenclBuffer.of(destination),
      sizeBytes,
    };
  }
  const { program, source } = OpenclKernel.of(command.kernel);
  if (command.buffers.length !== source.buffers.length)
    throw new InternalError(
      `opencl: kernel '${source.name}' takes ${source.buffers.length} buffers, got ${command.buffers.length}`,
    );
  const status = new Int32Array(1);
  const kernel = api.clCreateKernel(program.handle, source.name, status);
  check(status[0] ?? 0, source.name);
  command.buffers.forEach((buffer, index) => {
    const argument: Pointer = new BigUint64Array([BigInt(OpenclBuffer.of(buffer).handle)]);
    check(api.clSetKernelArg(kernel, index, 8, argument), `${source.name}, argument ${index}`);
  });
  return {
    kind: "dispatch",
    kernel,
    name: source.name,
    global: new BigUint64Array([BigInt(source.groups * source.groupSize)]),
    local: new BigUint64Array([BigInt(source.groupSize)]),
  };
}

/** Drivers may allocate a buffer's memory when a command first uses it. */
function check(status: number, what: string): void {
  if (status === 0) return;
  const message = `opencl: ${what}: ${describeStatus(status)}`;
  throw isOutOfMemory(status)
    ? new UserError(
        "out-of-memory",
        `${message}. Use a smaller batch, or dispose of what is no longer needed.`,
      )
    : new InternalError(message);
}
