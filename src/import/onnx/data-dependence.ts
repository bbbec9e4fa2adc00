/**
 * Which nodes make results whose shape depends on data: those of operators that choose elements by the values of an
 * input, where these come from what `run` takes, and branches that it decides on. Of initialisers and shapes they are
 * known while importing.
 */
import type { OnnxNode } from "./nodes.ts";
import type { GraphProto, NodeProto } from "./schema/onnx_pb.ts";

/** By which inputs they choose. */
const choosing: ReadonlyMap<string, readonly number[]> = new Map([
  ["NonZero", [0]],
  ["Compress", [1]],
  ["If", [0]],
  ["Loop", [0, 1]],
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

/** More inputs than these are not tried one by one. */
const mostTried = 64;

/** Branches and loops that depend on inputs, and what they could be settled by. */
export interface OpenBranches {
  /** Inputs by whose values they are settled: fewest, so that none of them can be left out. */
  readonly inputs: readonly string[];
  /** The nodes. */
  readonly nodes: ReadonlySet<OnnxNode>;
}

/** What elements are chosen by is data, but what branches are chosen by is as a rule the same in every run. */
export function openBranches(
  graph: GraphProto,
  nodes: readonly OnnxNode[],
  constants: ReadonlySet<string>,
): OpenBranches {
  const left = (known: ReadonlySet<string>) =>
    dataDependentNodes(graph, nodes, known).filter(({ proto }) => ["If", "Loop"].includes(proto.opType));
  const open = left(constants);
  if (open.length === 0) return { inputs: [], nodes: new Set() };
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input
    .map(({ name }) => name)
    .filter((name) => !initializers.has(name) && !constants.has(name));
  const known = new Set([...constants, ...inputs]);
  const never = new Set(left(known));
  for (const name of inputs.slice(0, mostTried)) {
    known.delete(name);
    if (left(known).length > never.size) known.add(name);
  }
  const settled = open.filter((node) => !never.has(node));
  return {
    inputs: settled.length === 0 ? [] : inputs.filter((name) => known.has(name)),
    nodes: new Set(settled),
  };
}

/** Values whose elements, and values whose shapes come from what `run` takes. */
interface Dependence {
  readonly elements: Set<string>;
  readonly shapes: Set<string>;
}

function chooses({ opType, input }: NodeProto, { elements }: Dependence): boolean {
  return (choosing.get(opType) ?? []).some((position) => elements.has(input[position] ?? ""));
}

function markResults(node: NodeProto, known: Dependence): void {
  const { elements, shapes } = known;
  const hasShape = node.input.some((name) => shapes.has(name));
  const tellsShape = node.opType === "Shape" || node.opType === "Size";
  if (tellsShape ? hasShape : node.input.some((name) => elements.has(name)))
    for (const name of node.output) elements.add(name);
  if (!tellsShape && (hasShape || chooses(node, known))) for (const name of node.output) shapes.add(name);
  // What a branch or a body makes is the node's result; a body also tells whether its loop goes on.
  const isLoop = node.opType === "Loop";
  const pass = (from: string | undefined, to: string | undefined): void => {
    if (from === undefined || to === undefined) return;
    if (elements.has(from)) elements.add(to);
    if (shapes.has(from)) shapes.add(to);
  };
  for (const { g } of node.attribute) {
    if (g === undefined) continue;
    g.input.forEach(({ name }, i) => pass(node.input[i], name));
    for (const inner of g.node) markResults(inner, known);
    g.output.forEach(({ name }, i) => pass(name, node.output[isLoop ? i - 1 : i]));
  }
}
