/** Compile times: one row a network and device, stages across, the load also from the caches on disk. */
import type { CompileRecord, CompileTimes } from "../compile-times.ts";
import { textTable } from "./text-table.ts";

export function compileTable(records: readonly CompileRecord[]): string {
  const header = ["compile, ms", "device", "kernels", "import", "trace", "passes", "lower", "load", "total", "load, cached", "total, cached"]; // prettier-ignore
  const rows = records.map(({ network, system, kernels, first, cached }) => [
    network,
    system,
    String(kernels),
    ...[first.import, first.trace, first.passes, first.lower, first.load, total(first)].map(ms),
    ...[cached.load, total(cached)].map(ms),
  ]);
  return textTable([header, ...rows]);
}

function total(times: CompileTimes): number {
  return Object.values(times).reduce((sum: number, value: number) => sum + value, 0);
}

function ms(value: number): string {
  return value.toFixed(0);
}
