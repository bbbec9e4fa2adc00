/** The demo's command line. */
import { parseArgs } from "node:util";

export const choices = ["auto", "cpu", "webgpu", "opencl", "all"] as const;
export type Choice = (typeof choices)[number];

export const usage = `usage: npm run demo -- [--device ${choices.join("|")}]`;

export class CommandLineError extends Error {}

/** @throws CommandLineError that says what was not understood */
export function readArguments(args: readonly string[]): { readonly device: Choice; readonly help: boolean } {
  const values = parse(args);
  const device = choices.find((choice) => choice === values.device);
  if (device === undefined) {
    throw new CommandLineError(
      `there is no device '${values.device}'; expected one of ${choices.join(", ")}.`,
    );
  }
  return { device, help: values.help };
}

function parse(args: readonly string[]): { readonly device: string; readonly help: boolean } {
  try {
    return parseArgs({
      args: [...args],
      options: {
        device: { type: "string", short: "d", default: "auto" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    throw new CommandLineError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
