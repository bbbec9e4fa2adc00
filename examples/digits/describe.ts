/** The compiler's report in the words of someone who has not met a compiler. */
import type { Report } from "heddle";

export function describeReport(report: Report): string {
  const { kernels, launches, prepareLaunches, memory, compileMs } = report.data;
  const totalMs = Object.values(compileMs).reduce((sum, ms) => sum + ms, 0);
  return [
    "What the passes changed (operations before → after):",
    ...describePasses(report),
    "",
    `Kernels: ${kernels.length}, in ${launches} launches a run; ${prepareLaunches} launches prepared the weights, once.`,
    ...kernels.map(({ name, launches }) => `  ${name}${launches > 1 ? ` × ${launches}` : ""}`),
    `Memory: ${kib(memory.activationBytes)} for activations, ${kib(memory.parameterBytes)} of parameters, ` +
      `${kib(memory.preparedBytes)} of prepared weights.`,
    `Compiled in ${totalMs.toFixed(0)} ms.`,
  ].join("\n");
}

function describePasses({ passes }: Report): string[] {
  const lines: string[] = [];
  let split = false;
  for (const { name, summary, nodesBefore, nodesAfter, patches, decisions } of passes) {
    if (!split && name.endsWith(" (prepare)")) {
      split = true;
      lines.push(...describeSplit(passes));
    }
    if (patches.length === 0) continue;
    lines.push(
      `  ${`${nodesBefore} → ${nodesAfter}`.padEnd(10)} ${name}`,
      `             ${summary}${example(decisions)}`,
    );
  }
  const idle = [...new Set(passes.filter((pass) => pass.patches.length === 0).map((pass) => pass.name))];
  return idle.length === 0 ? lines : [...lines, `  Nothing to do for: ${idle.join(", ")}.`];
}

/** Folding makes the graph larger, but only in what is computed once; this is where one sees it. */
function describeSplit(passes: Report["passes"]): string[] {
  const count = (part: string): number | undefined =>
    passes.find((pass) => pass.name.endsWith(` (${part})`))?.nodesBefore;
  const [once, always] = [count("prepare"), count("run")];
  if (once === undefined || always === undefined) return [];
  return [
    `  Now split: ${once} operations need nothing but the weights and run once ("prepare"); ${always} run every time ("run").`,
  ];
}

/** `×9, e.g. folded into conv1 (bn1)` */
function example(decisions: readonly string[]): string {
  const first = decisions[0];
  if (first === undefined) return "";
  return decisions.length === 1 ? `: ${first}` : ` (×${decisions.length}, e.g. ${first})`;
}

function kib(bytes: number): string {
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
