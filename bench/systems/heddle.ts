/** Heddle on one of its devices. */
import {
  compile,
  importOnnx,
  openDevice,
  type Compiled,
  type Device,
  type HostTensor,
  type ModelOptions,
} from "../../src/index.ts";
import type { Network } from "../networks.ts";
import { contender, type Contender, type HeddleSystem } from "./system.ts";

/** A network compiled for a device, and how to run it. */
export interface LoadedInHeddle {
  readonly compiled: Compiled;
  readonly importMs: number;
  /** Runs from host memory to host memory and returns the first output. */
  run(options?: { readonly profile: boolean }): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export async function loadInHeddle(
  kind: HeddleSystem,
  network: Network,
  threads: number,
  options: Pick<ModelOptions, "joinLaunches"> = {},
): Promise<LoadedInHeddle> {
  const { device, own } = await open(kind, threads);
  const start = performance.now();
  const model = importOnnx(network.bytes());
  const importMs = performance.now() - start;
  const compiled = await compile(model, { device, shapes: network.shapes, ...options });
  const input = { [model.inputs[0]!.name]: network.input };
  const output = model.outputs[0]!.name;
  return {
    compiled,
    importMs,
    run: async (options) =>
      (await compiled.run<Record<string, HostTensor<"f32">>>(input, options))[output]!.data,
    dispose: async () => {
      compiled.dispose();
      if (own) await device.dispose();
    },
  };
}

export async function heddleContender(
  kind: HeddleSystem,
  network: Network,
  threads: number,
): Promise<Contender> {
  const { compiled, run, dispose } = await loadInHeddle(kind, network, threads);
  return contender(`Heddle on ${compiled.device.name}`, run, dispose);
}

/** The embedded CPU is opened with as many threads as the others get; drivers decide for themselves. */
async function open(kind: HeddleSystem, threads: number): Promise<{ device: Device; own: boolean }> {
  if (kind === "cpu") return { device: (await openDevice(kind, { threads })).device, own: true };
  return { device: (await openDevice(kind)).device, own: false };
}
