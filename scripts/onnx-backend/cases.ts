/**
 * ONNX's backend tests as a folder holds them: `GROUP/CASE/model.onnx` beside `test_data_set_N/input_I.pb` and
 * `output_I.pb`. Debian has them as the package libonnx-testdata.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readTensorFile, type RecordedTensor } from "./tensor-file.ts";

/** Where Debian's package puts them. */
export const packageFolder = "/usr/share/libonnx-testdata/data";

export interface BackendCase {
  /** `group/name`, without the names' common beginning `test_`. */
  readonly id: string;
  readonly folder: string;
}

export function findCases(root: string): readonly BackendCase[] {
  if (!existsSync(root)) return [];
  return folders(root).flatMap((group) =>
    folders(join(root, group)).flatMap((name): BackendCase[] => {
      const folder = join(root, group, name);
      if (!existsSync(join(folder, "model.onnx"))) return [];
      return [{ id: `${group}/${name.replace(/^test_/, "")}`, folder }];
    }),
  );
}

export interface DataSet {
  /** In the order of the model's inputs. */
  readonly inputs: readonly RecordedTensor[];
  readonly outputs: readonly RecordedTensor[];
}

export function readModel({ folder }: BackendCase): Uint8Array {
  return readFileSync(join(folder, "model.onnx"));
}

export function readDataSets({ folder }: BackendCase): readonly DataSet[] {
  const names = folders(folder).filter((name) => name.startsWith("test_data_set_"));
  return names.map((name) => ({
    inputs: readNumbered(join(folder, name), "input"),
    outputs: readNumbered(join(folder, name), "output"),
  }));
}

function readNumbered(folder: string, kind: "input" | "output"): readonly RecordedTensor[] {
  const count = readdirSync(folder).filter((name) => name.startsWith(`${kind}_`)).length;
  return Array.from({ length: count }, (_, i) =>
    readTensorFile(readFileSync(join(folder, `${kind}_${i}.pb`))),
  );
}

function folders(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
