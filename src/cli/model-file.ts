/** Files as the commands read and write them; a model's external data comes from its own folder and nowhere else. */
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { ExternalData } from "../import/onnx/tensors.ts";
import { CommandLineError } from "./command-line-error.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  EACCES: "permission is denied",
  ERR_FS_FILE_TOO_LARGE: "it is larger than 2 GiB; keep weights in external data",
};

export function readBytes(path: string): Uint8Array {
  return attempt(`cannot read '${path}'`, () => readFileSync(path));
}

export function writeBytes(path: string, content: Uint8Array | string): void {
  attempt(`cannot write '${path}'`, () => writeFileSync(path, content));
}

/** Reads files beside the model; links that lead out of its folder are refused as paths are. */
export function externalDataBeside(modelPath: string): ExternalData {
  return (name) => {
    const folder = attempt(`cannot read '${modelPath}'`, () => realpathSync(dirname(modelPath)));
    const path = attempt(`cannot read the model's external data '${name}'`, () =>
      realpathSync(join(folder, name)),
    );
    if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new CommandLineError(`external data '${name}' is a link that leads out of the model's folder.`);
    return readBytes(path);
  };
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new CommandLineError(`${what}: ${reasons[code] ?? message}.`);
  }
}
