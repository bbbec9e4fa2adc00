#!/usr/bin/env node
/**
 * The `heddle` command: runs, inspects and tunes models, lists devices.
 *
 *     npx heddle run model.onnx --input image.npy
 *     npx heddle inspect model.onnx
 *     npx heddle tune model.onnx
 *     npx heddle devices
 */
import { createRequire } from "node:module";
import { UserError } from "../errors.ts";
import { readArguments } from "./arguments.ts";
import { CommandLineError } from "./command-line-error.ts";
import { devicesCommand } from "./devices.ts";
import { inspectCommand } from "./inspect.ts";
import { runCommand } from "./run.ts";
import { tuneCommand } from "./tune.ts";
import { usage } from "./usage.ts";

async function main(args: readonly string[]): Promise<void> {
  const read = readArguments(args);
  switch (read.command) {
    case "run":
      return runCommand(read);
    case "inspect":
      return inspectCommand(read);
    case "tune":
      return tuneCommand(read);
    case "devices":
      return devicesCommand();
    case "help":
      return console.log(usage);
    case "version":
      return console.log(packageVersion());
    default:
      return read satisfies never;
  }
}

function packageVersion(): string {
  const own = createRequire(import.meta.url)("heddle/package.json") as { readonly version: string };
  return own.version;
}

// A reader that stops early, such as head, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  // What the caller can mend is said in a line; anything else is a defect and keeps its stack.
  if (!(error instanceof UserError || error instanceof CommandLineError)) throw error;
  const hint = error instanceof CommandLineError && error.showUsage ? `\n\n${usage}` : "";
  console.error(`heddle: ${error.message}${hint}`);
  process.exitCode = 1;
}
