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
import { exitCodes, usageOf } from "./usage.ts";

async function main(args: readonly string[]): Promise<void> {
  const read = readArguments(args);
  switch (read.command) {
    case "run":
      return runCommand(read);
    case "inspect":
      // A script can ask before it runs.
      if (!(await inspectCommand(read))) process.exitCode = exitCodes.failed;
      return;
    case "tune":
      return tuneCommand(read);
    case "devices":
      return devicesCommand(read.json);
    case "help":
      return console.log(usageOf(read.topic));
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
  if (error.code === "EPIPE") process.exit(0);
  const reason = error.code === "ENOSPC" ? "the disk is full" : error.message;
  process.stderr.write(`heddle: cannot write to the standard output: ${reason}.\n`);
  process.exit(exitCodes.failed);
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  // What the caller can mend is said in a line; anything else is a defect and keeps its stack.
  if (!(error instanceof UserError || error instanceof CommandLineError)) throw error;
  const help = error instanceof CommandLineError ? error.help : undefined;
  console.error(`heddle: ${error.message}${help === undefined ? "" : ` See ${help}`}`);
  process.exitCode = help === undefined ? exitCodes.failed : exitCodes.usage;
}
