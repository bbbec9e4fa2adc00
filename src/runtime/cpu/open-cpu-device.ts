/**
 * Opens the embedded CPU device: kernels as WebAssembly, all buffers in one WebAssembly memory. It needs no
 * driver and nothing of its host but WebAssembly, so it runs wherever JavaScript does; on several threads
 * where the host has threads with shared memory, else on the calling one.
 */
import { UserError } from "../../errors.ts";
import type { Device } from "../device.ts";
import { CpuDevice } from "./cpu-device.ts";
import { CpuMemory } from "./cpu-memory.ts";
import { describeEngine } from "./describe-engine.ts";
import { findEngineFeatures } from "./engine-features.ts";
import { chooseThreadCount } from "./thread-count.ts";
import { ThreadPool, type ThreadPoolOptions } from "./thread-pool.ts";

export interface CpuDeviceOptions {
  /** Most memory that all buffers together may take; at most 4 GiB, which is the default. */
  readonly maxMemoryBytes?: number;
  /**
   * Threads that kernels run on, the calling one included; by default what `HEDDLE_CPU_THREADS` says, else as
   * many as the hardware has, at most 16. Where there are none to be had it is 1, and the device's name says why.
   */
  readonly threads?: number;
  /** How to start a worker, and how long to wait for one; for tests. */
  readonly pool?: ThreadPoolOptions;
}

/**
 * Opens the embedded CPU device. Fails with `device-unavailable` where the host has no WebAssembly SIMD.
 *
 *     const device = await openCpuDevice({ threads: 2 });
 *     const buffer = device.allocate(1024, "input");
 */
export async function openCpuDevice(options: CpuDeviceOptions = {}): Promise<Device> {
  const features = findEngineFeatures();
  if (!features.simd)
    throw new UserError(
      "device-unavailable",
      "The embedded CPU device needs WebAssembly with 128-bit SIMD, which this JavaScript engine lacks. Update it (Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or later) or choose another device.",
    );
  const engine = await describeEngine();
  const maxBytes = options.maxMemoryBytes ?? Infinity;
  let { threads, without } = await chooseThreadCount(options.threads);
  if (threads > 1) {
    try {
      const memory = CpuMemory.create(maxBytes, true);
      const pool = await ThreadPool.start(memory.memory, threads, options.pool);
      return new CpuDevice(memory, features, { pool }, engine);
    } catch (error) {
      without = `no thread could be started: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return new CpuDevice(CpuMemory.create(maxBytes, false), features, { without }, engine);
}
