/**
 * Which nodes make results whose shape depends on data: those of operators that choose elements by the values of an
 * input, where these come from what `run` takes. Of initialisers and shapes they are known while importing.
 */
import type { OnnxNode } from "./model.ts";
import type { GraphProto } from "./schema/onnx_pb.ts";

/** By which input they choose. */
const choosing: ReadonlyMap<string, number> = new Map([
  ["NonZero", 0],
  ["Compress", 1],
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
    const { opType, input, output } = node.proto;
    const position = choosing.get(opType);
    if (position !== undefined && data.has(input[position] ?? "")) found.push(node);
    const tellsShape = opType === "Shape" || opType === "Size";
    if (!tellsShape && input.some((name) => data.has(name))) for (const name of output) data.add(name);
  }
  return found;
}
