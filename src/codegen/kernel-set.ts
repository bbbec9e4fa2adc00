/**
 * Kernels by number, where kernels of equal content are one kernel. Content is all that distinguishes a kernel: its
 * name without the step's number, and what it does.
 */
import { ContentMap } from "./content-map.ts";
import type { Kernel } from "./kernel-ir.ts";

/** Where a plan puts its kernels. */
export interface PlannedKernels {
  /** The number of the kernel, or of the one of equal content that was there before. */
  add(kernel: Kernel): number;
  /** Bytes of scratch memory that the kernel of this number wants for all its groups; undefined where it wants none. */
  scratchBytes(number: number): number | undefined;
}

/** Keeps the kernels as they are. */
export class KernelSet implements PlannedKernels {
  readonly #kernels: Kernel[] = [];
  readonly #numbers = new ContentMap<object, number>();

  get all(): readonly Kernel[] {
    return this.#kernels;
  }

  add(kernel: Kernel): number {
    return this.#numbers.getOrInsert(contentOf(kernel), () => this.#kernels.push(kernel) - 1);
  }

  scratchBytes(number: number): number | undefined {
    return scratchBytes(this.#kernels[number]!);
  }
}

function contentOf({ name, comment: _, ...content }: Kernel): object {
  return { ...content, name: nameWithoutNumber(name) };
}

/** Kernels are numbered by the step that first wants them. */
export function nameWithoutNumber(name: string): string {
  return name.replace(/^[kp]\d+_/, "");
}

/** A kernel's scratch memory is its last buffer. */
export function scratchBytes({ hasScratch, buffers }: Kernel): number | undefined {
  return hasScratch === true ? buffers.at(-1)!.elementCount * 4 : undefined;
}
