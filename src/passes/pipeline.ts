/** The passes in order: a table of contents of what happens to a graph. */
import { InternalError, UserError } from "../errors.ts";
import { typesOf } from "../ir/graph-index.ts";
import type { Graph } from "../ir/graph.ts";
import { formatShape } from "../ir/shape.ts";
import { verify } from "../ir/verify.ts";
import { assignLayouts } from "./assign-layouts.ts";
import { chooseBatchNormLowering } from "./choose-batch-norm-lowering.ts";
import { chooseConvAlgorithm } from "./choose-conv-algorithm.ts";
import { choose, type Decision } from "./decision.ts";
import { combineAttention } from "./combine-attention.ts";
import { combineStandardization } from "./combine-standardization.ts";
import { eliminateCommonValues } from "./eliminate-common-values.ts";
import { eliminateDeadValues } from "./eliminate-dead-values.ts";
import { foldBatchNormIntoConv } from "./fold-batch-norm-into-conv.ts";
import { foldConstants } from "./fold-constants.ts";
import { foldConvBiasIntoBatchNorm } from "./fold-conv-bias-into-batch-norm.ts";
import { foldPadIntoWindow } from "./fold-pad-into-window.ts";
import { fuseConvPool } from "./fuse-conv-pool.ts";
import { fuseConvBatchNormRelu } from "./fuse-conv-batch-norm-relu.ts";
import { fuseDepthwisePointwise } from "./fuse-depthwise-pointwise.ts";
import { fuseElementwise } from "./fuse-elementwise.ts";
import { packWeights } from "./pack-weights.ts";
import type { Pass, PassContext, PassOptions, PassRecord } from "./pass.ts";
import { readSlicesInPlace } from "./read-slices-in-place.ts";
import { patchesFor } from "./rewrite.ts";
import { sharePreparedValues } from "./share-prepared-values.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";
import { splitWideConcats } from "./split-wide-concats.ts";
import { splitPrepare, type SplitGraphs } from "./split-prepare.ts";
import { writeConcatsInPlace } from "./write-concats-in-place.ts";
import type { Target } from "../codegen/target.ts";

/** Over the whole graph, before it is split. */
export const graphPasses: readonly Pass[] = [
  foldConstants,
  simplifyAlgebra,
  eliminateCommonValues,
  foldPadIntoWindow,
  combineStandardization,
  combineAttention,
  foldConvBiasIntoBatchNorm,
  foldBatchNormIntoConv,
  chooseBatchNormLowering,
  splitWideConcats,
  eliminateDeadValues,
  assignLayouts,
  chooseConvAlgorithm,
  packWeights,
  sharePreparedValues,
];

/** Over `prepare` and `run` apart, so that no kernel does both. */
export const fusionPasses: readonly Pass[] = [
  fuseConvBatchNormRelu,
  fuseDepthwisePointwise,
  fuseConvPool,
  readSlicesInPlace,
  writeConcatsInPlace,
  fuseElementwise,
];

export interface PipelineOptions extends PassOptions {
  /** Names of optional passes to leave out. */
  readonly without: readonly string[];
  /** Receives the graph after each stage, for dumps. */
  readonly onStage?: (name: string, graph: Graph) => void;
  /** Receives every decision that has more than one candidate, with the one that was taken. */
  readonly onDecision?: ((decision: Decision, choice: string) => void) | undefined;
}

export interface PipelineResult extends SplitGraphs {
  readonly records: readonly PassRecord[];
}

/** Runs every pass but those left out, verifying after each. */
export function runPasses(graph: Graph, target: Target, options: PipelineOptions): PipelineResult {
  checkNames(options.without);
  const records: PassRecord[] = [];
  const runAll = (passes: readonly Pass[], start: Graph, part: string): Graph =>
    passes.reduce((current, pass) => {
      if (options.without.includes(pass.name)) return current;
      const { graph: next, record } = runPass(pass, current, target, options);
      records.push(part === "" ? record : { ...record, name: `${record.name} (${part})` });
      options.onStage?.(part === "" ? pass.name : `${pass.name}-${part}`, next);
      return next;
    }, start);

  const whole = runAll(graphPasses, graph, "");
  const { prepare, run } = splitPrepare(whole);
  verify(prepare, "split-prepare");
  verify(run, "split-prepare");
  options.onStage?.("split-prepare", run);
  return {
    prepare: runAll(fusionPasses, prepare, "prepare"),
    run: runAll(fusionPasses, run, "run"),
    records,
  };
}

/** What a network returns has the names, dtypes and shapes that it had before a pass. */
function expectSameOutputs(before: Graph, after: Graph, pass: string): void {
  const describe = (graph: Graph): string => {
    const types = typesOf(graph);
    return graph.outputs
      .map(({ name, value }) => {
        const type = types.get(value);
        return `${name}: ${type?.dtype}${formatShape(type?.shape ?? [])}`;
      })
      .join(", ");
  };
  const [wanted, got] = [describe(before), describe(after)];
  if (wanted !== got)
    throw new InternalError(`${pass}: the network returned ${wanted}, and now returns ${got}`);
}

/** One pass over one graph, with its record. */
export function runPass(
  pass: Pass,
  graph: Graph,
  target: Target,
  options: PassOptions & Pick<PipelineOptions, "onDecision">,
): { readonly graph: Graph; readonly record: PassRecord } {
  const decisions: string[] = [];
  const context: PassContext = {
    target,
    options,
    note: (decision) => decisions.push(decision),
    decide: (decision) => {
      const choice = choose(decision, options.choices);
      if (decision.candidates.length > 1) options.onDecision?.(decision, choice);
      return choice;
    },
  };
  const start = performance.now();
  const next = pass.run(graph, context);
  const elapsedMs = performance.now() - start;
  if (next !== graph) {
    verify(next, pass.name);
    expectSameOutputs(graph, next, pass.name);
  }
  return {
    graph: next,
    record: {
      name: pass.name,
      summary: pass.summary,
      nodesBefore: Object.keys(graph.nodes).length,
      nodesAfter: Object.keys(next.nodes).length,
      patches: next === graph ? [] : patchesFor(next),
      decisions,
      elapsedMs,
    },
  };
}

function checkNames(without: readonly string[]): void {
  const all = [...graphPasses, ...fusionPasses];
  for (const name of without) {
    const pass = all.find((item) => item.name === name);
    if (pass === undefined)
      throw new UserError(
        "argument",
        `passes: there is no pass '${name}'; there are ${all.map((item) => item.name).join(", ")}.`,
      );
    if (pass.required)
      throw new UserError("argument", `passes: '${name}' cannot be left out; later stages need it.`);
  }
}
