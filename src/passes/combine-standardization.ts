/**
 * Makes one operation, and so one kernel, of a standardisation along one axis that is written out: as models
 * that say layer normalisation in basic operations do.
 *
 *     c = x − mean(x);  c / √(mean(c · c) + ε)   or   c · rsqrt(mean(c · c) + ε)   →   standardize(x)
 *
 * For targets whose invocations may walk a line alone; real GPUs keep their reductions.
 */
import { nodeId, type Node, type NodeOf, type ValueId } from "../ir/graph.ts";
import { sameShape } from "../ir/shape.ts";
import { uniformValue } from "./constants.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const combineStandardization: Pass = {
  name: "combine-standardization",
  summary: "computes the mean, the variance and what they standardise along an axis in one kernel",
  required: false,
  run: (graph, { target, note }) => {
    if (target.family === "gpu" && !target.software) return graph;
    return rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original));
        const found = node === undefined ? undefined : match(rewriter, node);
        if (node === undefined || found === undefined) continue;
        const { x, axis, eps } = found;
        const result = rewriter.add("standardize", [x], { axis, eps }, node.origin);
        rewriter.redirect(nodeId(node), result);
        rewriter.removeIfUnused(nodeId(node));
        note(node.origin?.modulePath ?? `%${nodeId(node)}`);
      }
    });
  },
};

interface Standardization {
  readonly x: ValueId;
  readonly axis: number;
  readonly eps: number;
}

function match(rewriter: Rewriter, node: Node): Standardization | undefined {
  for (const [centred, deviation] of splitQuotient(rewriter, node)) {
    const difference = rewriter.producedBy(centred, "sub");
    const sum = rewriter.producedBy(deviation, "add");
    if (difference === undefined || sum === undefined) continue;
    const [x, mean] = difference.operands as [ValueId, ValueId];
    // An ε of more elements repeats the result.
    if (!sameShape(rewriter.typeOf(x).shape, node.results[0]!.type.shape)) continue;
    const axis = meanAxis(rewriter.producedBy(mean, "mean"), x);
    for (const [variance, number] of bothOrders(sum)) {
      const eps = uniformValue(rewriter, number);
      const square = rewriter.producer(rewriter.producedBy(variance, "mean")?.operands[0] ?? "");
      if (axis === undefined || eps === undefined || square?.op !== "mul") continue;
      if (!square.operands.every((operand) => operand === centred)) continue;
      if (meanAxis(rewriter.producedBy(variance, "mean"), square.results[0]!.id) !== axis) continue;
      const inside = [mean, variance, deviation, square.results[0]!.id];
      const isRead = (value: ValueId) => rewriter.isOutput(value) || rewriter.usersOf(value).length > 1;
      const readers = new Set(rewriter.usersOf(centred).map(nodeId));
      if (inside.some(isRead) || rewriter.isOutput(centred) || readers.size > 2) continue;
      return { x, axis, eps };
    }
  }
  return undefined;
}

/** What is divided, and the square of what it is divided by. */
function splitQuotient(rewriter: Rewriter, node: Node): readonly (readonly [ValueId, ValueId])[] {
  const pairs = node.op === "div" ? [node.operands] : node.op === "mul" ? bothOrders(node) : [];
  const root = node.op === "div" ? "sqrt" : "rsqrt";
  return pairs.flatMap(([a, b]) => {
    const radicand = rewriter.producedBy(b!, root)?.operands[0];
    return radicand !== undefined && rewriter.hasSingleUse(b!) ? [[a!, radicand] as const] : [];
  });
}

function bothOrders({ operands: [a, b] }: Node): readonly (readonly [ValueId, ValueId])[] {
  return [
    [a!, b!],
    [b!, a!],
  ];
}

/** The axis along which `node` is the mean of `value`, if it is one axis, which the result keeps. */
function meanAxis(node: NodeOf<"mean"> | undefined, value: ValueId): number | undefined {
  if (node?.operands[0] !== value || !node.attributes.keepDims) return undefined;
  const { axes } = node.attributes;
  return axes.length === 1 ? axes[0] : undefined;
}
