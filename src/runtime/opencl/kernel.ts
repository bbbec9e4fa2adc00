/** A kernel that the OpenCL driver has built: its program, from which each dispatch makes a kernel object. */
import type { KernelSource } from "../../codegen/executable.ts";
import { InternalError } from "../../errors.ts";
import type { CompiledKernel, KernelUse } from "../device.ts";
import type { OpenclProgram } from "./program.ts";

export class OpenclKernel implements CompiledKernel {
  constructor(
    readonly source: KernelSource,
    readonly program: OpenclProgram,
  ) {}

  load(use: KernelUse): Promise<void> {
    return this.program.load(use);
  }

  unload(): void {
    this.program.unload();
  }

  static of(kernel: CompiledKernel): OpenclKernel {
    if (kernel instanceof OpenclKernel) return kernel;
    throw new InternalError(`opencl: kernel '${kernel.source.name}' belongs to another device`);
  }
}
