/**
 * A target: the frozen facts about a device that passes, schedules and writers may use. They never see
 * the device itself, so everything up to kernel sources is built and tested without one.
 */

export type KernelLanguage = "wgsl" | "opencl-c" | "wasm";

/** Vector lanes of one kernel-IR value. */
export type Lanes = 1 | 2 | 4 | 8 | 16;

/** What the compiler knows of a device: a frozen record, never the device itself. */
export interface Target {
  /** What kernels for it are written in. */
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
  /**
   * WebAssembly only: the engine's relaxed SIMD multiplies and adds vectors of f32 in one instruction. (Other
   * languages say `fma`, and their compilers do what the hardware can.)
   */
  readonly fusedMultiplyAdd?: boolean;
  /** Cores or compute units that run groups at the same time. */
  readonly computeUnits: number;
  /** Starting a kernel takes as long as a small layer, because threads sleep in between: worth joining kernels. */
  readonly costlyLaunches?: boolean;
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
  fusedMultiplyAdd: false,
  computeUnits: 1,
  software: false,
});

/**
 * Rows of a tile of named accumulators that is `vectors` wide, over `extent` rows in all. On a CPU they fit the
 * vector registers beside one weight vector each and an input; measured best: 2 × 4 of 16 registers without
 * fused multiply-add (WebAssembly), 6 × 2 of 16 with it, 14 × 2 of 32. What was measured for one shape may say
 * otherwise.
 */
export function tileRows(
  target: Target,
  vectors: number,
  extent: number,
  most = mostTileRows(target, vectors),
): number {
  if (target.family === "gpu") return Math.min(most, extent);
  // The last tile overlaps the one before, so what counts is rows computed in all: 17 tiles of 12 do less than
  // 15 of 14 over 197 rows, and products of that many take 0.97 of the time.
  const cost = (rows: number) => Math.ceil(extent / rows) * (rows + rowsPerTile);
  let best = Math.ceil(extent / Math.ceil(extent / most));
  for (let rows = best - 1; rows >= 0.75 * most; rows--) if (cost(rows) < cost(best)) best = rows;
  return best;
}

/** What starting and finishing a tile costs, in rows of it. Fitted to products of 197 rows with tiles of 8 to 14. */
const rowsPerTile = 1.5;

/** Rows of a tile over an extent that is long enough. */
export function mostTileRows(target: Target, vectors: number): number {
  if (target.family === "gpu") return 4;
  const separateMultiply = target.language === "wasm" && !target.fusedMultiplyAdd;
  const accumulators = target.vectorRegisters >= 32 ? 28 : separateMultiply ? 8 : 12;
  return Math.max(1, Math.floor(accumulators / vectors));
}

/**
 * Rows of a register tile of Winograd's method along rows, over columns of `height` rows each: a part of a column or several columns, so that
 * where a row lies is known when compiling. Undefined where that would leave more than half the registers idle.
 */
export function rowsOfColumns(
  target: Target,
  vectors: number,
  height: number,
  columns: number,
): number | undefined {
  const most = mostTileRows(target, vectors);
  for (let rows = Math.min(most, height * columns); 2 * rows >= most; rows--)
    if (rows % height === 0 || height % rows === 0) return rows;
  return undefined;
}
