/**
 * The demo: a network that PyTorch trained classifies 360 handwritten digits.
 *
 *     npm run demo                          the best device there is
 *     npm run demo -- --device all          every device, compared with PyTorch
 */
import { listDevices, UserError, type DeviceKind } from "heddle";
import { CommandLineError, readArguments, usage, type Choice } from "./arguments.ts";
import { classify, type Classification } from "./classify.ts";
import { describeReport } from "./describe.ts";
import { drawDigits, pickDigits } from "./draw.ts";
import { loadDigits, type Digits } from "./load.ts";
import { showProgress } from "./progress.ts";

async function main(args: readonly string[]): Promise<void> {
  const { device, help } = readArguments(args);
  if (help) return console.log(usage);
  const digits = loadDigits();
  if (device !== "all") {
    printStory(digits, await classifyOn(digits, device));
  } else {
    await compareDevices(digits);
  }
}

/** The whole story on the device that `auto` takes, then every device beside PyTorch. */
async function compareDevices(digits: Digits): Promise<void> {
  const listings = await listDevices();
  const best = await classifyOn(digits, "auto");
  printStory(digits, best);
  const kinds = new Set(listings.filter(({ missing }) => missing === undefined).map(({ kind }) => kind));
  const results: Classification[] = [];
  for (const kind of kinds)
    results.push(kind === best.compiled.device.kind ? best : await classifyOn(digits, kind));
  console.log("\nEvery device, beside PyTorch's logits (largest difference, relative to the largest logit):");
  for (const { compiled, correct, difference, medianRunMs } of results) {
    const { kind, name } = compiled.device;
    const speed = `${perSecond(digits, medianRunMs)} images/s`;
    console.log(`  ${kind.padEnd(7)} ${difference.toExponential(1)}   ${correct} of ${digits.count} right   ${speed.padStart(16)}   ${name}`); // prettier-ignore
  }
  for (const { kind, missing } of listings) {
    if (missing !== undefined) console.log(`  ${kind.padEnd(7)} not here: ${missing}`);
  }
}

async function classifyOn(
  digits: Digits,
  device: Exclude<Choice, "all"> | DeviceKind,
): Promise<Classification> {
  const progress = showProgress(process.stderr);
  try {
    return await classify(digits, device, progress.onProgress);
  } finally {
    progress.clear();
  }
}

function printStory(digits: Digits, { compiled, predictions, correct, medianRunMs }: Classification): void {
  const report = compiled.report();
  const { kind, name, reason } = report.data.device;
  const accuracy = ((100 * correct) / digits.count).toFixed(1);
  console.log(`Device: ${name} (${kind}), because: ${reason}.\n`);
  console.log(describeReport(report));
  console.log(`\nAccuracy: ${correct} of ${digits.count} handwritten digits (${accuracy} %).`);
  console.log(`Speed: ${perSecond(digits, medianRunMs)} images per second (median run of ${digits.count}: ${medianRunMs.toFixed(1)} ms).\n`); // prettier-ignore
  console.log(drawDigits(digits, pickDigits(digits, predictions, 3, 2), predictions));
}

function perSecond({ count }: Digits, runMs: number): string {
  return Math.round((count / runMs) * 1000).toLocaleString("en");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Mistakes on the command line and devices that are not there; anything else is a defect and keeps its stack.
  if (!(error instanceof UserError || error instanceof CommandLineError)) throw error;
  console.error(`demo: ${error.message}\n${usage}`);
  process.exitCode = 1;
}
