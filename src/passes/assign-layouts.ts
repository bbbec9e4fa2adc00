/**
 * Chooses the memory layout of every value. Images are channels-last inside the graph, because convolution
 * kernels take neighbouring channels as lanes; what comes from and goes to the caller is row-major. Kernels
 * read and write any layout through strides, so a conversion is only needed where the caller receives an image
 * that the graph goes on with.
 */
import { nodeId, type Node, type ValueId } from "../ir/graph.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { channelsLast, layoutOf, sameType, tensorType, type TensorType } from "../ir/tensor-type.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

export const assignLayouts: Pass = {
  name: "assign-layouts",
  summary: "keeps images channels-last between convolutions",
  required: false,
  run: (graph, context) =>
    rewrite(graph, (rewriter) => {
      let changed = 0;
      for (const original of rewriter.originalOrder()) {
        const node = rewriter.node(nodeId(original))!;
        const results = node.results.map((result, i) => ({
          ...result,
          type: layoutFor(rewriter, node, result.type, i),
        }));
        if (results.every((result, i) => sameType(result.type, node.results[i]!.type))) continue;
        rewriter.replace({ ...node, results } as Node);
        changed++;
      }
      for (const value of new Set(rewriter.outputs.map((output) => output.value)))
        restoreOutput(rewriter, value);
      if (changed > 0) context.note(`${changed} values channels-last`);
    }),
};

function layoutFor(rewriter: Rewriter, node: Node, type: TensorType, position: number): TensorType {
  const rank = type.shape.length;
  if (node.op === "conv") return tensorType(type.dtype, type.shape, channelsLast(rank));
  const { kind } = opRecord(node.op);
  const followsOperand = kind === "window" || (kind === "normalization" && position === 0);
  if (followsOperand && node.op !== "batch_norm_partial") {
    const { layout } = rewriter.typeOf(node.operands[0]!);
    return layout !== undefined && layout.length === rank ? tensorType(type.dtype, type.shape, layout) : type;
  }
  if (kind === "elementwise") {
    const whole = node.operands
      .map((operand) => rewriter.typeOf(operand))
      .filter((operand) => operand.shape.join() === type.shape.join());
    const model = whole.find((operand) => operand.layout !== undefined);
    return model === undefined
      ? tensorType(type.dtype, type.shape)
      : tensorType(type.dtype, type.shape, layoutOf(model));
  }
  if (node.op === "concat" || node.op === "pad" || node.op === "slice") {
    const { layout } = rewriter.typeOf(node.operands[0]!);
    return layout === undefined ? type : tensorType(type.dtype, type.shape, layout);
  }
  return type;
}

/** The caller gets row-major tensors: written so by the kernel that makes them, unless something else reads them, too. */
function restoreOutput(rewriter: Rewriter, value: ValueId): void {
  const type = rewriter.typeOf(value);
  if (type.layout === undefined) return;
  const maker = rewriter.producer(value);
  if (maker !== undefined && rewriter.usersOf(value).length === 0) {
    const results = maker.results.map((result) =>
      result.id === value ? { ...result, type: tensorType(type.dtype, type.shape) } : result,
    );
    rewriter.replace({ ...maker, results } as Node);
    return;
  }
  const layout = type.shape.map((_, axis) => axis);
  const restored = rewriter.add("relayout", [value], { layout }, rewriter.producer(value)?.origin);
  rewriter.redirectOutputs(value, restored);
}
