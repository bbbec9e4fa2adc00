/** Whether what was measured meets what is asked. */
import { bars, type Bar } from "../bars.ts";
import { formatPercent } from "./format.ts";

/** `opencl ≤ 0.7: met`, for the bars that `concerns` picks; measured values by system, undefined where there is none. */
export function verdicts(
  concerns: (bar: Bar) => boolean,
  measured: (bar: Bar) => number | undefined,
): string {
  return bars
    .filter(concerns)
    .map((bar) => `${bar.system} ≤ ${limit(bar)}: ${verdict(bar, measured(bar))}`)
    .join("; ");
}

function verdict(bar: Bar, value: number | undefined): string {
  if (value === undefined) return "not measured";
  return value <= bar.most ? "met" : "missed";
}

function limit({ kind, most }: Bar): string {
  switch (kind) {
    case "ratio":
      return String(most);
    case "overhead":
      return formatPercent(most);
    case "time":
      return `${most} ms`;
  }
}
