/** `--overhead`: what runs cost beside their kernels, for each network on each of Heddle's devices. */
import { measureOverhead } from "./overhead.ts";
import { heddleSystemsFor, type BenchPlan } from "./plan.ts";
import { overheadTable, type OverheadRecord } from "./report/overhead-table.ts";
import { loadInHeddle } from "./systems/heddle.ts";

export async function runOverhead(
  plan: BenchPlan,
): Promise<{ readonly overhead: readonly OverheadRecord[] }> {
  const records: OverheadRecord[] = [];
  for (const network of plan.networks) {
    for (const system of heddleSystemsFor(plan, network)) {
      console.error(`measuring ${network.name} on ${system} …`);
      const loaded = await loadInHeddle(system, network, plan.threads);
      const rounds = plan.slow.systems.includes(system) ? plan.slow.rounds : plan.rounds;
      records.push({ network: network.name, system, overhead: await measureOverhead(loaded, rounds) });
      await loaded.dispose();
    }
  }
  plan.say(overheadTable(records));
  plan.say("\nrun: from host memory to host memory, not profiled; kernels: their own time in runs that are, in turns with those; share: of the run"); // prettier-ignore
  return { overhead: records };
}
