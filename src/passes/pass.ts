/**
 * A pass: graph in, graph out, same meaning. It may see the target and the caller's options, never a device,
 * and says why it decided what it decided.
 */
import type { Target } from "../codegen/target.ts";
import type { Graph } from "../ir/graph.ts";
import type { Choices, Decision } from "./decision.ts";

export interface PassOptions {
  /** Which batch-norm lowering to use; `auto` lets the pass choose by target and shape. */
  readonly batchNorm: "auto" | "fused" | "naive" | "split";
  /** Whether convolutions may be computed by Winograd's method. */
  readonly winograd: boolean;
  /** What measurements found best; rules decide the rest. */
  readonly choices?: Choices | undefined;
}

export interface PassContext {
  readonly target: Target;
  readonly options: PassOptions;
  /** Records a decision and its reason for the report. */
  readonly note: (decision: string) => void;
  /** The rule's choice, or what the options' choices put in its place. */
  readonly decide: <Candidate extends string>(decision: Decision<Candidate>) => Candidate;
}

export interface Pass {
  /** A verb phrase; the file, the export (in camel case) and the dump share it. */
  readonly name: string;
  /** What it does, in plain words. */
  readonly summary: string;
  /** Later stages cannot lower every graph without it. */
  readonly required: boolean;
  readonly run: (graph: Graph, context: PassContext) => Graph;
}

/** One change of a graph, as immer's patches tell it. */
export interface GraphPatch {
  readonly op: "replace" | "remove" | "add";
  /** Keys from the graph down to what changed. */
  readonly path: readonly (string | number)[];
  /** What is there now. */
  readonly value?: unknown;
}

/** What one pass did. */
export interface PassRecord {
  readonly name: string;
  readonly summary: string;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  /** Edits of the graph, as immer records them. */
  readonly patches: readonly GraphPatch[];
  readonly decisions: readonly string[];
  readonly elapsedMs: number;
}
