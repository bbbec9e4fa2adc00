/** The command line, checked: which command, and its options as the command takes them. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearestName } from "../ir/check-options.ts";
import type { ShapeBindings } from "../import/onnx/bind-inputs.ts";
import type { DeviceKind } from "../runtime/device.ts";
import { CommandLineError } from "./command-line-error.ts";

/** `name` is undefined where only a file was given. */
export interface NamedFile {
  readonly name: string | undefined;
  readonly path: string;
}

/** The value of an input that is a constant of the program: in a file, or as it was written. */
export type GivenConstant =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly numbers: readonly string[] };

/** What has a help of its own. */
export type Topic = "run" | "inspect" | "tune" | "devices";

export interface RunArguments {
  readonly command: "run";
  readonly model: string;
  readonly inputs: readonly NamedFile[];
  readonly constants: readonly GivenConstant[];
  readonly shapes: ShapeBindings;
  readonly device: DeviceKind | "auto";
  readonly outputs: readonly NamedFile[];
  readonly profile: boolean;
  /** Results on the standard output as JSON, and nothing else there. */
  readonly json: boolean;
  /** A file of tuning records. */
  readonly records: string | undefined;
  readonly image: {
    readonly scale: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
    readonly layout: "NCHW" | "NHWC";
  };
}

export interface InspectArguments {
  readonly command: "inspect";
  /** undefined: list the operators that are supported. */
  readonly model: string | undefined;
  readonly shapes: ShapeBindings;
  readonly constants: readonly GivenConstant[];
  /** The description as JSON. */
  readonly json: boolean;
}

export interface TuneArguments {
  readonly command: "tune";
  readonly model: string;
  readonly shapes: ShapeBindings;
  readonly constants: readonly GivenConstant[];
  readonly device: DeviceKind | "auto";
  readonly records: string;
  /** Measures what the file has records of, too. */
  readonly again: boolean;
}

export type Arguments =
  | RunArguments
  | InspectArguments
  | TuneArguments
  | { readonly command: "devices"; readonly json: boolean }
  | { readonly command: "help"; readonly topic: Topic | undefined }
  | { readonly command: "version" };

const devices = ["auto", "cpu", "webgpu", "opencl"] as const;
const layouts = ["NCHW", "NHWC"] as const;

const shape = { type: "string", short: "s", multiple: true, default: [] as string[] } as const;
const constant = { type: "string", short: "c", multiple: true, default: [] as string[] } as const;
const device = { type: "string", short: "d", default: "auto" } as const;
const records = { type: "string", short: "r" } as const;
const json = { type: "boolean", default: false } as const;
const help = { type: "boolean", short: "h", default: false } as const;

const topics: readonly Topic[] = ["run", "inspect", "tune", "devices"];

function topicOf([word]: readonly string[]): Topic | undefined {
  return topics.find((topic) => topic === word);
}

/** @throws CommandLineError that says what was not understood, and whose help says more */
export function readArguments(args: readonly string[]): Arguments {
  try {
    return read(args);
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error;
    const topic = topicOf(args);
    throw new CommandLineError(error.message, `heddle ${topic === undefined ? "" : `${topic} `}--help`);
  }
}

function read(args: readonly string[]): Arguments {
  const [command, ...rest] = args;
  switch (command) {
    case "run":
      return readRun(rest);
    case "inspect":
      return readInspect(rest);
    case "tune":
      return readTune(rest);
    case "devices":
      return readDevices(rest);
    case "--help":
    case "-h":
    case "help":
      return { command: "help", topic: topicOf(rest) };
    case "-v":
    case "--version":
      return { command: "version" };
    case undefined:
      return wrong("a command is missing.");
    default:
      return wrong(`there is no command '${command}'.${didYouMean(command)}`);
  }
}

function readDevices(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args, { json, help });
  if (values.help) return { command: "help", topic: "devices" };
  if (positionals.length > 0) wrong(`devices takes no '${positionals[0]}'.`);
  return { command: "devices", json: values.json };
}

