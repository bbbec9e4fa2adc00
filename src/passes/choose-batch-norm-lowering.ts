/**
 * Decides how each batch norm becomes kernels, and writes the reason into the graph.
 *
 * Inference: **fused** is one scale and shift per channel, computed once in `prepare`; **naive** is the
 * formula as it stands. Training: **fused** stays one op (one launch), **split** becomes partial statistics
 * and their merge (two launches that use every core), **naive** becomes plain reductions and elementwise ops.
 */
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import { valuesPerChannel } from "../ir/ops/batch-norm.ts";
import { rowsPerBlock } from "../ir/ops/batch-norm-split.ts";
import type { Target } from "../codegen/target.ts";
import { expandTrainingNaively } from "./expand-batch-norm.ts";
import { replacesOperand } from "./fusion-group.ts";
import { alongChannels } from "./per-channel.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

type Lowering = "fused" | "naive" | "split";

export const chooseBatchNormLowering: Pass = {
  name: "choose-batch-norm-lowering",
  summary: "decides for each batch norm between one fused kernel, two split ones and plain operations",
  required: true,
  run: (graph, context) =>
    rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op === "batch_norm") lowerInference(rewriter, node, context);
        if (node?.op === "batch_norm_training") lowerTraining(rewriter, node, context);
      }
    }),
};

function lowerInference(
  rewriter: Rewriter,
  node: NodeOf<"batch_norm">,
  { options, note }: PassContext,
): void {
  const naive = options.batchNorm === "naive";
  const { origin } = node;
  const [x, mean, variance, gamma, beta] = node.operands as [ValueId, ValueId, ValueId, ValueId, ValueId];
  const rank = rewriter.typeOf(x).shape.length;
  const epsilon = rewriter.add("constant", [], {
    value: { dtype: "f32", shape: [], data: Float32Array.of(node.attributes.eps) },
  });
  const spread = (vector: ValueId) => alongChannels(rewriter, vector, rank, origin);
  const shifted = rewriter.add("add", [variance, epsilon], {}, origin);
  const centred = rewriter.add("sub", [x, spread(mean)], {}, origin);
  let scaled: ValueId;
  if (naive) {
    const std = rewriter.add("sqrt", [shifted], {}, origin);
    const normalized = rewriter.add("div", [centred, spread(std)], {}, origin);
    scaled = rewriter.add("mul", [normalized, spread(gamma)], {}, origin);
  } else {
    const scale = rewriter.add("mul", [gamma, rewriter.add("rsqrt", [shifted], {}, origin)], {}, origin);
    scaled = rewriter.add("mul", [centred, spread(scale)], {}, origin);
  }
  const y = rewriter.add("add", [scaled, spread(beta)], {}, origin);
  rewriter.redirect(nodeId(node), y);
  rewriter.removeIfUnused(nodeId(node));
  const reason = naive ? "naive: asked for" : "fused: inference is one scale and shift per channel";
  note(`${origin?.modulePath ?? `%${nodeId(node)}`}: ${reason}`);
}

function lowerTraining(
  rewriter: Rewriter,
  node: NodeOf<"batch_norm_training">,
  { target, options, note }: PassContext,
): void {
  const { shape } = rewriter.typeOf(node.operands[0]!);
  const wanted: Choice =
    options.batchNorm === "auto"
      ? chooseTraining(target, shape)
      : { lowering: options.batchNorm, reason: "asked for" };
  const { lowering, reason } = withinBuffers(rewriter, node, target, wanted);
  note(`${node.origin?.modulePath ?? `%${nodeId(node)}`}: ${lowering}: ${reason}`);
  if (lowering === "naive") return expandTrainingNaively(rewriter, node);
  if (lowering === "fused") {
    rewriter.replace({ ...node, attributes: { ...node.attributes, lowering, reason } });
    return;
  }
  const blocks = blockCount(target, shape);
  const partial = rewriter.addAll("batch_norm_partial", [node.operands[0]!], { blocks }, node.origin);
  const operands = [node.operands[0]!, ...partial, ...node.operands.slice(1)];
  const results = rewriter.addAll(
    "batch_norm_apply",
    operands,
    { ...node.attributes, lowering, reason },
    node.origin,
  );
  node.results.forEach((result, i) => rewriter.redirect(result.id, results[i]!));
  rewriter.removeIfUnused(nodeId(node));
}

/** Values of one channel above which a single core or workgroup should not be alone with it. */
const largeMap = 16384;

/** Split and fused kernels bind many buffers; a target that allows fewer gets the next lowering. */
function withinBuffers(
  rewriter: Rewriter,
  node: NodeOf<"batch_norm_training">,
  target: Target,
  wanted: Choice,
): Choice {
  const stored = node.results.filter(
    ({ id }) =>
      (rewriter.isOutput(id) || rewriter.usersOf(id).length > 0) &&
      !replacesOperand(rewriter, id, node.operands),
  );
  const fused = new Set(node.operands).size + Math.max(stored.length, 1);
  const split = fused + 2;
  const limit = target.maxStorageBuffers;
  const { lowering } = wanted;
  if (lowering === "naive" || (lowering === "split" ? split : fused) <= limit) return wanted;
  const reason = `${lowering} would bind ${lowering === "split" ? split : fused} storage buffers, the target allows ${limit}`;
  return { lowering: lowering === "split" && fused <= limit ? "fused" : "naive", reason };
}

interface Choice {
  readonly lowering: Lowering;
  readonly reason: string;
}

function chooseTraining(target: Target, shape: readonly number[]): Choice {
  const rows = valuesPerChannel(shape);
  const channels = shape[1]!;
  const lanes = target.family === "cpu" ? target.vectorWidth : 1;
  const owners = Math.ceil(channels / lanes);
  const idle = owners < (target.family === "cpu" ? target.computeUnits : Math.max(16, target.computeUnits));
  if (target.software && rows > 1024) {
    return {
      lowering: "split",
      reason: "barriers are slow on a software adapter, and two launches need none",
    };
  }
  if (idle && rows >= largeMap && (target.family === "gpu" || target.computeUnits > 1)) {
    return { lowering: "split", reason: `${owners} owners of ${rows} values each would leave cores idle` };
  }
  const who =
    target.family === "cpu" ? (owners === 1 ? "task" : "tasks") : owners === 1 ? "workgroup" : "workgroups";
  const why = idle ? "too little work to divide" : "enough to keep every core busy";
  return { lowering: "fused", reason: `${owners} ${who} of ${rows} values a channel: ${why}` };
}

/** Blocks of rows for a split: enough for every core, none of them empty. */
function blockCount(target: Target, shape: readonly number[]): number {
  const rows = valuesPerChannel(shape);
  const wanted = Math.max(
    1,
    Math.min(target.family === "cpu" ? target.computeUnits * 4 : 64, Math.floor(rows / 64)),
  );
  return Math.ceil(rows / rowsPerBlock(rows, wanted));
}
