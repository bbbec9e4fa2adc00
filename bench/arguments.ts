/** The command line of `npm run bench`, checked. */
import { parseArgs } from "node:util";
import { CommandLineError } from "../src/cli/command-line-error.ts";
import { defaultNetworks } from "./networks.ts";
import { systemNames, type SystemName } from "./systems/system.ts";

export const usage = `npm run bench -- [option …]

Times networks in Heddle on every device there is, beside ONNX Runtime and PyTorch, in turns. To install what it
compares with: cd bench && ONNXRUNTIME_NODE_INSTALL=skip npm install; apt-get install python3-torch python3-torchvision

  --only NAMES       networks, of ${defaultNetworks.join(",")},
                     or of the others that scripts/torchvision/export-networks.py exports
  --systems NAMES    of ${systemNames.join(",")};
                     all but the WebGPU ones where those run in software
  --webgpu           add the WebGPU ones, which take seconds a run in software: resnet18 alone and 3 rounds,
                     unless --only and --rounds say otherwise
  --rounds N         turns of each system (default 7)
  --json FILE        write everything that was measured; - is standard output, and tables go to standard error
  --skip-compile     leave out compile times, which start with an empty kernel cache
  --overhead         instead: time of a run in which no kernel runs, on each of Heddle's devices
  --profile          instead: every kernel of a run on the first of Heddle's devices in --systems, beside the
                     machine's peaks
  --help`;

/** What to measure: the comparison unless another table is asked for. */
export type Mode = "compare" | "overhead" | "profile";

export interface Arguments {
  readonly mode: Mode;
  readonly networks: readonly string[];
  /** undefined: whatever is here. */
  readonly systems: readonly SystemName[] | undefined;
  readonly webgpu: boolean;
  readonly rounds: number;
  /** What software WebGPU takes part in. */
  readonly slow: { readonly networks: readonly string[]; readonly rounds: number };
  readonly json: string | undefined;
  readonly compileTimes: boolean;
  readonly help: boolean;
}

const [defaultRounds, slowRounds, slowNetworks] = [7, 3, ["resnet18"]];

/** @throws CommandLineError that says what was not understood */
export function readArguments(args: readonly string[]): Arguments {
  const values = parse(args);
  if (values.overhead && values.profile) throw new CommandLineError("--overhead and --profile are two runs.");
  const networks = values.only === undefined ? defaultNetworks : list("--only", values.only);
  const systems =
    values.systems === undefined ? undefined : list("--systems", values.systems).map(systemName);
  const rounds = values.rounds === undefined ? undefined : roundCount(values.rounds);
  return {
    mode: values.overhead ? "overhead" : values.profile ? "profile" : "compare",
    networks,
    systems: systems && systemNames.filter((name) => systems.includes(name)),
    webgpu: values.webgpu,
    rounds: rounds ?? defaultRounds,
    slow: { networks: values.only === undefined ? slowNetworks : networks, rounds: rounds ?? slowRounds },
    json: values.json,
    compileTimes: !values["skip-compile"],
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: "string" },
        systems: { type: "string" },
        webgpu: { type: "boolean", default: false },
        rounds: { type: "string" },
        json: { type: "string" },
        "skip-compile": { type: "boolean", default: false },
        overhead: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new CommandLineError(
      error instanceof Error ? error.message : String(error),
      "npm run bench -- --help",
    );
  }
}

function list(option: string, text: string): readonly string[] {
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  if (names.includes("")) throw new CommandLineError(`${option} '${text}' is not a list such as a,b.`);
  return names;
}

function systemName(text: string): SystemName {
  const name = systemNames.find((known) => known === text);
  if (name === undefined)
    throw new CommandLineError(`--systems '${text}' is not one of ${systemNames.join(", ")}.`);
  return name;
}

function roundCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new CommandLineError(`--rounds '${text}' is not a count such as 7.`);
  return Number(text);
}
