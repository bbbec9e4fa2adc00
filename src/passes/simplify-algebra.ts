/**
 * Rewrites by algebra: each rule turns one node into a simpler value, under its equation. Rules hold for NaN
 * and infinities: x·0 is not 0.
 */
import { nodeId, type Node, type ValueId } from "../ir/graph.ts";
import { sameShape } from "../ir/shape.ts";
import { sameType } from "../ir/tensor-type.ts";
import { uniformValue } from "./constants.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

/** The value that replaces the node's result, or undefined where the rule does not apply. */
type Rule = (node: Node, rewriter: Rewriter) => ValueId | undefined;

export const simplifyAlgebra: Pass = {
  name: "simplify-algebra",
  summary: "drops operations that change nothing and merges those that undo each other",
  required: false,
  run: (graph) =>
    rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) simplify(rewriter, nodeId(original));
    }),
};

/** Applies rules to one node until none fires; each firing removes the node or shortens its chain. */
function simplify(rewriter: Rewriter, id: ValueId): void {
  for (let node = rewriter.node(id); node !== undefined;) {
    const current: Node = node;
    const replacement = rules.reduce<ValueId | undefined>(
      (found, rule) => found ?? rule(current, rewriter),
      undefined,
    );
    if (replacement === undefined) return;
    rewriter.redirect(id, replacement);
    rewriter.removeIfUnused(id);
    node = rewriter.producer(replacement);
    if (node === undefined || rewriter.graph.nodes[nodeId(node)] !== undefined) return;
    id = nodeId(node);
  }
}

const [first, second] = [0, 1] as const;

/** `op(x, constant)` or, where the op commutes, `op(constant, x)`: gives x. */
function otherThan(node: Node, rewriter: Rewriter, neutral: number, commutes: boolean): ValueId | undefined {
  const type = node.results[0]!.type;
  for (const position of commutes ? [first, second] : [first]) {
    const kept = node.operands[position]!;
    const isNeutral = Object.is(uniformValue(rewriter, node.operands[1 - position]!), neutral);
    if (isNeutral && sameShape(rewriter.typeOf(kept).shape, type.shape)) return kept;
  }
  return undefined;
}

/** The operand, where it has the result's type: the operation changes nothing. */
function unchanged(node: Node, rewriter: Rewriter): ValueId | undefined {
  const operand = node.operands[0]!;
  return sameType(rewriter.typeOf(operand), node.results[0]!.type) ? operand : undefined;
}

function reciprocalOfDivisor(node: Node, rewriter: Rewriter): ValueId | undefined {
  if (node.op !== "div" || node.results[0]!.type.dtype !== "f32") return undefined;
  const [x, divisor] = node.operands as [ValueId, ValueId];
  const known = uniformValue(rewriter, divisor);
  if (known === undefined) return undefined;
  const reciprocal = Math.fround(1 / known);
  const magnitude = Math.abs(reciprocal);
  // Neither 0 nor infinity, nor so small or large that one of the two loses digits.
  if (!(magnitude >= 2 ** -100 && magnitude <= 2 ** 100)) return undefined;
  if (!Number.isInteger(Math.log2(magnitude)) && !readersRoundMore(node, rewriter)) return undefined;
  if (!sameShape(rewriter.typeOf(x).shape, node.results[0]!.type.shape)) return undefined;
  const value = { dtype: "f32", shape: [], data: Float32Array.of(reciprocal) } as const;
  return rewriter.add("mul", [x, rewriter.add("constant", [], { value }, node.origin)], {}, node.origin);
}

/**
 * Whether nobody can tell that a value was rounded once more: functions read it that are approximated within some
 * units themselves, and whose condition number |x f'(x) / f(x)| is at most 1 everywhere, so that they do not magnify
 * a unit of their operand. (exp does, and sums and comparisons show it.)
 */
function readersRoundMore(node: Node, rewriter: Rewriter): boolean {
  const result = nodeId(node);
  const readers = rewriter.usersOf(result);
  return (
    readers.length > 0 &&
    !rewriter.isOutput(result) &&
    readers.every((reader) => reader.op === "erf" || reader.op === "tanh")
  );
}

/** x + c or x − c for a zero c that leaves every x as it is: −0 + 0 is 0, so c must be −0 in sums, 0 in differences. */
function withoutZero(node: Node, rewriter: Rewriter): ValueId | undefined {
  if (node.op !== "add" && node.op !== "sub") return undefined;
  const isFloat = node.results[0]!.type.dtype === "f32";
  const zero = isFloat && node.op === "add" ? -0 : 0;
  return otherThan(node, rewriter, zero, node.op === "add");
}

