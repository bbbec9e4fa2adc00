/** The process in which `check.ts` runs cases: takes one at a time, answers with its outcome. */
import { openDevice } from "../../src/runtime/open-device.ts";
import type { DeviceKind } from "../../src/runtime/device.ts";
import type { BackendCase } from "./cases.ts";
import { runCase } from "./run-case.ts";

const name = process.argv[2]!;
const opened = name === "reference" ? undefined : await openDevice(name as DeviceKind);

process.on("message", (item) => {
  void runCase(item as BackendCase, opened?.device ?? "reference").then((outcome) => process.send!(outcome));
});
