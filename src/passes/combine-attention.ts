/**
 * Makes one operation, and so one kernel, of attention that is written out, where the matrix of all scores would
 * not stay in a cache. For CPUs, which walk a few rows of scores at a time.
 *
 *     softmax(scale · q × k + mask) × v   →   attention(q, k, v, mask)      scale and mask may be missing
 */
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import { broadcastShapes, elementCount, sameShape } from "../ir/shape.ts";
import { uniformValue } from "./constants.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const combineAttention: Pass = {
  name: "combine-attention",
  summary: "computes scores, their softmax and its product with the values in one kernel",
  required: false,
  run: (graph, { target, note }) => {
    if (target.family !== "cpu") return graph;
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        const found = node?.op === "matmul" ? match(rewriter, node) : undefined;
        if (node === undefined || found === undefined) continue;
        const { operands, scale } = found;
        const result = rewriter.add("attention", operands, { scale }, node.origin);
        rewriter.redirect(nodeId(node), result);
        rewriter.removeIfUnused(nodeId(node));
        note(node.origin?.modulePath ?? `%${nodeId(node)}`);
      }
    });
  },
};

/** Scores of fewer elements than this, 1 MB, are soon read again. */
const fewestScores = 2 ** 18;

interface Found {
  readonly operands: readonly ValueId[];
  readonly scale: number;
}

function match(rewriter: Rewriter, product: NodeOf<"matmul">): Found | undefined {
  const [weights, v] = product.operands as [ValueId, ValueId];
  const softmax = rewriter.producedBy(weights, "softmax");
  if (softmax === undefined || product.attributes.packing !== null) return undefined;
  const { shape } = rewriter.typeOf(weights);
  if (softmax.attributes.axis !== shape.length - 1 || elementCount(shape) < fewestScores) return undefined;
  if (!rewriter.hasSingleUse(weights)) return undefined;
  const masked = softmax.operands[0]!;
  for (const { scores, mask } of withoutMask(rewriter, masked, shape)) {
    for (const { value, scale } of withoutScale(rewriter, scores)) {
      const inner = rewriter.producedBy(value, "matmul");
      if (inner === undefined || inner.attributes.packing !== null) continue;
      // A scale of more elements repeats the scores.
      if (!sameShape(rewriter.typeOf(value).shape, shape)) continue;
      const between = [masked, scores, value];
      if (!between.every((id) => rewriter.hasSingleUse(id))) continue;
      const [q, k] = inner.operands as [ValueId, ValueId];
      const batches = [q, k, v].map((id) => rewriter.typeOf(id).shape.slice(0, -2));
      if (!batches.every((batch) => sameShape(batch, shape.slice(0, -2)))) continue;
      return { operands: [q, k, v, ...(mask === undefined ? [] : [mask])], scale };
    }
  }
  return undefined;
}

/** The scores as they are, or what a mask is added to. */
function withoutMask(
  rewriter: Rewriter,
  scores: ValueId,
  shape: readonly number[],
): readonly { readonly scores: ValueId; readonly mask: ValueId | undefined }[] {
  const sum = rewriter.producedBy(scores, "add");
  const [a, b] = sum?.operands ?? [];
  const pairs = a === undefined || b === undefined ? [] : [{ scores: a, mask: b }, { scores: b, mask: a }]; // prettier-ignore
  const fitting = pairs.filter(({ scores: inner, mask }) => {
    const maskShape = rewriter.typeOf(mask).shape;
    const fits = sameShape(broadcastShapes(maskShape, shape) ?? [], shape);
    return fits && sameShape(rewriter.typeOf(inner).shape, shape);
  });
  return [{ scores, mask: undefined }, ...fitting];
}

/** The value as it is, or what is multiplied or divided by a number. The scores are rounded sums: one more does not show. */
function withoutScale(
  rewriter: Rewriter,
  value: ValueId,
): readonly { readonly value: ValueId; readonly scale: number }[] {
  const product = rewriter.producedBy(value, "mul");
  const quotient = rewriter.producedBy(value, "div");
  const [a, b] = (product ?? quotient)?.operands ?? [];
  if (a === undefined || b === undefined) return [{ value, scale: 1 }];
  const pairs = product === undefined ? [[a, b] as const] : [[a, b] as const, [b, a] as const];
  return [
    { value, scale: 1 },
    ...pairs.flatMap(([inner, factor]) => {
      const number = uniformValue(rewriter, factor);
      const scale = number === undefined || product !== undefined ? number : 1 / number;
      return scale === undefined || !Number.isFinite(scale) ? [] : [{ value: inner, scale }];
    }),
  ];
}
