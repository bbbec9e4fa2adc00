/** What the comparison's numbers are, which systems were measured, and what is missing. */
import type { Comparison } from "../compare.ts";
import type { BenchPlan } from "../plan.ts";

export function comparisonNotes(comparisons: readonly Comparison[], { rounds, slow }: BenchPlan): string {
  const descriptions = new Map<string, string>();
  for (const { systems } of comparisons)
    for (const { system, description } of systems) descriptions.set(system, description);
  const missing = new Map<string, string[]>();
  for (const comparison of comparisons) {
    for (const { system, why } of comparison.missing) {
      const key = `  ${system} is left out: ${why}`;
      missing.set(key, [...(missing.get(key) ?? []), comparison.network]);
    }
  }
  const slowRounds = slow.systems.length > 0 ? ` (${slow.systems.join(", ")}: ${slow.rounds})` : "";
  return [
    `Medians ± half the distance between quartiles, batch 1, in turns with pauses between, each system awake for 0.1 s before its times count; rounds: ${rounds}${slowRounds}.`,
    "÷: a ratio for each round, and the largest difference of the two results relative to the largest output.",
    ...[...descriptions].map(([system, description]) => `  ${system}: ${description}`),
    ...[...missing].map(([line, networks]) => `${line} (${networks.join(", ")})`),
    ...(missing.size > 0 && [...missing.keys()].some((line) => line.includes("not installed"))
      ? ["  To install it: cd bench && ONNXRUNTIME_NODE_INSTALL=skip npm install"]
      : []),
  ].join("\n");
}
