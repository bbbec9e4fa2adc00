/**
 * Reads what PyTorch computed (written by `scripts/recordings/make-recordings.py`): single ops with Heddle's
 * attributes, and whole modules with their state before and after.
 */
import { readFileSync } from "node:fs";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import type { OpName } from "../../src/ir/ops/registry.ts";
import { readSafetensors } from "../../src/import/safetensors.ts";

const families = [
  "elementwise",
  "movement",
  "reduction",
  "placement",
  "softmax",
  "matmul",
  "conv",
  "pool",
  "batch-norm",
];

export interface RecordedCase {
  /** `family/op/name`, unique. */
  readonly id: string;
  readonly op: OpName;
  readonly operands: readonly HostTensor[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly results: readonly HostTensor[];
}

export interface RecordedStep {
  readonly inputs: readonly HostTensor[];
  readonly outputs: readonly HostTensor[];
}

export interface RecordedModule {
  /** A key of `recordedModules`, `extraModules` or `recurrentModules`. */
  readonly id: string;
  readonly training: boolean;
  /** State dict before the first step, in PyTorch's order. */
  readonly before: readonly (readonly [string, HostTensor])[];
  readonly steps: readonly RecordedStep[];
  readonly after: readonly (readonly [string, HostTensor])[];
}

interface CaseEntry {
  readonly id: string;
  readonly op: OpName;
  readonly operands: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly results: readonly string[];
}

interface ModuleEntry {
  readonly id: string;
  readonly training: boolean;
  readonly before: readonly (readonly [string, string])[];
  readonly steps: readonly { readonly inputs: readonly string[]; readonly outputs: readonly string[] }[];
  readonly after: readonly (readonly [string, string])[];
}

/** Every recorded single-op case. */
export function loadRecordings(): readonly RecordedCase[] {
  return families.flatMap((family) => {
    const { entries, tensor } = open<CaseEntry>(family);
    return entries.map((entry) => ({
      ...entry,
      operands: entry.operands.map(tensor),
      results: entry.results.map(tensor),
    }));
  });
}

/** Every recorded module of a family. */
export function loadModuleRecordings(
  family: "modules" | "extra-modules" | "functions" | "recurrent-modules" = "modules",
): readonly RecordedModule[] {
  const { entries, tensor } = open<ModuleEntry>(family);
  const state = (pairs: ModuleEntry["before"]) => pairs.map(([name, key]) => [name, tensor(key)] as const);
  return entries.map((entry) => ({
    id: entry.id,
    training: entry.training,
    before: state(entry.before),
    steps: entry.steps.map(({ inputs, outputs }) => ({
      inputs: inputs.map(tensor),
      outputs: outputs.map(tensor),
    })),
    after: state(entry.after),
  }));
}

function open<Entry>(family: string): { entries: readonly Entry[]; tensor: (name: string) => HostTensor } {
  const tensors = readSafetensors(readFileSync(new URL(`${family}.safetensors`, import.meta.url)));
  const text = readFileSync(new URL(`${family}.json`, import.meta.url), "utf8");
  return {
    entries: JSON.parse(text, reviveNumber) as readonly Entry[],
    tensor: (name) => {
      const found = tensors[name];
      if (found === undefined) throw new Error(`${family}: no tensor ${name} is recorded`);
      return found;
    },
  };
}

/** JSON has neither infinities nor NaN; they are recorded as strings. */
function reviveNumber(_: string, value: unknown): unknown {
  return value === "Infinity" || value === "-Infinity" || value === "NaN" ? Number(value) : value;
}
