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
    const content = contentOf(kernel);
    const known = this.#numbers.get(content);
    if (known !== undefined) return known;
    const number = this.#kernels.push(kernel) - 1;
    this.#numbers.set(content, number);
    return number;
  }
}

function contentOf({ name, comment: _, ...content }: Kernel): object {
  return { ...content, name: name.replace(/^[kp]\d+_/, "") };
}
