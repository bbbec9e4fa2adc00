/**
 * What a WebAssembly kernel and its host agree on.
 *
 * A module imports `env.memory` and exports `run(groupStart, groupEnd, ...bufferAddresses)`, all i32, which
 * runs the groups in [groupStart, groupEnd). Addresses are in bytes, unsigned, multiples of 4. A module that was
 * linked of several exports `run0`, `run1` … (see `link-modules.ts`).
 */

/**
 * No buffer starts below this address. So a kernel may form addresses up to this much in front of a buffer
 * (and reach into it by the constant offset of a load) without wrapping around zero.
 */
export const guardBytes = 65536;

export const memoryModule = "env";
export const memoryName = "memory";
export const entryPoint = "run";
export const pageBytes = 65536;
