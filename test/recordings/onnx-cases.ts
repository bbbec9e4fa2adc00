/** Reads the recorded ONNX cases (written by `scripts/recordings/make_onnx_recordings.py`). */
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { readSafetensors } from "../../src/import/safetensors.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";

export interface OnnxCase {
  /** `Operator/name`, unique. */
  readonly id: string;
  readonly operator: string;
  /** A model of one node. */
  readonly model: Uint8Array;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly outputs: Readonly<Record<string, HostTensor>>;
}

interface Entry {
  readonly id: string;
  /** Compressed, in base 64. */
  readonly model: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

export function loadOnnxCases(): readonly OnnxCase[] {
  const folder = new URL("onnx/", import.meta.url);
  const tensors = readSafetensors(readFileSync(new URL("onnx.safetensors", folder)));
  const entries = JSON.parse(readFileSync(new URL("onnx.json", folder), "utf8")) as readonly Entry[];
  const named = (names: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(names).map(([key, name]) => [key, tensors[name]!]));
  return entries.map((entry) => ({
    id: entry.id,
    operator: entry.id.split("/")[0]!,
    model: new Uint8Array(inflateSync(Buffer.from(entry.model, "base64"))),
    inputs: named(entry.inputs),
    outputs: named(entry.outputs),
  }));
}