function readRun(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args, {
    input: { type: "string", short: "i", multiple: true, default: [] as string[] },
    constant,
    shape,
    device,
    output: { type: "string", short: "o", multiple: true, default: [] as string[] },
    profile: { type: "boolean", default: false },
    records,
    json,
    scale: { type: "string" },
    mean: { type: "string", default: "0" },
    std: { type: "string", default: "1" },
    layout: { type: "string", default: "NCHW" },
    help,
  });
  if (values.help) return { command: "help", topic: "run" };
  const std = numbers("--std", values.std);
  if (std.includes(0)) wrong("--std must not be 0.");
  return {
    command: "run",
    model: oneModel(positionals),
    inputs: values.input.map((text) => namedFile("--input", text)),
    constants: values.constant.map(givenConstant),
    shapes: sizes(values.shape),
    device: choice("--device", devices, values.device),
    outputs: values.output.map((text) => outputFile(text)),
    profile: values.profile,
    json: values.json,
    records: values.records,
    image: {
      scale: values.scale === undefined ? 1 / 255 : oneNumber("--scale", values.scale),
      mean: numbers("--mean", values.mean),
      std,
      layout: choice("--layout", layouts, values.layout),
    },
  };
}

function readInspect(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args, {
    operators: { type: "boolean", default: false },
    json,
    constant,
    shape,
    help,
  });
  if (values.help) return { command: "help", topic: "inspect" };
  if (values.operators && positionals.length > 0) wrong("inspect --operators takes no model.");
  const model = values.operators ? undefined : oneModel(positionals);
  const constants = values.constant.map(givenConstant);
  return { command: "inspect", model, shapes: sizes(values.shape), constants, json: values.json };
}

function readTune(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args, {
    constant,
    shape,
    device,
    records,
    again: { type: "boolean", default: false },
    help,
  });
  if (values.help) return { command: "help", topic: "tune" };
  const model = oneModel(positionals);
  return {
    command: "tune",
    model,
    constants: values.constant.map(givenConstant),
    shapes: sizes(values.shape),
    device: choice("--device", devices, values.device),
    records: values.records ?? `${model.replace(/\.onnx$/i, "")}.tuning.json`,
    again: values.again,
  };
}

function wrong(message: string): never {
  throw new CommandLineError(message);
}

function didYouMean(command: string): string {
  const near = nearestName(command, topics);
  return near === undefined ? "" : ` Did you mean ${near}?`;
}

function parse<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
}

function oneModel(positionals: readonly string[]): string {
  const [model, ...more] = positionals;
  if (model === undefined) return wrong("the model's file is missing.");
  if (more.length > 0)
    wrong(`one model is expected, got ${positionals.join(", ")}. Inputs are given with --input.`);
  return model;
}

/** `name=file`, or a file alone. */
function namedFile(option: string, text: string): NamedFile {
  const at = text.indexOf("=");
  const file = { name: at < 0 ? undefined : text.slice(0, at), path: text.slice(at + 1) };
  if (file.path === "" || file.name === "") wrong(`${option} '${text}' is not [NAME=]FILE.`);
  return file;
}

/** `NAME=FILE.npy`, or numbers: `sr=16000`, `axes=1,2`, `flag=true`. */
function givenConstant(text: string): GivenConstant {
  const { name, path } = namedFile("--constant", text);
  if (name !== undefined && /\.npy$/i.test(path)) return { name, path };
  const numbers = path.split(",").map((part) => part.trim());
  const isNumber = (part: string) => /^([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|true|false)$/i.test(part);
  if (name === undefined || !numbers.every(isNumber))
    return wrong(
      `--constant '${text}' is not NAME=FILE.npy. Numbers are written out, such as sr=16000 or axes=1,2.`,
    );
  return { name, numbers };
}

function outputFile(text: string): NamedFile {
  const file = namedFile("--output", text);
  if (!/\.(npy|json)$/i.test(file.path)) wrong(`--output '${text}' is neither an .npy nor a .json file.`);
  return file;
}

/** `NAME=8`, and `NAME=2,3` for an input whose shape the model leaves open. */
function sizes(texts: readonly string[]): ShapeBindings {
  const entries = texts.map((text) => {
    const at = text.lastIndexOf("=");
    const [name, size] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    if (name === "" || !/^\d{1,9}(,\d{1,9})*$/.test(size))
      wrong(
        `--shape '${text}' is not NAME=SIZE, such as N=8, or NAME=SIZE,SIZE,… for the shape of an input.`,
      );
    return [name, size.includes(",") ? size.split(",").map(Number) : Number(size)] as const;
  });
  return Object.fromEntries(entries);
}

function numbers(option: string, text: string): readonly number[] {
  return text.split(",").map((part) => oneNumber(option, part));
}

function oneNumber(option: string, text: string): number {
  const value = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : wrong(`${option}: '${text}' is not a number.`);
}

function choice<const Choice extends string>(
  option: string,
  choices: readonly Choice[],
  text: string,
): Choice {
  const found = choices.find((item) => item === text);
  return found ?? wrong(`${option} '${text}' is not one of ${choices.join(", ")}.`);
}
