/**
 * A target: the frozen facts about a device that passes, schedules and writers may use. They never see
 * the device itself, so everything up to kernel sources is built and tested without one.
 */

export type KernelLanguage = "wgsl" | "opencl-c" | "wasm";

/** Vector lanes of one kernel-IR value. */
export type Lanes = 1 | 2 | 4 | 8 | 16;

export interface Target {
  readonly language: KernelLanguage;
  /**
   * Which schedule family fits: `gpu` runs many invocations a group in lockstep, with shared memory and
   * barriers; `cpu` runs one task a group, with explicit vectors and named accumulators.
   */
  readonly family: "gpu" | "cpu";
  /** f32 lanes of the widest vector that is one register (CPU family), or of the widest load (GPU family). */
  readonly vectorWidth: Lanes;
  /** Vector registers that a CPU schedule may plan with. */
  readonly vectorRegisters: number;
  /** Largest number of invocations in a workgroup. */
  readonly maxGroupSize: number;
  /** Bytes of workgroup memory. */
  readonly sharedMemoryBytes: number;
  /** Buffers one kernel may bind. */
  readonly maxStorageBuffers: number;
  /** Largest binding of one buffer, in bytes. */
  readonly maxBufferBytes: number;
  /** Lanes of a subgroup, or 0 where subgroup operations are missing. */
  readonly subgroupSize: number;
  /** f16 arithmetic in kernels. */
  readonly f16: boolean;
  /** Cores or compute units that run groups at the same time. */
  readonly computeUnits: number;
  /** A GPU interface that runs on the CPU (SwiftShader, WARP): barriers are slow, lanes are few. */
  readonly software: boolean;
}

/** The embedded CPU: generated WebAssembly with 128-bit SIMD. x86 gives it 16 vector registers. */
export const wasmTarget: Target = Object.freeze({
  language: "wasm",
  family: "cpu",
  vectorWidth: 4,
  vectorRegisters: 16,
  maxGroupSize: 1,
  sharedMemoryBytes: 0,
  maxStorageBuffers: 64,
  maxBufferBytes: 2 ** 31,
  subgroupSize: 0,
  f16: false,
  computeUnits: 1,
  software: false,
});
