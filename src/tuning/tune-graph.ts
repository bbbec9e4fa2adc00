/**
 * Tunes one traced graph on a device. In: the graph, the options its passes will have, and records that are known.
 * Out: the same records with those of the decisions that had none.
 */
import type { Executable } from "../codegen/executable.ts";
import type { Target } from "../codegen/target.ts";
import type { Graph } from "../ir/graph.ts";
import type { Choices, Decision } from "../passes/decision.ts";
import { runPasses, type PipelineOptions } from "../passes/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import { measureOn } from "./measure.ts";
import { deviceKey, TuningRecords } from "./records.ts";
import { tuneDecisions, type Measure, type SettledDecision, type TuningProgress } from "./tune-decisions.ts";

export interface TuneGraphOptions {
  readonly device: Device;
  readonly passes: PipelineOptions;
  /** Everything from passes to kernels. */
  readonly build: (
    graph: Graph,
    target: Target,
    options: PipelineOptions,
  ) => { readonly executable: Executable };
  readonly records: TuningRecords;
  readonly onProgress?: ((progress: TuningProgress) => void) | undefined;
  /** How to measure; on the device unless given. */
  readonly measure?: Measure | undefined;
}

/** What tuning found. */
export interface Tuning {
  /** Those that were given, and the new ones. */
  readonly records: TuningRecords;
  /** Those that were measured just now. */
  readonly added: TuningRecords;
  /** Every decision of the network, in the order of the passes. */
  readonly decisions: readonly SettledDecision[];
}

export async function tuneGraph(graph: Graph, options: TuneGraphOptions): Promise<Tuning> {
  const { device, passes, build, records } = options;
  const { target } = device;
  const buildSample = (sample: Graph, choices: Choices): Executable =>
    // The sample has its layouts.
    build(sample, target, { ...passes, choices, without: [...passes.without, "assign-layouts"] }).executable;
  const decisions = await tuneDecisions({
    decisionsWith: (choices) => decisionsOf(graph, target, { ...passes, choices }),
    known: records.entriesFor(device),
    measure: options.measure ?? measureOn(device, buildSample),
    onProgress: options.onProgress,
  });
  const fresh = decisions.filter(({ measured }) => measured);
  const entries = new Map(fresh.map(({ signature, entry }) => [signature, entry]));
  const added = new TuningRecords(fresh.length === 0 ? [] : [{ key: deviceKey(device), entries }]);
  return { records: records.merge(added), added, decisions };
}

/** The decisions that come up in the passes over a graph. */
export function decisionsOf(graph: Graph, target: Target, options: PipelineOptions): readonly Decision[] {
  const decisions: Decision[] = [];
  runPasses(graph, target, { ...options, onDecision: (decision) => decisions.push(decision) });
  return decisions;
}
