/** The comparison: compile times first, then every network in every system, one row of the table after the other. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bars } from "./bars.ts";
import { compareSystems, joinComparisons, type Comparison } from "./compare.ts";
import { cacheVariables, measureCompile, type CompileRecord } from "./compile-times.ts";
import type { Network } from "./networks.ts";
import { measureOverhead, type Overhead } from "./overhead.ts";
import { heddleSystemsFor, type BenchPlan } from "./plan.ts";
import { comparisonNotes } from "./report/comparison-notes.ts";
import { comparisonTable, type MeasuredNetwork } from "./report/comparison-table.ts";
import { compileTable } from "./report/compile-table.ts";
import { loadInHeddle } from "./systems/heddle.ts";
import type { HeddleSystem } from "./systems/system.ts";

/** Results of one network that differ by more than this, relative to the largest, are those of different networks. */
const tolerance = 1e-3;

/** Everything measured, as JSON takes it. */
export interface ComparisonRecord {
  readonly networks: readonly MeasuredNetwork[];
  readonly compile: readonly CompileRecord[];
}

export async function runComparison(plan: BenchPlan): Promise<ComparisonRecord> {
  // Kernels of benchmarks do not belong in the user's cache, and the first compilation shall find none there.
  const cacheFolder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  try {
    const compile = plan.compileTimes ? await measureCompiles(plan, cacheFolder) : [];
    if (plan.compileTimes) Object.assign(process.env, cacheVariables(cacheFolder));
    const networks: MeasuredNetwork[] = [];
    for (const network of plan.networks) {
      const measured = await measureNetwork(plan, network);
      if (measured.comparison.systems.length + measured.comparison.missing.length > 0)
        networks.push(measured);
    }
    const comparisons = networks.map(({ comparison }) => comparison);
    plan.say(comparisonTable(networks));
    plan.say(`\n${comparisonNotes(comparisons, plan)}`);
    if (compile.length > 0) plan.say(`\n${compileTable(compile)}`);
    failWhereResultsDiffer(comparisons, plan.say);
    return { networks, compile };
  } finally {
    rmSync(cacheFolder, { recursive: true, force: true });
  }
}

/** Whoever computes something else has no time that could be compared. */
function failWhereResultsDiffer(comparisons: readonly Comparison[], say: (text: string) => void): void {
  for (const { network, systems, ratios } of comparisons) {
    const apart = [
      ...systems.map(({ system, difference }) => [system, "PyTorch", difference ?? 0] as const),
      ...ratios.map(({ system, reference, difference }) => [system, reference, difference] as const),
    ].filter(([, , difference]) => difference > tolerance);
    for (const [system, other, difference] of apart) {
      say(
        `${network}: the results of ${system} and ${other} differ by ${difference.toExponential(1)} of the largest!`,
      );
      process.exitCode = 1;
    }
  }
}

async function measureCompiles(plan: BenchPlan, cacheFolder: string): Promise<readonly CompileRecord[]> {
  const records: CompileRecord[] = [];
  for (const network of plan.networks) {
    for (const system of heddleSystemsFor(plan, network)) {
      console.error(`compiling ${network.name} for ${system}, twice …`);
      records.push(measureCompile(network.name, system, cacheFolder));
    }
  }
  return records;
}

async function measureNetwork(plan: BenchPlan, network: Network): Promise<MeasuredNetwork> {
  const { systems, slow, rounds, threads } = plan;
  console.error(`measuring ${network.name} …`);
  let comparison = await compareSystems(network, systems, { rounds, threads });
  if (slow.systems.length > 0 && slow.networks.includes(network.name)) {
    const options = { rounds: slow.rounds, threads };
    comparison = joinComparisons(comparison, await compareSystems(network, slow.systems, options));
  }
  return { comparison, overhead: await overheadAsked(plan, comparison, network) };
}

/** Overhead on those devices of which a bar asks it. */
async function overheadAsked(
  { rounds, threads }: BenchPlan,
  { systems }: Comparison,
  network: Network,
): Promise<Partial<Record<HeddleSystem, Overhead>>> {
  const measured: Partial<Record<HeddleSystem, Overhead>> = {};
  for (const bar of bars) {
    if (bar.kind !== "overhead" || bar.network !== network.name) continue;
    if (!systems.some(({ system }) => system === bar.system)) continue;
    const loaded = await loadInHeddle(bar.system, network, threads);
    measured[bar.system] = await measureOverhead(loaded, rounds);
    await loaded.dispose();
  }
  return measured;
}
