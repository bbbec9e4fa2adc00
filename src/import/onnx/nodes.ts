/** Nodes of a file: their names, and which values they read, subgraphs included. */
import { UserError } from "../../errors.ts";
import type { GraphProto, NodeProto } from "./schema/onnx_pb.ts";

export interface OnnxNode {
  /** As in the file, or made of the operator and its position. */
  readonly name: string;
  readonly proto: NodeProto;
}

/** Graphs in graphs in graphs: no writer nests them so deep, but a file may hold anything. */
const deepestNesting = 64;

/** Nodes with names: their own, or one made of the operator and the position. */
export function namedNodes(nodes: readonly NodeProto[]): OnnxNode[] {
  return nodes.map((node, i) => ({ name: node.name || `${node.opType}_${i}`, proto: node }));
}

/** The nodes of branches and loop bodies, at any depth, named after the nodes that they lie in. */
export function innerNodes(nodes: readonly OnnxNode[], depth = 0): OnnxNode[] {
  return nodes.flatMap(({ name, proto }) =>
    proto.attribute.flatMap(({ name: part, g }) => {
      if (g === undefined) return [];
      if (depth > deepestNesting)
        throw new UserError(
          "file-format",
          `onnx: node '${name}': graphs lie more than ${deepestNesting} deep.`,
        );
      const own = namedNodes(g.node).map((node) => ({ ...node, name: `${name}/${part}/${node.name}` }));
      return [...own, ...innerNodes(own, depth + 1)];
    }),
  );
}

/** The names of all values that a node reads, by its inputs and in its subgraphs. */
export function readsOf(node: NodeProto, depth = 0): readonly string[] {
  const graphs = node.attribute.flatMap(({ g }) => (g === undefined ? [] : [g]));
  if (graphs.length === 0) return node.input;
  if (depth > deepestNesting)
    throw new UserError(
      "file-format",
      `onnx: node '${node.name}': graphs lie more than ${deepestNesting} deep.`,
    );
  return [...node.input, ...graphs.flatMap((graph) => [...outerReads(graph, depth + 1)])];
}

/** What a subgraph reads and does not define. */
export function outerReads(graph: GraphProto, depth = 0): ReadonlySet<string> {
  const own = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ]);
  const reads = [
    ...graph.node.flatMap((node) => readsOf(node, depth)),
    ...graph.output.map(({ name }) => name),
  ];
  return new Set(reads.filter((name) => name !== "" && !own.has(name)));
}
