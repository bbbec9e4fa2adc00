/** Overhead of a run, one row a network and device. */
import type { Overhead } from "../overhead.ts";
import type { HeddleSystem } from "../systems/system.ts";
import { verdicts } from "./bar-verdict.ts";
import { formatNumber, formatPercent, formatSummary } from "./format.ts";
import { textTable } from "./text-table.ts";

export interface OverheadRecord {
  readonly network: string;
  readonly system: HeddleSystem;
  readonly overhead: Overhead;
}

export function overheadTable(records: readonly OverheadRecord[]): string {
  const header = ["one run, ms", "device", "launches", "run", "kernels", "other", "share", "a launch, µs", "asked"]; // prettier-ignore
  const rows = records.map(({ network, system, overhead: { launches, run, kernels, share } }) => [
    network,
    system,
    String(launches),
    formatSummary(run),
    formatSummary(kernels),
    formatNumber(run.median - kernels.median),
    formatPercent(share),
    (((run.median - kernels.median) * 1000) / launches).toFixed(1),
    verdicts(
      (bar) => bar.kind === "overhead" && bar.network === network && bar.system === system,
      () => share,
    ),
  ]);
  return textTable([header, ...rows]);
}
