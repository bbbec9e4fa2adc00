/**
 * Kernels by number, where kernels of equal content are one kernel. Content is all that distinguishes a kernel: its
 * name without the step's number, and what it does.
 */
import { ContentMap } from "./content-map.ts";
import type { Kernel } from "./kernel-ir.ts";

export class KernelSet {
  readonly #kernels: Kernel[] = [];
  readonly #numbers = new ContentMap<object, number>();

  get all(): readonly Kernel[] {
    return this.#kernels;
  }

  at(number: number): Kernel {
    return this.#kernels[number]!;
  }

  /** The number of the kernel, or of the one of equal content that was there before. */
  add(kernel: Kernel): number {
    return this.#numbers.getOrInsert(contentOf(kernel), () => this.#kernels.push(kernel) - 1);
  }
}

function contentOf({ name, comment: _, ...content }: Kernel): object {
  return { ...content, name: name.replace(/^[kp]\d+_/, "") };
}