const rules: readonly Rule[] = [
  // x + (−0) = x, x − 0 = x
  withoutZero,
  // x · 1 = x
  (node, rewriter) => (node.op === "mul" ? otherThan(node, rewriter, 1, true) : undefined),
  // x / 1 = x
  (node, rewriter) => (node.op === "div" ? otherThan(node, rewriter, 1, false) : undefined),
  // x / c = x · (1/c), where that is exact or nobody can tell: a multiplication takes a tenth of the time
  reciprocalOfDivisor,
  // x¹ = x
  (node, rewriter) => (node.op === "pow" ? otherThan(node, rewriter, 1, false) : undefined),
  // x² = x · x
  (node, rewriter) =>
    node.op === "pow" &&
    uniformValue(rewriter, node.operands[1]!) === 2 &&
    unchanged(node, rewriter) !== undefined
      ? rewriter.add("mul", [node.operands[0]!, node.operands[0]!], {}, node.origin)
      : undefined,
  // −(−x) = x
  (node, rewriter) =>
    node.op === "neg" ? rewriter.producedBy(node.operands[0]!, "neg")?.operands[0] : undefined,
  // relu(relu(x)) = relu(x)
  (node, rewriter) =>
    node.op === "relu" && rewriter.producedBy(node.operands[0]!, "relu") !== undefined
      ? node.operands[0]
      : undefined,
  // abs(abs(x)) = abs(x)
  (node, rewriter) =>
    node.op === "abs" && rewriter.producedBy(node.operands[0]!, "abs") !== undefined
      ? node.operands[0]
      : undefined,
  // reshape, broadcast, cast, relayout to what it is already = x
  (node, rewriter) =>
    ["reshape", "broadcast", "cast", "relayout"].includes(node.op) ? unchanged(node, rewriter) : undefined,
  // permute by the identity = x
  (node) =>
    node.op === "permute" && node.attributes.axes.every((axis, i) => axis === i)
      ? node.operands[0]
      : undefined,
  // slice of everything = x
  (node, rewriter) =>
    node.op === "slice" &&
    sameShape(node.attributes.size, rewriter.typeOf(node.operands[0]!).shape) &&
    node.attributes.step.every((step, axis) => step === 1 || node.attributes.size[axis]! <= 1)
      ? node.operands[0]
      : undefined,
  // pad by nothing = x
  (node) =>
    node.op === "pad" && node.attributes.padding.flat().every((amount) => amount === 0)
      ? node.operands[0]
      : undefined,
  // concat of one = x
  (node) => (node.op === "concat" && node.operands.length === 1 ? node.operands[0] : undefined),
  // fold over no axes = x
  (node, rewriter) =>
    (node.op === "sum" ||
      node.op === "mean" ||
      node.op === "prod" ||
      node.op === "reduce_max" ||
      node.op === "reduce_min") &&
    node.attributes.axes.length === 0
      ? unchanged(node, rewriter)
      : undefined,
  // reshape(reshape(x)) = reshape(x)
  (node, rewriter) => {
    const inner = node.op === "reshape" ? rewriter.producedBy(node.operands[0]!, "reshape") : undefined;
    return (
      inner &&
      rewriter.add("reshape", [inner.operands[0]!], { shape: node.results[0]!.type.shape }, node.origin)
    );
  },
  // permute_b(permute_a(x)) = permute_{a∘b}(x)
  (node, rewriter) => {
    if (node.op !== "permute") return undefined;
    const inner = rewriter.producedBy(node.operands[0]!, "permute");
    if (inner === undefined) return undefined;
    const axes = node.attributes.axes.map((axis) => inner.attributes.axes[axis]!);
    return rewriter.add("permute", [inner.operands[0]!], { axes }, node.origin);
  },
  // adaptive_avg_pool to one element = mean over the spatial dimensions
  (node, rewriter) => {
    if (node.op !== "adaptive_avg_pool" || node.attributes.outputSize.some((size) => size !== 1))
      return undefined;
    const axes = node.attributes.outputSize.map((_, i) => i + 2);
    return rewriter.add("mean", [node.operands[0]!], { axes, keepDims: true }, node.origin);
  },
];
