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
  const known: Dependence = {
    elements: new Set(inputs.filter((name) => !initializers.has(name) && !constants.has(name))),
    shapes: new Set(),
  };
  const found: OnnxNode[] = [];
  // Nodes of a file are in an order in which they can run.
  for (const node of nodes) {
    if (chooses(node.proto, known)) found.push(node);
    markResults(node.proto, known);
  }
  return found;
}

/** Values whose elements, and values whose shapes come from what `run` takes. */
interface Dependence {
  readonly elements: Set<string>;
  readonly shapes: Set<string>;
}

function chooses({ opType, input }: NodeProto, { elements }: Dependence): boolean {
  const position = choosing.get(opType);
  return position !== undefined && elements.has(input[position] ?? "");
}

function markResults(node: NodeProto, known: Dependence): void {
  const { elements, shapes } = known;
  const hasShape = node.input.some((name) => shapes.has(name));
  const tellsShape = node.opType === "Shape" || node.opType === "Size";
  if (tellsShape ? hasShape : node.input.some((name) => elements.has(name)))
    for (const name of node.output) elements.add(name);
  if (!tellsShape && (hasShape || chooses(node, known))) for (const name of node.output) shapes.add(name);
  // What a branch makes is the node's result.
  for (const { g } of node.attribute) {
    for (const inner of g?.node ?? []) markResults(inner, known);
    g?.output.forEach(({ name }, i) => {
      const result = node.output[i];
      if (result === undefined) return;
      if (elements.has(name)) elements.add(result);
      if (shapes.has(name)) shapes.add(result);
    });
  }
}
