/**
 * Packs the weights of convolutions and matrix products for the target's vectors: output channels in blocks,
 * the block innermost, so that a kernel reads one vector of neighbouring channels with one load. Only weights
 * that `prepare` can compute are packed.
 *
 *     conv(x, w) = conv(x, pack(w))      with pack = permute ∘ reshape ∘ pad
 */
import { mostTileRows, tileRows, type Target } from "../codegen/target.ts";
import { nodeId, type NodeOf, type NodeOrigin, type ValueId } from "../ir/graph.ts";
import type { Packing } from "../ir/ops/packing.ts";
import { subjectOfConv, subjectOfMatmul, type Subject } from "./decision.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";
import { staticValues } from "./static-values.ts";

export const packWeights: Pass = {
  name: "pack-weights",
  summary: "stores weights in the order kernels read them",
  required: false,
  run: (graph, context) => {
    const fixed = staticValues(graph);
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        if (node?.op !== "conv" && node?.op !== "matmul") continue;
        if (node.attributes.packing !== null || !fixed.has(node.operands[1]!)) continue;
        if (node.op === "conv") packConv(rewriter, node, context);
        else packMatmul(rewriter, node, context);
      }
    });
  },
};

/** `[O, I, …k]` → `[⌈O / block⌉, …k, I, block]`. */
function packConv(rewriter: Rewriter, node: NodeOf<"conv">, context: PassContext): void {
  const weight = node.operands[1]!;
  const [outputs, depth, ...kernel] = rewriter.typeOf(weight).shape as [number, number, ...number[]];
  const { groups } = node.attributes;
  const depthwise = groups > 1 && depth === 1 && groups === outputs;
  const perGroup = depthwise ? outputs : outputs / groups;
  // Blocks must not straddle groups, nor depthwise channels end inside a vector.
  const block =
    groups === 1
      ? chooseBlock(context, outputs, subjectOfConv(rewriter, node))
      : dividingBlock(context.target, perGroup);
  const padded = Math.ceil(outputs / block) * block;
  if (perGroup % block !== 0 && groups > 1) return;
  const packed = packColumns(rewriter, weight, [outputs, depth, ...kernel], padded, block, node.origin);
  const extent = tileExtent(node);
  const rows =
    groups === 1 ? chooseRows(context, { block, extent }, subjectOfConv(rewriter, node)) : undefined;
  const packing: Packing = { block, columns: outputs, ...(rows !== undefined && { rows }) };
  rewriter.replace({
    ...node,
    operands: [node.operands[0]!, packed],
    attributes: { ...node.attributes, packing },
  });
}

function packColumns(
  rewriter: Rewriter,
  weight: ValueId,
  shape: readonly number[],
  padded: number,
  block: number,
  origin: NodeOrigin | undefined,
): ValueId {
  const [outputs, depth, ...kernel] = shape as [number, number, ...number[]];
  const padding = shape.map((_, axis): [number, number] => [0, axis === 0 ? padded - outputs : 0]);
  const grown = padded === outputs ? weight : rewriter.add("pad", [weight], { padding, value: 0 }, origin);
  const split = rewriter.add(
    "reshape",
    [grown],
    { shape: [padded / block, block, depth, ...kernel] },
    origin,
  );
  const axes = [0, ...kernel.map((_, i) => i + 3), 2, 1];
  return rewriter.add("permute", [split], { axes }, origin);
}

/** `[K, N]` → `[⌈N / block⌉, K, block]`. */
function packMatmul(rewriter: Rewriter, node: NodeOf<"matmul">, context: PassContext): void {
  const weight = node.operands[1]!;
  const { shape } = rewriter.typeOf(weight);
  if (shape.length !== 2) return;
  const [depth, columns] = shape as [number, number];
  const subject = subjectOfMatmul(rewriter, node);
  const block = chooseBlock(context, columns, subject);
  const extent = rewriter.typeOf(node.operands[0]!).shape.at(-2)!;
  const rows = chooseRows(context, { block, extent }, subject);
  const padded = Math.ceil(columns / block) * block;
  const padding: [number, number][] = [
    [0, 0],
    [0, padded - columns],
  ];
  const grown =
    padded === columns ? weight : rewriter.add("pad", [weight], { padding, value: 0 }, node.origin);
  const split = rewriter.add("reshape", [grown], { shape: [depth, padded / block, block] }, node.origin);
  const packed = rewriter.add("permute", [split], { axes: [1, 0, 2] }, node.origin);
  const packing: Packing = { block, columns, ...(rows !== undefined && { rows }) };
  rewriter.replace({ ...node, operands: [node.operands[0]!, packed], attributes: { packing } });
}

