/**
 * The comparison as one table: networks down, systems across. Under each network's times, the ratios of Heddle's
 * devices to each other system, with the difference of the two results, and what is asked of them.
 */
import type { Comparison } from "../compare.ts";
import type { Overhead } from "../overhead.ts";
import { systemNames, type HeddleSystem, type SystemName } from "../systems/system.ts";
import { verdicts } from "./bar-verdict.ts";
import { formatDifference, formatPercent, formatSummary } from "./format.ts";
import { textTable } from "./text-table.ts";

export interface MeasuredNetwork {
  readonly comparison: Comparison;
  /** On those devices of which a bar asks it. */
  readonly overhead: Partial<Record<HeddleSystem, Overhead>>;
}

export function comparisonTable(measured: readonly MeasuredNetwork[]): string {
  const columns = systemNames.filter((name) =>
    measured.some(({ comparison }) => comparison.systems.some(({ system }) => system === name)),
  );
  const header = ["time, ms", ...columns, "asked"];
  return textTable([header, ...measured.flatMap((network) => rowsOf(network, columns))]);
}

function rowsOf({ comparison, overhead }: MeasuredNetwork, columns: readonly SystemName[]): string[][] {
  const { network, systems, ratios } = comparison;
  const row = (label: string, cell: (system: SystemName) => string | undefined, asked: string): string[] => [
    label,
    ...columns.map((system) => cell(system) ?? ""),
    asked,
  ];
  const summaryOf = (name: SystemName) => systems.find(({ system }) => system === name)?.summary;
  const times = row(
    network,
    (system) => (summaryOf(system) ? formatSummary(summaryOf(system)!) : "–"),
    verdicts(
      (bar) => bar.kind === "time" && bar.network === network && columns.includes(bar.system),
      (bar) => summaryOf(bar.system)?.median,
    ),
  );
  const afterPause = row(
    "  first run after a pause",
    (name) => {
      const summary = systems.find(({ system }) => system === name)?.afterPause;
      return summary && formatSummary(summary);
    },
    "",
  );
  const differences = row(
    "  from PyTorch's result",
    (name) => {
      const difference = systems.find(({ system }) => system === name)?.difference;
      return difference === undefined ? undefined : formatDifference(difference);
    },
    "",
  );
  const pairs = columns
    .filter((reference) => ratios.some((ratio) => ratio.reference === reference))
    .flatMap((reference) => {
      const ratioOf = (system: SystemName) =>
        ratios.find((ratio) => ratio.system === system && ratio.reference === reference);
      const asked = verdicts(
        (bar) =>
          bar.kind === "ratio" &&
          bar.network === network &&
          bar.reference === reference &&
          columns.includes(bar.system),
        (bar) => ratioOf(bar.system)?.summary.median,
      );
      return [
        row(
          `  ÷ ${reference}`,
          (system) => {
            const ratio = ratioOf(system);
            return ratio && `${formatSummary(ratio.summary)}, ${formatDifference(ratio.difference)}`;
          },
          asked,
        ),
      ];
    });
  const overheads =
    Object.keys(overhead).length === 0
      ? []
      : [
          row(
            "  overhead",
            (system) => {
              const share = overhead[system as HeddleSystem]?.share;
              return share === undefined ? undefined : formatPercent(share);
            },
            verdicts(
              (bar) => bar.kind === "overhead" && bar.network === network,
              (bar) => overhead[bar.system]?.share,
            ),
          ),
        ];
  return [times, afterPause, differences, ...pairs, ...overheads];
}
