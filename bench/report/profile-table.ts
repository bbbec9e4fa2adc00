/** Kernels of one run, the longest first, beside what the machine could do. */
import type { Peaks } from "../profile/peaks.ts";
import type { ProfiledLaunch } from "../profile/profile.ts";
import { formatNumber, formatPercent } from "./format.ts";
import { textTable } from "./text-table.ts";

interface KernelTotal {
  readonly kernel: string;
  readonly launches: number;
  readonly ms: number;
  readonly operations: number;
  readonly bytes: number;
}

export function profileTable(network: string, launches: readonly ProfiledLaunch[], peaks: Peaks): string {
  const totals = byKernel(launches);
  const all = totals.reduce((sum, { ms, operations, bytes }) => ({
    kernel: "all",
    launches: launches.length,
    ms: sum.ms + ms,
    operations: sum.operations + operations,
    bytes: sum.bytes + bytes,
  }));
  const row = ({ kernel, launches, ms, operations, bytes }: KernelTotal): string[] => [
    kernel,
    String(launches),
    formatNumber(ms),
    formatPercent(ms / all.ms),
    formatNumber(operations / ms / 1e6),
    formatPercent(operations / (ms / 1000) / peaks.operationsPerSecond),
    formatNumber(bytes / ms / 1e6),
    formatPercent(bytes / (ms / 1000) / peaks.bytesPerSecond),
  ];
  const header = [network, "launches", "ms", "share", "GFLOP/s", "of peak", "GB/s", "of peak"];
  return textTable([header, ...totals.map(row), row({ ...all, launches: launches.length })]);
}

function byKernel(launches: readonly ProfiledLaunch[]): readonly KernelTotal[] {
  const totals = new Map<string, KernelTotal>();
  for (const { kernel, medianMs, operations, bytes } of launches) {
    const before = totals.get(kernel) ?? { kernel, launches: 0, ms: 0, operations: 0, bytes: 0 };
    totals.set(kernel, {
      kernel,
      launches: before.launches + 1,
      ms: before.ms + medianMs,
      operations: before.operations + operations,
      bytes: before.bytes + bytes,
    });
  }
  return [...totals.values()].sort((a, b) => b.ms - a.ms);
}
