/**
 * In: a kernel source in WGSL. Out: a compute pipeline with an explicit layout, which says which buffers are
 * only read, so that the implementation puts no barrier between readers.
 */
import type { KernelSource } from "../../codegen/executable.ts";
import { dispatchShape } from "../../codegen/wgsl/dispatch-shape.ts";
import { InternalError, UserError } from "../../errors.ts";
import type { CompiledKernel } from "../device.ts";
import { shaderStageCompute } from "./usage.ts";

export interface WebgpuPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class WebgpuKernel implements CompiledKernel {
  readonly shape: { readonly x: number; readonly y: number };

  constructor(
    readonly source: KernelSource,
    readonly compiled: WebgpuPipeline,
  ) {
    this.shape = dispatchShape(source.groups);
  }

  static of(kernel: CompiledKernel): WebgpuKernel {
    if (kernel instanceof WebgpuKernel) return kernel;
    throw new InternalError(`webgpu: kernel '${kernel.source.name}' belongs to another device`);
  }
}

export async function compilePipeline(gpu: GPUDevice, source: KernelSource): Promise<WebgpuPipeline> {
  // Scopes nest per device, so each is closed in the same turn in which it was opened.
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ code: source.source, label: source.name });
  const layout = gpu.createBindGroupLayout({
    label: source.name,
    entries: source.buffers.map((buffer, binding) => ({
      binding,
      visibility: shaderStageCompute,
      buffer: { type: buffer.access === "read" ? "read-only-storage" : "storage" },
    })),
  });
  const pipelineLayout = gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
  const invalid = gpu.popErrorScope();
  // Asked for now, whether or not the module is valid, so that kernels compile side by side.
  const pending = gpu
    .createComputePipelineAsync({
      label: source.name,
      layout: pipelineLayout,
      compute: { module, entryPoint: source.name },
    })
    .then(
      (pipeline) => ({ pipeline }),
      (cause: unknown) => ({ cause }),
    );
  const [error, info, result] = await Promise.all([invalid, module.getCompilationInfo(), pending]);
  const messages = info.messages
    .filter((message) => message.type === "error")
    .map((message) => `line ${message.lineNum}:${message.linePos}: ${message.message}`);
  if (messages.length > 0 || error !== null || "cause" in result) {
    const cause =
      "cause" in result ? [String(result.cause instanceof Error ? result.cause.message : result.cause)] : [];
    const log = messages.length > 0 ? messages : [...(error === null ? [] : [error.message]), ...cause];
    throw new UserError(
      "kernel-rejected",
      `webgpu: the implementation rejected kernel '${source.name}':\n${log.join("\n")}\n--- source ---\n${source.source}`,
    );
  }
  return { pipeline: result.pipeline, layout };
}
