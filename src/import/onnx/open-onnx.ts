/**
 * ONNX models by path (Node only). Weights stay on disk, in the model's file and in those beside it that it names,
 * and are read when a program is compiled, so they are never in memory twice.
 */
import { checkOptions } from "../../ir/check-options.ts";
import { UserError } from "../../errors.ts";
import type { ByteSource } from "../../ir/byte-source.ts";
import { checkMemoryLimit } from "../../ir/memory-limit.ts";
import { importAtRuntime, isNode } from "../../runtime/import-at-runtime.ts";
import { FileBytes, reading } from "../file-bytes.ts";
import { importParsed, type ImportOptions, type OnnxModel } from "./model.ts";
import { parseModel, type ParsedModel } from "./parse-model.ts";
import { parseWithoutWeights } from "./parse-without-weights.ts";
import { leastLeftBytes } from "./tensors.ts";

/** A parsed model and the files beside it. */
export interface OpenedOnnx {
  readonly parsed: ParsedModel;
  /** Files by the names that the model gives them; links that lead out of its folder are refused. */
  readonly externalData: (name: string) => ByteSource;
}

/**
 * Imports an ONNX model from a file (Node only). Its weights, external data included, are read when they are needed:
 * keep the files as they are until the last program was compiled and no weight will be asked for.
 * @throws UserError (`file-format`, `unsupported`) as `importOnnx`, and `argument` when a file cannot be read
 * @example
 * const compiled = await compile(await openOnnx("resnet18.onnx"), { shapes: { N: 8 } });
 */
export async function openOnnx(
  path: string,
  options: Pick<ImportOptions, "memoryLimitBytes"> = {},
): Promise<OnnxModel> {
  checkOptions<Pick<ImportOptions, "memoryLimitBytes">>("openOnnx", options, { memoryLimitBytes: "number" });
  checkMemoryLimit("openOnnx", options.memoryLimitBytes);
  const { parsed, externalData } = await parseOnnxFile(path);
  return importParsed(parsed, externalData, options.memoryLimitBytes);
}

/** @throws UserError */
export async function parseOnnxFile(path: string): Promise<OpenedOnnx> {
  if (typeof path !== "string")
    throw new UserError(
      "argument",
      `openOnnx: expected the path of a file, got ${typeof path}. Bytes go to importOnnx.`,
    );
  if (!isNode())
    throw new UserError("unsupported", "openOnnx: reading files needs Node. Pass bytes to importOnnx.");
  const [fs, { dirname, join, resolve, sep }] = await Promise.all([
    importAtRuntime<typeof import("node:fs")>("node:fs"),
    importAtRuntime<typeof import("node:path")>("node:path"),
  ]);
  const absolute = resolve(path);
  const what = `'${path}'`;
  const isRegular = reading(what, () => fs.statSync(absolute)).isFile();
  // A pipe can be read once, and from the beginning.
  const parsed = isRegular
    ? parseWithoutWeights(FileBytes.open(fs, absolute, what), leastLeftBytes)
    : parseModel(reading(what, () => fs.readFileSync(absolute)));

  const files = new Map<string, FileBytes>();
  const externalData = (name: string): FileBytes => {
    const known = files.get(name);
    if (known !== undefined) return known;
    const text = `the model's external data '${name}'`;
    const folder = reading(what, () => fs.realpathSync(dirname(absolute)));
    const place = reading(text, () => fs.realpathSync(join(folder, name)));
    if (!place.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new UserError(
        "file-format",
        `external data '${name}' is a link that leads out of the model's folder.`,
      );
    if (!reading(text, () => fs.statSync(place)).isFile())
      throw new UserError("argument", `cannot read ${text}: it is not a file.`);
    const file = FileBytes.open(fs, place, text);
    files.set(name, file);
    return file;
  };
  return { parsed, externalData };
}
