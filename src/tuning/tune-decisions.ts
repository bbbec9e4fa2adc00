/**
 * Settles the decisions of one network: measures the candidates of those that no record settles. The decisions of
 * one pass depend on those of the passes before it (a block is decided for the algorithm that was chosen), so they
 * are settled one kind at a time, and asked for anew after each.
 */
import { InternalError } from "../errors.ts";
import type { Choices, Decision, DecisionKind } from "../passes/decision.ts";
import type { TuningEntry } from "./records.ts";

/** Times of candidates in milliseconds; those that cannot run have none. */
export type Measure = (decision: Decision, choices: Choices) => Promise<ReadonlyMap<string, number>>;

/** A decision that is being measured or was. */
export interface TuningProgress {
  /** Decisions that are settled. */
  readonly completed: number;
  /** As far as is known: what is chosen now decides what is left to decide. */
  readonly total: number;
  /** Of the decision that is measured next, or was measured last. */
  readonly signature: string;
}

/** A decision and what settled it. */
export interface SettledDecision {
  /** What was decided. */
  readonly kind: DecisionKind;
  /** Of what operation, on what shapes. */
  readonly signature: string;
  /** The rule's choice first. */
  readonly candidates: readonly string[];
  /** What was measured. */
  readonly entry: TuningEntry;
  /** Just now, rather than taken from records. */
  readonly measured: boolean;
}

export interface TuneDecisionsOptions {
  /** The decisions that come up with these choices, in the order of the passes. */
  readonly decisionsWith: (choices: Choices) => readonly Decision[];
  readonly known: ReadonlyMap<string, TuningEntry>;
  readonly measure: Measure;
  readonly onProgress?: ((progress: TuningProgress) => void) | undefined;
}

/** How much faster than the rule's choice another one must be: what is less may be chance. */
const leastGain = 0.03;

/** All decisions of the network, settled. */
export async function tuneDecisions(options: TuneDecisionsOptions): Promise<readonly SettledDecision[]> {
  const settled = new Map<string, TuningEntry>(options.known);
  const measured = new Set<string>();
  for (;;) {
    const choices = choicesOf(settled);
    const decisions = bySignature(options.decisionsWith(choices));
    const open = decisions.filter((decision) => !isSettled(decision, settled));
    const [next] = open;
    if (next === undefined) return decisions.map((decision) => describe(decision, settled, measured));
    for (const decision of open.filter(({ kind }) => kind === next.kind)) {
      const { signature } = decision;
      if (measured.has(signature)) throw new InternalError(`tune: '${signature}' was settled, but is not`);
      const report = (): void =>
        options.onProgress?.({ completed: measured.size, total: measured.size + countOpen(), signature });
      const countOpen = (): number => open.filter((item) => !measured.has(item.signature)).length;
      report();
      settled.set(signature, entryFor(decision, await options.measure(decision, choicesOf(settled))));
      measured.add(signature);
      report();
    }
  }
}

/** The fastest candidate, but the rule's where that is hardly slower or nothing could be measured. */
function entryFor({ candidates }: Decision, times: ReadonlyMap<string, number>): TuningEntry {
  const [rule] = candidates;
  const ran = candidates.filter((candidate) => times.has(candidate));
  const [fastest = rule] = [...ran].sort((a, b) => times.get(a)! - times.get(b)!);
  const ruleMs = times.get(rule) ?? Infinity;
  const isWorthIt = times.has(fastest) && times.get(fastest)! < (1 - leastGain) * ruleMs;
  const elapsedMs = Object.fromEntries(ran.map((candidate) => [candidate, times.get(candidate)!]));
  return { choice: isWorthIt ? fastest : rule, elapsedMs };
}

/** A record settles a decision where its choice still is a candidate. */
function isSettled({ signature, candidates }: Decision, settled: ReadonlyMap<string, TuningEntry>): boolean {
  const entry = settled.get(signature);
  return entry !== undefined && candidates.includes(entry.choice);
}

function describe(
  { kind, signature, candidates }: Decision,
  settled: ReadonlyMap<string, TuningEntry>,
  measured: ReadonlySet<string>,
): SettledDecision {
  return {
    kind,
    signature,
    candidates,
    entry: settled.get(signature)!,
    measured: measured.has(signature),
  };
}

function bySignature(decisions: readonly Decision[]): readonly Decision[] {
  const first = new Map<string, Decision>();
  for (const decision of decisions)
    if (!first.has(decision.signature)) first.set(decision.signature, decision);
  return [...first.values()];
}

function choicesOf(entries: ReadonlyMap<string, TuningEntry>): Choices {
  return new Map(Array.from(entries, ([signature, { choice }]) => [signature, choice]));
}
