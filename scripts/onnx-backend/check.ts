/**
 * Runs ONNX's backend tests, of which Debian's package libonnx-testdata has those of ONNX 1.12:
 *
 *     npm run check:onnx-backend -- [--device reference|cpu|opencl|webgpu] [--only REGEX] [--sample N]
 *                                   [--folder DIR] [--seconds N] [--verbose]
 *
 * Cases run one after the other in a process of their own, which is replaced when one takes too long or brings it
 * down; --sample runs every N-th only, --seconds limits each. Prints what failed and what was refused, and ends with a
 * failure where a case failed, or was refused without being in `expectations.ts`.
 */
import { fork, type ChildProcess } from "node:child_process";
import { parseArgs } from "node:util";
import { UserError } from "../../src/errors.ts";
import type { DeviceKind } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { findCases, packageFolder, type BackendCase } from "./cases.ts";
import { expectedRefusal } from "./expectations.ts";
import type { Outcome } from "./run-case.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "reference" },
    only: { type: "string", default: "" },
    /** Every N-th case: compiling for OpenCL takes long. */
    sample: { type: "string", default: "1" },
    folder: { type: "string", default: packageFolder },
    seconds: { type: "string", default: "60" },
    verbose: { type: "boolean", default: false },
  },
});
const pattern = new RegExp(values.only);
const cases = findCases(values.folder)
  .filter(({ id }) => pattern.test(id))
  .filter((_, i) => i % Number(values.sample) === 0);
if (cases.length === 0) {
  console.error(`No tests in ${values.folder}${values.only === "" ? "" : ` match ${values.only}`}.`);
  console.error(
    "On Debian: apt-get install libonnx-testdata; elsewhere give --folder, with GROUP/CASE/model.onnx.",
  );
  process.exit(1);
}

// Said once, before a thousand cases say it.
if (values.device !== "reference") {
  try {
    const { device } = await openDevice(values.device as DeviceKind);
    await device.finish();
  } catch (error) {
    console.error(error instanceof UserError ? error.message : error);
    process.exit(1);
  }
}

let worker: ChildProcess | undefined;
const outcomes: { readonly item: BackendCase; readonly outcome: Outcome }[] = [];
for (const item of cases) {
  const start = performance.now();
  const outcome = await runInWorker(item);
  outcomes.push({ item, outcome });
  if (values.verbose)
    console.log(
      `${outcome.kind.padEnd(8)} ${(performance.now() - start).toFixed(0).padStart(6)} ms  ${item.id} ${outcome.reason}`,
    );
}
worker?.kill();
process.exit(summarize() ? 0 : 1);

function runInWorker(item: BackendCase): Promise<Outcome> {
  worker ??= fork(new URL("worker.ts", import.meta.url), [values.device], { execArgv: process.execArgv });
  const child = worker;
  return new Promise((resolve) => {
    const finish = (outcome: Outcome, isAlive: boolean) => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (!isAlive) {
        child.kill("SIGKILL");
        worker = undefined;
      }
      resolve(outcome);
    };
    const failed = (reason: string) => finish({ kind: "failed", reason, constants: [] }, false);
    const timer = setTimeout(
      () => failed(`took longer than ${values.seconds} s`),
      1000 * Number(values.seconds),
    );
    child.once("message", (message) => finish(message as Outcome, true));
    child.once("error", (error) => failed(String(error)));
    child.once("exit", (code, signal) => failed(`the process ended (${signal ?? code})`));
    child.send(item);
  });
}

/** The message, and of a stack the first place. */
function brief(reason: string): string {
  return reason.replace(/(\n {4}at .*)(\n {4}at .*)+$/, "$1");
}

/** Whether all is as it should be. */
function summarize(): boolean {
  const of = (kind: Outcome["kind"]) => outcomes.filter(({ outcome }) => outcome.kind === kind);
  const [passed, failed, refused] = [of("passed"), of("failed"), of("refused")];
  const unexpected = refused.filter(({ item }) => expectedRefusal(item.id) === undefined);
  const accepted = passed.filter(({ item }) => expectedRefusal(item.id) !== undefined);
  for (const { item, outcome } of failed) console.log(`FAIL ${item.id}: ${brief(outcome.reason)}`);
  for (const { item, outcome } of unexpected) console.log(`REFUSED ${item.id}: ${brief(outcome.reason)}`);
  for (const { item } of accepted) console.log(`PASSED, but expected to be refused: ${item.id}`);
  const byReason = new Map<string, string[]>();
  for (const { item } of refused) {
    const reason = expectedRefusal(item.id);
    if (reason !== undefined) byReason.set(reason, [...(byReason.get(reason) ?? []), item.id]);
  }
  for (const [reason, ids] of byReason) console.log(`refused, ${reason}: ${ids.length} (${ids.join(" ")})`);
  const bound = passed.filter(({ outcome }) => outcome.constants.length > 0).length;
  console.log(
    `${values.device}: ${passed.length} passed (${bound} with inputs bound as constants), ${failed.length} failed, ` +
      `${refused.length} refused, ${unexpected.length} of them unexpectedly`,
  );
  return failed.length + unexpected.length + accepted.length === 0;
}