/** The block that the rule chooses for `columns` of what the subject names, or a measurement in its place. */
export function chooseBlock({ target, decide }: PassContext, columns: number, subject: Subject): number {
  const rule = packingBlock(target, columns);
  const others = otherBlocks(target, columns).filter((block) => block !== rule);
  const choice = decide({
    kind: "block",
    signature: `block ${subject.name}`,
    candidates: [`${rule}`, ...others.map((block) => `${block}`)],
    sample: subject.sample,
  });
  return Number(choice);
}

/** Pixels that lie in a row as the schedule sees it: of a 1×1 convolution with stride 1 all of them. */
function tileExtent({ attributes: { kernel, stride, padding }, results }: NodeOf<"conv">): number {
  const [, , ...size] = results[0]!.type.shape;
  const pointwise = [...kernel, ...stride].every((n) => n === 1) && padding.flat().every((n) => n === 0);
  return pointwise ? size.reduce((product, n) => product * n, 1) : size.at(-1)!;
}

/**
 * The most rows that share the loads of a block, over `extent` rows in all; undefined where the schedule's rule
 * chooses them.
 */
export function chooseRows(
  { target, decide }: PassContext,
  { block, extent }: { readonly block: number; readonly extent: number },
  subject: Subject,
): number | undefined {
  const vectors = target.family === "gpu" ? 1 : Math.max(1, Math.floor(block / target.vectorWidth));
  const rule = mostTileRows(target, vectors);
  // Those that make another tile.
  const others = new Map([[tileRows(target, vectors, extent), rule]]);
  for (const share of [1.5, 0.75, 0.5]) {
    const most = Math.max(1, Math.round(rule * share));
    const rows = tileRows(target, vectors, extent, most);
    if (!others.has(rows)) others.set(rows, most);
  }
  const choice = decide({
    kind: "rows",
    signature: `rows block${block} ${subject.name}`,
    candidates: Array.from(others.values(), (most) => `${most}`) as [string, ...string[]],
    sample: subject.sample,
  });
  return choice === `${rule}` ? undefined : Number(choice);
}

/** Blocks of one, two and four vectors, on a CPU where that many have columns. */
function otherBlocks({ family, vectorWidth }: Target, columns: number): readonly number[] {
  if (family === "gpu") return [];
  return [1, 2, 4].map((vectors) => vectors * vectorWidth).filter((block) => columns > block / 2);
}

/**
 * Columns of a block. On a CPU two vectors share each input that is loaded; four where multiplying and adding
 * are two instructions (ResNet-50 takes 0.93 of the time); one where two would leave much of the last block empty; on a GPU a block is as wide as neighbouring invocations read together.
 */
export function packingBlock(target: Target, columns: number): number {
  if (target.family === "gpu") return Math.min(64, Math.ceil(columns / 4) * 4);
  let lanes: number = target.vectorWidth;
  // Columns that fill half a vector or less take a narrower one.
  while (lanes > 4 && columns <= lanes / 2) lanes /= 2;
  const vectors = Math.ceil(columns / lanes);
  const wasteful = vectors % 2 === 1 && vectors <= 7;
  const separateMultiply = target.language === "wasm" && target.fusedMultiplyAdd !== true;
  if (separateMultiply && vectors % 4 === 0) return 4 * lanes;
  return wasteful ? lanes : 2 * lanes;
}

/** The widest block that divides `columns`; one that does not where there is none. */
function dividingBlock(target: Target, columns: number): number {
  let block = packingBlock(target, columns);
  while (columns % block !== 0 && block > 4) block /= 2;
  return block;
}
