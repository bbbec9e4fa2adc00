/** `--profile`: every kernel of a run on one device, beside the machine's peaks, which are measured first. */
import { CommandLineError } from "../src/cli/command-line-error.ts";
import { openDevice } from "../src/index.ts";
import { heddleSystemsFor, type BenchPlan } from "./plan.ts";
import { higherPeaks, measurePeaks, type Peaks } from "./profile/peaks.ts";
import { profileNetwork, type ProfiledLaunch } from "./profile/profile.ts";
import { profileTable } from "./report/profile-table.ts";
import { loadInHeddle } from "./systems/heddle.ts";

export interface ProfileRecord {
  readonly device: string;
  readonly networks: readonly ProfiledNetwork[];
}

interface ProfiledNetwork {
  readonly network: string;
  /** Measured beside this network: a shared machine's change from minute to minute. */
  readonly peaks: Peaks;
  readonly launches: readonly ProfiledLaunch[];
}

export async function runProfile(plan: BenchPlan): Promise<{ readonly profile: ProfileRecord }> {
  const [first] = plan.networks;
  const system = first && heddleSystemsFor(plan, first)[0];
  if (system === undefined)
    throw new CommandLineError("--profile: --systems names none of Heddle's devices that is here.");
  const { device } = await openDevice(system);
  const rounds = plan.slow.systems.includes(system) ? plan.slow.rounds : plan.rounds;
  const networks: ProfiledNetwork[] = [];
  for (const network of plan.networks) {
    if (!heddleSystemsFor(plan, network).includes(system)) continue;
    const loaded = await loadInHeddle(system, network, plan.threads, { joinLaunches: false });
    const before = await measurePeaks(device);
    const launches = await profileNetwork(network, loaded, rounds);
    const peaks = higherPeaks(before, await measurePeaks(device));
    plan.say(`${device.name}: ${(peaks.operationsPerSecond / 1e9).toFixed(0)} GFLOP/s of multiply-adds, ${(peaks.bytesPerSecond / 1e9).toFixed(1)} GB/s read from memory`); // prettier-ignore
    plan.say(`${profileTable(network.name, launches, peaks)}\n`);
    networks.push({ network: network.name, peaks, launches });
    await loaded.dispose();
  }
  plan.say("Operations are those that kernels execute (Winograd's saving and padding included), bytes those of the buffers they bind, each once; more than the peak of memory comes from caches."); // prettier-ignore
  return { profile: { device: device.name, networks } };
}
