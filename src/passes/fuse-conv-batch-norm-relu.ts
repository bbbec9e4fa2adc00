/**
 * Fuses what follows a convolution into its kernel: the batch norm's scale and shift (or what folding left of
 * them), activations, residual additions; any chain of elementwise ops on a result that nothing else reads.
 * The same for matrix products, pooling, reductions, softmax and training-mode batch norm. Reductions also
 * take the elementwise ops before them.
 *
 *     relu(conv(x, w) · s + t + r)  →  fusion(x, w, s, t, r) { … }        one kernel
 *
 * A chain stops where the kernel would bind more storage buffers than the target allows.
 */
import { nodeId, type Node, type ValueId } from "../ir/graph.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { sameShape } from "../ir/shape.ts";
import {
  bufferCount,
  externalResults,
  fuse,
  isElementwiseNode,
  isLiteralNode,
  isMovementNode,
} from "./fusion-group.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const fuseConvBatchNormRelu: Pass = {
  name: "fuse-conv-batch-norm-relu",
  summary:
    "computes scale, shift, activation and residual addition inside the kernel that makes their operand",
  required: false,
  run: (graph, context) =>
    rewrite(graph, (rewriter) => {
      // Later producers first: of two convolutions that a residual addition joins, the one that runs last takes it.
      const order = [...rewriter.originalOrder()].reverse();
      // Reductions last: what could follow a convolution should not precede a reduction.
      for (const kinds of [["contraction", "window", "normalization"], ["reduction"]]) {
        for (const original of order) {
          const node = rewriter.node(nodeId(original));
          if (node !== undefined && kinds.includes(opRecord(node.op).kind)) fuseFrom(rewriter, node, context);
        }
      }
    }),
};

function fuseFrom(rewriter: Rewriter, anchor: Node, { target, note }: PassContext): void {
  const group: Node[] = [...prologue(rewriter, anchor, target.maxStorageBuffers), anchor];
  // Partial statistics have no single result to continue from.
  let value: ValueId | undefined = anchor.op === "batch_norm_partial" ? undefined : anchor.results[0]!.id;
  const fusedOps: string[] = [];
  while (value !== undefined) {
    const next = followers(rewriter, value, group);
    if (next === undefined) break;
    const views = next.flatMap((node) => cheapViews(rewriter, node, group));
    const grown = [...group, ...views, ...next];
    if (grown.length > largestGroup) break;
    const names = next.map((node) => node.op);
    if (bufferCount(rewriter, grown) > target.maxStorageBuffers) {
      note(
        `${name(anchor)}: ${names.join(" + ")} left out: ${bufferCount(rewriter, grown)} storage buffers, the target allows ${target.maxStorageBuffers}`,
      );
      break;
    }
    group.push(...views, ...next);
    fusedOps.push(...names);
    value = next.at(-1)!.results[0]!.id;
  }
  // A chain that ends nowhere is dead, and stays where the pass that removes it was left out.
  if (group.length < 2 || externalResults(rewriter, group).length === 0) return;
  fuse(rewriter, group);
  note(
    `${name(anchor)}: ${[...group.slice(0, group.indexOf(anchor)).map((node) => node.op), anchor.op, ...fusedOps].join(" + ")}`,
  );
}

/** A kernel's text grows with its group. */
const largestGroup = 64;

/** Elementwise ops that a value may branch into before it is one value again: `x · sigmoid(x)`, `gelu(x)` written out. */
const largestBranching = 12;

/**
 * The elementwise ops that make one value of all that reads `value`, in an order of execution: its only reader,
 * or the readers among which it branches up to where they meet. Each makes one element of each element.
 */
