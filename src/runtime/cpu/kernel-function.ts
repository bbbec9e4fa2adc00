/**
 * WebAssembly kernels ready to call. In: modules' bytes and the device's memory. Out: functions that run all groups
 * on the calling thread, given the buffers' addresses, and one module of all for other threads.
 *
 * Engines start with code from a baseline compiler and replace a hot function in the background, but never
 * while a call of it is running. So a new kernel is called without work until the engine considers it hot,
 * and its first dispatches are divided into several calls. The replaced code serves all threads.
 */
import { entryPoint, memoryModule, memoryName } from "../../codegen/wasm/abi.ts";
import { linkedEntryPoint, linkModules } from "../../codegen/wasm/link-modules.ts";
import type { CpuMemory } from "./cpu-memory.ts";
import { v8Before } from "./engine-features.ts";

export type RunGroups = (groupStart: number, groupEnd: number, ...addresses: readonly number[]) => void;

export interface KernelFunction {
  /** The export of the module that it is. */
  readonly exportName: string;
  /** This thread's instance. */
  readonly run: RunGroups;
  /** Has the engine optimise the kernel in the background. */
  warm(): void;
  /** Runs groups [0, groups) on this thread. */
  dispatch(groups: number, addresses: readonly number[]): void;
}

/** Kernels that are one module. */
export interface KernelModule {
  readonly module: WebAssembly.Module;
  readonly functions: readonly KernelFunction[];
}

/** Calls one dispatch of a new kernel is divided into. */
const chunksWhileCold = 32;
/** After so much time a kernel counts as hot; the background compiler needs 2 to 50 ms for one. */
const coldMs = 200;
/**
 * V8 compiles a function with optimisation after a budget that each call, even one without groups, uses up
 * by the function's size (`--wasm-tiering-budget`: 1.8 million up to V8 11, 13 million since). So many bytes of module
 * are enough, at about three bytes of baseline code each. Measured on ResNet-50, first run and later ones: V8 13.6
 * 72 and 65 ms, 128 and 65 with what does for V8 11.3. More calls than needed cost DenseNet 50 ms of compiling.
 */
const warmingBytes = v8Before(12) ? 1_400_000 : 12_000_000;

/**
 * One module of all, or of the only one.
 * @throws what the engine throws when it rejects a kernel; then none of them is ready
 */
export async function compileKernels(
  binaries: readonly Uint8Array[],
  memory: CpuMemory,
): Promise<KernelModule> {
  const { shared, maximumPages: maxPages } = memory;
  const linked = linkModules(binaries, shared ? { shared, maxPages } : { shared });
  const [first] = binaries;
  if (linked === undefined && binaries.length > 1) throw new Error("a module is not one of Heddle's");
  // A copy, so that the type is right for buffers of any kind behind it. What cannot be linked the engine may reject.
  const module = await WebAssembly.compile(new Uint8Array(linked ?? first!));
  const imports = { [memoryModule]: { [memoryName]: memory.memory } };
  const { exports } = await WebAssembly.instantiate(module, imports);
  const functions = binaries.map(({ length }, i) => {
    const exportName = linked === undefined ? entryPoint : linkedEntryPoint(i);
    return kernelFunction(exportName, exports[exportName] as RunGroups, length);
  });
  return { module, functions };
}

function kernelFunction(exportName: string, run: RunGroups, sizeBytes: number): KernelFunction {
  let warmingCalls = Math.ceil(warmingBytes / sizeBytes);
  let elapsedMs = 0;
  return {
    exportName,
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
