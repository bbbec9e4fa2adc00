/**
 * Joins a depthwise convolution, with what is fused to it, to the 1×1 convolution that alone reads it, where a
 * CPU runs them: what lies between them never leaves the first cache, and there is one launch instead of two.
 *
 *     y = relu(depthwise(x)); z = conv1x1(y) + r   →   z = fusion(x, r, …) { … }
 */
import { tileRows, type Target } from "../codegen/target.ts";
import type { NodeOf } from "../ir/graph.ts";
import { layoutOf } from "../ir/tensor-type.ts";
import { subjectOfSeparable, type Decision, type Subject } from "./decision.ts";
import { joinConvToReader } from "./join-conv-to-reader.ts";
import type { Pass } from "./pass.ts";
import type { Rewriter } from "./rewrite.ts";

export const fuseDepthwisePointwise: Pass = {
  name: "fuse-depthwise-pointwise",
  summary: "computes a depthwise convolution inside the kernel of the 1×1 convolution that reads it",
  required: false,
  run: (graph, context) => {
    const { target, decide } = context;
    if (target.family !== "cpu") return graph;
    return joinConvToReader(graph, "conv", context, (rewriter, depthwise, pointwise) => {
      if (!isPointwise(pointwise) || !isDepthwise(rewriter, depthwise)) return false;
      const subject = subjectOfSeparable(rewriter.typeOf(depthwise.operands[0]!), depthwise, pointwise);
      return decide(decisionFor(subject, isWorthJoining(pointwise, target))) === "joined";
    });
  },
};

function decisionFor({ name, sample }: Subject, isWorth: boolean): Decision<"joined" | "apart"> {
  const candidates = isWorth ? (["joined", "apart"] as const) : (["apart", "joined"] as const);
  return { kind: "join", signature: `join ${name}`, candidates, sample };
}

function isPointwise({ attributes }: NodeOf<"conv">): boolean {
  const { kernel, stride, padding, groups, packing } = attributes;
  return (
    kernel.join() === "1,1" &&
    stride.every((step) => step === 1) &&
    padding.flat().every((amount) => amount === 0) &&
    groups === 1 &&
    packing !== null
  );
}

function isDepthwise(rewriter: Rewriter, conv: NodeOf<"conv">): boolean {
  const { kernel, groups, packing } = conv.attributes;
  const x = rewriter.typeOf(conv.operands[0]!);
  const isPacked = packing !== null && packing.columns % packing.block === 0;
  return (
    kernel.length === 2 &&
    isPacked &&
    groups === packing.columns &&
    groups === x.shape[1] &&
    layoutOf(x).at(-1) === 1
  );
}

/** Maps of fewer pixels than this give no core work enough, and stay in the caches between two kernels. */
const fewestPixels = 256;

/**
 * Every item computes all channels of its pixels, so there must be pixels for every core. Where short kernels
 * share a launch anyway, two are faster: MobileNetV2 takes 0.97 of the time on OpenCL.
 */
function isWorthJoining(pointwise: NodeOf<"conv">, target: Target): boolean {
  const [batch, , ...spatial] = pointwise.results[0]!.type.shape as [number, number, ...number[]];
  const pixels = spatial.reduce((product, size) => product * size, 1);
  const items = batch * Math.ceil(pixels / tileRows(target, 2, pixels));
  return target.costlyLaunches !== true && pixels >= fewestPixels && items >= 2 * target.computeUnits;
}