function followers(rewriter: Rewriter, value: ValueId, group: readonly Node[]): Node[] | undefined {
  if (rewriter.isOutput(value)) return undefined;
  const made = new Set(group.flatMap((node) => node.results.map((result) => result.id)));
  const { shape } = rewriter.typeOf(value);
  const taken: Node[] = [];
  const inside = new Set<ValueId>([value]);
  /** Values of the branching that something outside it reads. */
  const open = (): ValueId[] =>
    [...inside].filter((id) => rewriter.usersOf(id).some((user) => !inside.has(user.results[0]!.id)));
  while (taken.length < largestBranching) {
    const ready = open()
      .flatMap((id) => rewriter.usersOf(id))
      .find(
        (user) =>
          !inside.has(user.results[0]!.id) &&
          isElementwiseNode(user) &&
          sameShape(user.results[0]!.type.shape, shape) &&
          user.operands.every(
            (operand) => inside.has(operand) || !reaches(rewriter, operand, new Set([...made, ...inside])),
          ),
      );
    if (ready === undefined) return undefined;
    taken.push(ready);
    inside.add(ready.results[0]!.id);
    const last = ready.results[0]!.id;
    if (open().every((id) => id === last) && ![...inside].some((id) => id !== last && rewriter.isOutput(id)))
      return taken;
  }
  return undefined;
}

/** Values that are looked at to find out whether one needs another; beyond, it is taken to. */
const mostAncestors = 256;

/**
 * Whether computing `value` needs one of `sources`, or may. Nothing that was there before the first of them does, and
 * what lies far behind them is not worth the search: so a pass takes time in proportion to its graph.
 */
function reaches(rewriter: Rewriter, value: ValueId, sources: ReadonlySet<ValueId>): boolean {
  const first = Math.min(...[...sources].map((source) => rewriter.placeOf(source)));
  const seen = new Set<ValueId>();
  const pending = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (sources.has(next)) return true;
    if (seen.has(next) || rewriter.placeOf(next) < first) continue;
    if (seen.size === mostAncestors) return true;
    seen.add(next);
    pending.push(...(rewriter.producer(next)?.operands ?? []));
  }
  return false;
}

/** Reshapes that only this node reads and that move nothing: their operand is read in their place. */
function cheapViews(rewriter: Rewriter, node: Node, group: readonly Node[]): Node[] {
  const taken = new Set(group.map(nodeId));
  return node.operands.flatMap((operand) => {
    const producer = rewriter.producer(operand);
    const isView = producer !== undefined && (producer.op === "reshape" || producer.op === "broadcast");
    if (!isView || taken.has(nodeId(producer)) || !rewriter.hasSingleUse(operand)) return [];
    return isLiteralNode(rewriter.producer(producer.operands[0]!)) || producer.op === "reshape"
      ? [producer]
      : [];
  });
}

/** Elementwise ops that only this reduction's kernel reads, nearest last. */
function prologue(rewriter: Rewriter, anchor: Node, maxBuffers: number): Node[] {
  const { kind } = opRecord(anchor.op);
  // Softmax reads its operand three times: recomputing it would cost more than storing it.
  if (kind !== "reduction") return [];
  const group: Node[] = [];
  const absorb = (node: Node): void => {
    for (const operand of node.operands) {
      const producer = rewriter.producer(operand);
      if (producer === undefined) continue;
      const fits = isElementwiseNode(producer) || (isMovementNode(producer) && producer.op !== "concat");
      if (!fits || group.includes(producer) || rewriter.isOutput(operand)) continue;
      if (group.length === largestGroup) return;
      // (x − μ)² reads its difference twice, which is fine while nothing outside does.
      if (!rewriter.usersOf(operand).every((user) => user === anchor || group.includes(user))) continue;
      const large =
        isElementwiseNode(producer) &&
        !sameShape(producer.results[0]!.type.shape, rewriter.typeOf(anchor.operands[0]!).shape);
      if (large || bufferCount(rewriter, [producer, ...group, anchor]) > maxBuffers) continue;
      group.unshift(producer);
      absorb(producer);
    }
  };
  absorb(anchor);
  return topological(rewriter, group);
}

function topological(rewriter: Rewriter, group: readonly Node[]): Node[] {
  const ids = new Set(group.map(nodeId));
  const order: Node[] = [];
  const visit = (node: Node): void => {
    if (order.includes(node)) return;
    for (const operand of node.operands) {
      const producer = rewriter.producer(operand);
      if (producer !== undefined && ids.has(nodeId(producer))) visit(producer);
    }
    order.push(node);
  };
  group.forEach(visit);
  return order;
}

function name(anchor: Node): string {
  return anchor.origin?.modulePath ?? `%${nodeId(anchor)}`;
}
