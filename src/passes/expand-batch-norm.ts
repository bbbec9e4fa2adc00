/**
 * The naive lowering of training-mode batch norm: reductions and elementwise ops. The channel's first element
 * is subtracted before anything is summed, so a large common offset costs no precision.
 */
import { nodeId, type NodeOf, type ValueId } from "../ir/graph.ts";
import { trainingOperandNames, valuesPerChannel } from "../ir/ops/batch-norm.ts";
import type { PlainElementwiseOp } from "../ir/ops/elementwise.ts";
import { alongChannels } from "./per-channel.ts";
import type { Rewriter } from "./rewrite.ts";

export function expandTrainingNaively(rewriter: Rewriter, node: NodeOf<"batch_norm_training">): void {
  const { origin, attributes } = node;
  const names = trainingOperandNames(attributes);
  const operand = (name: string): ValueId => node.operands[names.indexOf(name)]!;
  const apply = (op: PlainElementwiseOp, ...operands: ValueId[]) => rewriter.add(op, operands, {}, origin);
  const number = (value: number) =>
    rewriter.add("constant", [], { value: { dtype: "f32", shape: [], data: Float32Array.of(value) } });

  const x = operand("input");
  const { shape } = rewriter.typeOf(x);
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const spread = (vector: ValueId) => alongChannels(rewriter, vector, shape.length, origin);
  const ones = shape.map(() => 1);
  const corner = {
    start: shape.map(() => 0),
    size: shape.map((size, axis) => (axis === 1 ? size : 1)),
    step: ones,
  };
  const shift = rewriter.add(
    "reshape",
    [rewriter.add("slice", [x], corner, origin)],
    { shape: [shape[1]!] },
    origin,
  );
  const shifted = apply("sub", x, spread(shift));
  const delta = rewriter.add("mean", [shifted], { axes, keepDims: false }, origin);
  const centred = apply("sub", shifted, spread(delta));
  const variance = rewriter.add("mean", [apply("mul", centred, centred)], { axes, keepDims: false }, origin);
  const inverseStd = apply("div", number(1), apply("sqrt", apply("add", variance, number(attributes.eps))));
  const scale = apply("mul", inverseStd, operand("weight"));
  const y = apply("add", apply("mul", centred, spread(scale)), spread(operand("bias")));
  const mean = apply("add", shift, delta);
  const replacements = [y, mean, inverseStd];

  if (attributes.tracked) {
    const one = rewriter.add("constant", [], { value: { dtype: "i32", shape: [], data: Int32Array.of(1) } });
    const seen = apply("add", operand("num_batches"), one);
    const momentum =
      attributes.momentum === null
        ? apply("div", number(1), rewriter.add("cast", [seen], { dtype: "f32" }, origin))
        : number(attributes.momentum);
    const keep =
      attributes.momentum === null ? apply("sub", number(1), momentum) : number(1 - attributes.momentum);
    const blend = (running: ValueId, batch: ValueId) =>
      apply("add", apply("mul", keep, running), apply("mul", momentum, batch));
    const n = valuesPerChannel(shape);
    const batchMean = attributes.meanOffset ? apply("add", mean, operand("mean_offset")) : mean;
    const unbiased = apply("mul", variance, number(n > 1 ? n / (n - 1) : 1));
    replacements.push(
      blend(operand("running_mean"), batchMean),
      blend(operand("running_var"), unbiased),
      seen,
    );
  }
  node.results.forEach((result, i) => rewriter.redirect(result.id, replacements[i]!));
  rewriter.removeIfUnused(nodeId(node));
}
