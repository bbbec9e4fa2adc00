/**
 * In: commands on one device. Out: a list that can be encoded again and again: its bind groups are made once,
 * here. Dispatches share one compute pass between copies (which WebGPU allows outside passes only); with
 * timestamps each has a pass of its own.
 */
import { InternalError } from "../../errors.ts";
import type { Command, CommandList } from "../device.ts";
import { WebgpuBuffer } from "./buffer.ts";
import { WebgpuKernel } from "./kernel.ts";

type Step =
  | { readonly kind: "dispatch"; readonly kernel: WebgpuKernel; readonly bindGroup: GPUBindGroup }
  | {
      readonly kind: "copy";
      readonly source: WebgpuBuffer;
      readonly destination: WebgpuBuffer;
      readonly sizeBytes: number;
    };

/** Where the pass of the dispatch with this number writes its begin and end. */
export type TimestampsOf = (dispatch: number) => GPUComputePassTimestampWrites;

export class WebgpuCommandList implements CommandList {
  readonly #steps: readonly Step[];
  /** Names of the kernels dispatched, in order. */
  readonly kernels: readonly string[];
  #disposed = false;

  constructor(
    gpu: GPUDevice,
    readonly commands: readonly Command[],
  ) {
    this.#steps = commands.map((command) => setUp(gpu, command));
    this.kernels = this.#steps.flatMap((step) => (step.kind === "dispatch" ? [step.kernel.source.name] : []));
  }

  encode(encoder: GPUCommandEncoder, timestamps?: TimestampsOf): void {
    if (this.#disposed) throw new InternalError("webgpu: a disposed command list was submitted");
    let pass: GPUComputePassEncoder | undefined;
    let dispatches = 0;
    const endPass = (): void => {
      pass?.end();
      pass = undefined;
    };
    for (const step of this.#steps) {
      if (step.kind === "copy") {
        endPass();
        const size = Math.ceil(step.sizeBytes / 4) * 4;
        encoder.copyBufferToBuffer(step.source.gpu, 0, step.destination.gpu, 0, size);
        continue;
      }
      pass ??= encoder.beginComputePass(
        timestamps === undefined ? {} : { timestampWrites: timestamps(dispatches) },
      );
      dispatches++;
      pass.setPipeline(step.kernel.compiled.pipeline);
      pass.setBindGroup(0, step.bindGroup);
      pass.dispatchWorkgroups(step.kernel.shape.x, step.kernel.shape.y);
      if (timestamps !== undefined) endPass();
    }
    endPass();
  }

  /** Bind groups hold no resource of their own that WebGPU could free sooner. */
  dispose(): void {
    this.#disposed = true;
  }

  static of(list: CommandList): WebgpuCommandList {
    if (list instanceof WebgpuCommandList) return list;
    throw new InternalError("webgpu: the command list belongs to another device");
  }
}

function setUp(gpu: GPUDevice, command: Command): Step {
  if (command.kind === "copy") {
    const { source, destination, sizeBytes } = command;
    return {
      kind: "copy",
      source: WebgpuBuffer.of(source),
      destination: WebgpuBuffer.of(destination),
      sizeBytes,
    };
  }
  const kernel = WebgpuKernel.of(command.kernel);
  const { name, buffers: bindings } = kernel.source;
  const buffers = command.buffers.map((buffer) => WebgpuBuffer.of(buffer));
  if (buffers.length !== bindings.length)
    throw new InternalError(
      `webgpu: kernel '${name}' takes ${bindings.length} buffers, got ${buffers.length}`,
    );
  buffers.forEach((buffer, i) => {
    const again = buffers.indexOf(buffer);
    const written = [again, i].some((index) => bindings[index]?.access !== "read");
    if (again !== i && written)
      throw new InternalError(
        `webgpu: kernel '${name}' binds buffer '${buffer.label}' twice (${again} and ${i}) and writes it`,
      );
    const needed = bindings[i]?.sizeBytes ?? 0;
    if (buffer.sizeBytes < needed)
      throw new InternalError(
        `webgpu: kernel '${name}' needs ${needed} bytes at binding ${i}, '${buffer.label}' has ${buffer.sizeBytes}`,
      );
  });
  const bindGroup = gpu.createBindGroup({
    label: name,
    layout: kernel.compiled.layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer: buffer.gpu } })),
  });
  return { kind: "dispatch", kernel, bindGroup };
}
