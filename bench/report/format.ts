/** Numbers as people read them. */
import type { Summary } from "../statistics.ts";

/** A median of three significant digits, and its spread to the same place: `18.1 ±0.3`. */
export function formatSummary({ median, spread }: Summary): string {
  const places = placesOf(median);
  return `${median.toFixed(places)} ±${spread.toFixed(places)}`;
}

/** Three significant digits, without exponents. */
export function formatNumber(value: number): string {
  return value.toFixed(placesOf(value));
}

export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** A relative difference, to its order: `4e-7`. */
export function formatDifference(difference: number): string {
  return difference.toExponential(0);
}

function placesOf(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return 2;
  return Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0), 3);
}
