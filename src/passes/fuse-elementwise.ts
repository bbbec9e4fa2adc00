/**
 * Fuses chains of elementwise and movement ops that no anchor took into one kernel each: an op joins the
 * kernel of its readers when all of them are in it, so nothing is computed twice and nothing between them is
 * stored.
 *
 *     c = exp(a); d = permute(c); e = d + b   →   e = fusion(a, b) { … }
 */
import { nodeId, type Node, type ValueId } from "../ir/graph.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { elementCount, sameShape } from "../ir/shape.ts";
import { bufferCount, externalResults, fuse, isElementwiseNode, isMovementNode } from "./fusion-group.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

/** A kernel's text grows with its group. */
const largestGroup = 48;
/** How often a kernel may spell out one member, at as many different indices; each branch of a concatenation counts. */
const mostSpellings = 64;

export const fuseElementwise: Pass = {
  name: "fuse-elementwise",
  summary: "joins chains of elementwise and data-moving operations into one kernel each",
  required: false,
  run: (graph, { target, note }) =>
    rewrite(graph, (rewriter) => {
      for (const original of [...rewriter.originalOrder()].reverse()) {
        const root = rewriter.node(nodeId(original));
        if (root === undefined || !isMember(root) || isDead(rewriter, root)) continue;
        const group = collect(rewriter, root, target.maxStorageBuffers);
        // Views of views need no kernel as they are.
        if (group.length < 2 || group.every((node) => node.op === "reshape")) continue;
        fuse(rewriter, group);
        note(`%${nodeId(root)}: ${group.map((node) => node.op).join(" + ")}`);
      }
    }),
};

/** Dead nodes stay as they are where the pass that removes them was left out. */
function isDead(rewriter: Rewriter, root: Node): boolean {
  return externalResults(rewriter, [root]).length === 0;
}

function isMember(node: Node | undefined): node is Node {
  return (
    node !== undefined &&
    !((node.op === "concat" || node.op === "slice") && node.attributes.inPlace === true) &&
    (isElementwiseNode(node) || isMovementNode(node) || opRecord(node.op).kind === "generator")
  );
}

/** The root and what it is made of, in an order of execution. */
function collect(rewriter: Rewriter, root: Node, maxBuffers: number): Node[] {
  const members = new Map([[nodeId(root), root]]);
  const rootSize = elementCount(root.results[0]!.type.shape);
  const order: Node[] = [root];
  const spellings = new Map<string, ReadonlySet<string>>([[nodeId(root), new Set([""])]]);
  // Breadth first from the root, so that a producer is tried after all its readers had their chance to join.
  for (let changed = true; changed && order.length < largestGroup;) {
    changed = false;
    for (const member of [...order]) {
      for (const operand of member.operands) {
        const producer = rewriter.producer(operand);
        if (!isMember(producer) || members.has(nodeId(producer)) || order.length >= largestGroup) continue;
        const readers = rewriter.usersOf(operand);
        if (rewriter.isOutput(operand) || !readers.every((reader) => members.has(nodeId(reader)))) continue;
        // A small value that is broadcast would be computed once per element: views of it are free, work is not.
        const repeated = elementCount(producer.results[0]!.type.shape) < rootSize;
        if (repeated && isElementwiseNode(producer)) continue;
        if (bufferCount(rewriter, [producer, ...order]) > maxBuffers) continue;
        const spelled = spellingsOf(operand, producer, readers, spellings);
        if (spelled.size > mostSpellings) continue;
        spellings.set(nodeId(producer), spelled);
        members.set(nodeId(producer), producer);
        order.unshift(producer);
        changed = true;
      }
    }
  }
  return sortMembers(rewriter, members, root);
}

/**
 * The indices, as names of how they come about, at which a kernel computes a member: those of its readers where these
 * read it element by element, and one more for each place in which a reader has it elsewhere.
 */
function spellingsOf(
  value: ValueId,
  producer: Node,
  readers: readonly Node[],
  known: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const spelled = new Set<string>();
  for (const reader of readers) {
    const isSame =
      isElementwiseNode(reader) &&
      sameShape(reader.results[0]!.type.shape, producer.results.find(({ id }) => id === value)!.type.shape);
    reader.operands.forEach((operand, place) => {
      if (operand !== value) return;
      for (const index of known.get(nodeId(reader)) ?? [])
        spelled.add(isSame ? index : `${nodeId(reader)}.${place}(${index})`);
    });
    if (spelled.size > mostSpellings) break;
  }
  return spelled;
}

function sortMembers(rewriter: Rewriter, members: ReadonlyMap<string, Node>, root: Node): Node[] {
  const sorted: Node[] = [];
  const visit = (node: Node): void => {
    if (sorted.includes(node)) return;
    for (const operand of node.operands) {
      const producer = rewriter.producer(operand);
      if (producer !== undefined && members.has(nodeId(producer))) visit(producer);
    }
    sorted.push(node);
  };
  visit(root);
  return sorted;
}
