/**
 * Kernels that are loaded together, because engines hold one module of many kernels in less memory, and make it
 * sooner, than many modules. Where one of them is at fault, each is loaded alone, so that the others are not lost
 * and the error is that kernel's.
 */
import type { NumberedFunction } from "./cpu-objects.ts";

export type LoadKernels = (binaries: readonly Uint8Array[]) => Promise<readonly NumberedFunction[]>;

interface Waiting {
  readonly binary: Uint8Array;
  readonly resolve: (loaded: NumberedFunction | Promise<NumberedFunction>) => void;
}

export class KernelBatch {
  readonly #load: LoadKernels;
  readonly #waiting: Waiting[] = [];

  constructor(load: LoadKernels) {
    this.#load = load;
  }

  /** Resolves once the batch was started and the kernel is ready; fails with what the engine says of it. */
  add(binary: Uint8Array): Promise<NumberedFunction> {
    return new Promise((resolve) => this.#waiting.push({ binary, resolve }));
  }

  start(): void {
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) return;
    const together = this.#load(waiting.map(({ binary }) => binary));
    waiting.forEach(({ binary, resolve }, i) => {
      const alone = async (): Promise<NumberedFunction> => (await this.#load([binary]))[0]!;
      resolve(
        together.then(
          (loaded) => loaded[i]!,
          (error: unknown) => (waiting.length === 1 ? Promise.reject(error) : alone()),
        ),
      );
    });
  }
}
