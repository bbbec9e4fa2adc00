/** Computes at compile time what depends on constants alone, by the reference semantics. */
import type { DType } from "../ir/dtype.ts";
import { nodeId, type Node } from "../ir/graph.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { elementCount } from "../ir/shape.ts";
import type { Pass } from "./pass.ts";
import { rewrite, type Rewriter } from "./rewrite.ts";

/** Larger results stay computations: a broadcast of one number should not become megabytes. */
const largestFolded = 4096;

export const foldConstants: Pass = {
  name: "fold-constants",
  summary: "computes what depends on constants alone",
  required: false,
  run: (graph) =>
    rewrite(graph, (rewriter) => {
      for (const original of rewriter.originalOrder()) fold(rewriter, rewriter.node(nodeId(original))!);
    }),
};

function fold(rewriter: Rewriter, node: Node): void {
  if (node.op === "constant" || node.results.length !== 1 || node.op === "fusion") return;
  const [result] = node.results as [Node["results"][number]];
  if (elementCount(result.type.shape) > largestFolded) return;
  const operands: HostTensor[] = [];
  for (const operand of node.operands) {
    const constant = rewriter.producedBy(operand, "constant");
    if (constant === undefined || elementCount(constant.attributes.value.shape) > largestFolded) return;
    operands.push(constant.attributes.value);
  }
  const [value] = opRecord(node.op).evaluate(operands, node.attributes, [result.type]);
  rewriter.replace({
    op: "constant",
    operands: [],
    attributes: { value: value as HostTensor<DType> },
    results: node.results,
    ...(node.origin && { origin: node.origin }),
  });
}
