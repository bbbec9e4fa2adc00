/** What is compared: a system loads a network and gets one function that runs it. */
import type { Network } from "../networks.ts";

/** In the order of their turns: whoever is compared with the other stands beside it. */
export const systemNames = [
  "opencl",
  "ort",
  "cpu",
  "ort-web",
  "webgpu",
  "ort-webgpu",
  "torch",
  "torchscript",
] as const;

export type SystemName = (typeof systemNames)[number];

/** Heddle's devices; all others are references. */
export const heddleSystems = ["opencl", "cpu", "webgpu"] as const;
export type HeddleSystem = (typeof heddleSystems)[number];

export function isHeddle(name: SystemName): name is HeddleSystem {
  return (heddleSystems as readonly string[]).includes(name);
}

/** Systems that take seconds a run where WebGPU is computed in software. */
export const webgpuSystems: readonly SystemName[] = ["webgpu", "ort-webgpu"];

/** A network loaded in a system, ready to run. */
export interface Contender {
  /** What runs, with its version and threads, for people. */
  readonly description: string;
  /** Runs once, from host memory to host memory; how long it took, in ms. */
  run(): Promise<number>;
  /** The first output. */
  result(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Why a system cannot run here, or cannot run this network. */
export class NotHere extends Error {}

/** Fails with NotHere where the system is missing. */
export type LoadNetwork = (network: Network, threads: number) => Promise<Contender>;

/** A contender of this process: runs `work` and takes the time. */
export function contender(
  description: string,
  work: () => Promise<Float32Array>,
  dispose: () => Promise<void>,
): Contender {
  return {
    description,
    run: async () => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    },
    result: work,
    dispose,
  };
}
