/**
 * A WebAssembly kernel ready to call. In: the module's bytes and the device's memory. Out: a function that
 * runs all groups on the calling thread, given the buffers' addresses, and the module for other threads.
 *
 * Engines start with code from a baseline compiler and replace a hot function in the background, but never
 * while a call of it is running. So a new kernel is called without work until the engine considers it hot,
 * and its first dispatches are divided into several calls. The replaced code serves all threads.
 */
import { entryPoint, memoryModule, memoryName } from "../../codegen/wasm/abi.ts";
import { withSharedMemory } from "../../codegen/wasm/shared-memory.ts";
import type { CpuMemory } from "./cpu-memory.ts";

export type RunGroups = (groupStart: number, groupEnd: number, ...addresses: readonly number[]) => void;

export interface KernelFunction {
  readonly module: WebAssembly.Module;
  /** This thread's instance. */
  readonly run: RunGroups;
  /** Has the engine optimise the kernel in the background. */
  warm(): void;
  /** Runs groups [0, groups) on this thread. */
  dispatch(groups: number, addresses: readonly number[]): void;
}

/** Calls one dispatch of a new kernel is divided into. */
const chunksWhileCold = 32;
/** After so much time a kernel counts as hot; the background compiler needs 2 to 50 ms for one. */
const coldMs = 200;
/**
 * V8 compiles a function with optimisation after a budget that each call, even one without groups, uses up
 * by the function's size. So many bytes of module are enough, at about three bytes of baseline code each
 * (measured: 768³ matrix product, first dispatch 38 GFLOP/s with these calls, 9 without, 42 when hot).
 */
const warmingBytes = 1_400_000;

export async function compileKernelFunction(binary: Uint8Array, memory: CpuMemory): Promise<KernelFunction> {
  // A copy, so that the type is right for buffers of any kind behind `binary`.
  const bytes = new Uint8Array(memory.shared ? withSharedMemory(binary, memory.maximumPages) : binary);
  const module = await WebAssembly.compile(bytes);
  const imports = { [memoryModule]: { [memoryName]: memory.memory } };
  const instance = await WebAssembly.instantiate(module, imports);
  const run = instance.exports[entryPoint] as RunGroups;
  let warmingCalls = Math.ceil(warmingBytes / binary.length);
  let elapsedMs = 0;
  return {
    module,
    run,
    warm() {
      for (; warmingCalls > 0; warmingCalls--) run(0, 0);
    },
    dispatch(groups, addresses) {
      if (elapsedMs >= coldMs) {
        run(0, groups, ...addresses);
        return;
      }
      const start = performance.now();
      const chunk = Math.ceil(groups / chunksWhileCold);
      for (let first = 0; first < groups; first += chunk)
        run(first, Math.min(first + chunk, groups), ...addresses);
      elapsedMs += performance.now() - start;
    },
  };
}
