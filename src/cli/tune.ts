/** `heddle tune`: measures the ways to compute a model on a device, prints what it found and writes records of it. */
import { openOnnx } from "../import/onnx/open-onnx.ts";
import { openDevice } from "../runtime/open-device.ts";
import { tune } from "../tune.ts";
import { TuningRecords } from "../tuning/records.ts";
import type { SettledDecision } from "../tuning/tune-decisions.ts";
import type { Tuning } from "../tuning/tune-graph.ts";
import type { TuneArguments } from "./arguments.ts";
import { writeBytes } from "./files.ts";
import { progressBar } from "./progress-bar.ts";
import { readConstants } from "./read-inputs.ts";
import { readRecordsIfAny } from "./tuning-file.ts";

export async function tuneCommand(args: TuneArguments): Promise<void> {
  const model = await openOnnx(args.model);
  const onFile = readRecordsIfAny(args.records);
  const { device, reason } = await openDevice(args.device);
  const bar = progressBar(process.stderr, "decisions");
  let found: Tuning;
  try {
    found = await tune(model, {
      device,
      shapes: args.shapes,
      constants: readConstants([...model.inputs, ...model.overridable], args.constants),
      tuning: args.again ? new TuningRecords() : onFile,
      onProgress: ({ completed, total, signature }) => bar.show(completed, total, signature),
    });
  } finally {
    bar.clear();
  }
  console.log(`${args.model} on ${device.name} (${device.kind}: ${reason})\n`);
  console.log(describeDecisions(found.decisions));
  writeBytes(args.records, String(onFile.merge(found.added)));
  console.log(`wrote ${args.records}`);
}

/** Every decision with the times of its candidates, the rule's first, and a mark at the one that was chosen. */
function describeDecisions(decisions: readonly SettledDecision[]): string {
  const lines = decisions.flatMap(({ signature, candidates, entry, measured }) => {
    const { choice, elapsedMs } = entry;
    const times = candidates.map((candidate) => {
      const ms = elapsedMs[candidate];
      return `${candidate === choice ? "▸ " : ""}${candidate} ${ms === undefined ? "–" : `${ms.toPrecision(3)} ms`}`;
    });
    return [`${signature}${measured ? "" : "  (on file)"}`, `    ${times.join("   ")}`];
  });
  const changed = decisions.filter(({ candidates, entry }) => entry.choice !== candidates[0]).length;
  const measured = decisions.filter((decision) => decision.measured).length;
  return [
    ...lines,
    ...(lines.length === 0 ? [] : [""]),
    `${decisions.length} decisions, ${measured} measured now, ${changed} other than the rules choose`,
  ].join("\n");
}
