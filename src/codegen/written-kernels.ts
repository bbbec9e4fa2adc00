/**
 * Kernels by number that are written as soon as they are lowered, so that the IR of one is gone before the next is
 * made. For languages whose modules say nothing of the kernel's name: what is written is what tells kernels apart.
 */
import { ContentMap } from "./content-map.ts";
import type { KernelSource } from "./executable.ts";
import type { Kernel } from "./kernel-ir.ts";
import { nameWithoutNumber, scratchBytes, type PlannedKernels } from "./kernel-set.ts";
import type { Target } from "./target.ts";
import { writeKernel } from "./write.ts";

export class WrittenKernels implements PlannedKernels {
  readonly #target: Target;
  readonly #sources: KernelSource[] = [];
  readonly #scratchBytes: (number | undefined)[] = [];
  readonly #numbers = new ContentMap<object, number>();

  constructor(target: Target) {
    this.#target = target;
  }

  get sources(): readonly KernelSource[] {
    return this.#sources;
  }

  add(kernel: Kernel): number {
    const written = writeKernel(kernel, this.#target);
    const { name, source: _, ...content } = written;
    return this.#numbers.getOrInsert({ ...content, name: nameWithoutNumber(name) }, () => {
      this.#scratchBytes.push(scratchBytes(kernel));
      return this.#sources.push(written) - 1;
    });
  }

  scratchBytes(number: number): number | undefined {
    return this.#scratchBytes[number];
  }
}
