/**
 * The benchmark that anyone can repeat: `npm run bench`, with options after `--` (see arguments.ts). Prints the
 * machine, then tables. Nothing fails because it is slow; results that differ end it with a failure.
 */
import { writeFileSync } from "node:fs";
import { CommandLineError } from "../src/cli/command-line-error.ts";
import { readArguments, usage, type Mode } from "./arguments.ts";
import { bars } from "./bars.ts";
import { describeMachine, machineLines } from "./machine.ts";
import { makePlan, type BenchPlan } from "./plan.ts";
import { runComparison } from "./run-comparison.ts";
import { runOverhead } from "./run-overhead.ts";
import { runProfile } from "./run-profile.ts";

const modes: Readonly<Record<Mode, (plan: BenchPlan) => Promise<object>>> = {
  compare: runComparison,
  overhead: runOverhead,
  profile: runProfile,
};

async function main(args: readonly string[]): Promise<void> {
  const options = readArguments(args);
  if (options.help) return console.log(usage);
  const say = options.json === "-" ? console.error : console.log;
  const machine = await describeMachine();
  say(`${machineLines(machine).join("\n")}\n`);
  const plan = await makePlan(options, machine, say);
  const measured = await modes[options.mode](plan);
  if (options.json === undefined) return;
  const text = `${JSON.stringify({ machine, rounds: plan.rounds, threads: plan.threads, bars, ...measured })}\n`;
  if (options.json === "-") process.stdout.write(text);
  else writeFileSync(options.json, text);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Mistakes on the command line; anything else is a defect and keeps its stack.
  if (!(error instanceof CommandLineError)) throw error;
  console.error(`bench: ${error.message}${error.help === undefined ? "" : ` See ${error.help}`}`);
  process.exitCode = 1;
}
