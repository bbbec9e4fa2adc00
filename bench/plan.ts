/** What one `npm run bench` measures: the options, fitted to what this machine has. */
import { listDevices } from "../src/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Machine } from "./machine.ts";
import { findNetworks, type Network } from "./networks.ts";
import { isWebgpuSoftware } from "./systems/software-vulkan.ts";
import {
  isHeddle,
  systemNames,
  webgpuSystems,
  type HeddleSystem,
  type SystemName,
} from "./systems/system.ts";

export interface BenchPlan {
  readonly networks: readonly Network[];
  readonly systems: readonly SystemName[];
  /** WebGPU in software, in turns of its own: on fewer networks, in fewer rounds. */
  readonly slow: {
    readonly systems: readonly SystemName[];
    readonly networks: readonly string[];
    readonly rounds: number;
  };
  readonly rounds: number;
  /** Of every system. */
  readonly threads: number;
  readonly compileTimes: boolean;
  /** Prints a line for people. */
  readonly say: (text: string) => void;
}

export async function makePlan(
  options: Arguments,
  machine: Machine,
  say: (text: string) => void,
): Promise<BenchPlan> {
  const networks = await findNetworks(options.networks, say);
  const isSlow = (await isWebgpuSoftware()) !== false;
  const slowSystems = isSlow ? webgpuSystems : [];
  const asked = systemNames.filter((name) => {
    if (options.webgpu && webgpuSystems.includes(name)) return true;
    return options.systems?.includes(name) ?? !slowSystems.includes(name);
  });
  const missing = (await listDevices()).filter((listing) => listing.missing !== undefined);
  const systems = asked.filter((name) => !missing.some(({ kind }) => kind === name));
  const slow = systems.filter((name) => slowSystems.includes(name));
  if (isSlow && slow.length === 0 && options.systems === undefined)
    say("WebGPU is left out: in software it takes seconds a run. To add it: npm run bench -- --webgpu\n");
  return {
    networks,
    systems: systems.filter((name) => !slowSystems.includes(name)),
    slow: { systems: slow, ...options.slow },
    rounds: options.rounds,
    threads: machine.cores,
    compileTimes: options.compileTimes,
    say,
  };
}

/** Heddle's devices of the plan that run this network; the fast ones first. */
export function heddleSystemsFor({ systems, slow }: BenchPlan, network: Network): readonly HeddleSystem[] {
  return [...systems, ...(slow.networks.includes(network.name) ? slow.systems : [])].filter(isHeddle);
}
