/**
 * Which nodes make results whose shape depends on data: those of operators that choose elements by the values of an
 * input, where these come from what `run` takes, and branches that it decides on. Of initialisers and shapes they are
 * known while importing.
 */
import type { OnnxNode } from "./nodes.ts";
import type { GraphProto, NodeProto } from "./schema/onnx_pb.ts";

/** By which input they choose. */
const choosing: ReadonlyMap<string, number> = new Map([
  ["NonZero", 0],
  ["Compress", 1],
  ["If", 0],
]);

/** @param constants names of inputs whose values are known, too */
export function dataDependentNodes(
  graph: GraphProto,
  nodes: readonly OnnxNode[],
  constants: ReadonlySet<string>,
): readonly OnnxNode[] {
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.map(({ name }) => name);
  const data = new Set(inputs.filter((name) => !initializers.has(name) && !constants.has(name)));
  const found: OnnxNode[] = [];
  // Nodes of a file are in an order in which they can run.
  for (const node of nodes) {
    const { opType, input } = node.proto;
    const position = choosing.get(opType);
    if (position !== undefined && data.has(input[position] ?? "")) found.push(node);
    markResults(node.proto, data);
  }
  return found;
}

/** Adds a node's results to `data` where their elements come from it. */
function markResults({ opType, input, output, attribute }: NodeProto, data: Set<string>): void {
  if (opType === "Shape" || opType === "Size") return;
  if (input.some((name) => data.has(name))) for (const name of output) data.add(name);
  // What a branch makes is the node's result.
  for (const { g } of attribute) {
    for (const node of g?.node ?? []) markResults(node, data);
    g?.output.forEach(({ name }, i) => {
      if (data.has(name) && output[i] !== undefined) data.add(output[i]);
    });
  }
}
