/**
 * What of a traced network is so because layers are in training mode, for reports: who forgot `eval()` reads it there.
 * Only layers count whose results depend on the mode: an instance norm without running statistics has one meaning.
 */
import type { Graph, Node } from "./ir/graph.ts";
import type { Module } from "./nn/module.ts";

/** Module paths that are named; the others are counted. */
const mostNamed = 3;

/** Lines such as `batch statistics (bn1, layer1.0.bn1, layer1.0.bn2 and 17 more)`. */
export function trainingEffects(graph: Graph, root: Module): readonly string[] {
  const training = new Map(Array.from(root.namedModules(), ([path, module]) => [path, module.training]));
  const nodes = Object.values(graph.nodes).filter(
    ({ origin }) => training.get(origin?.modulePath ?? "") ?? root.training,
  );
  return [
    describe("batch statistics", nodes.filter(usesBatchStatistics)),
    describe(
      "random numbers",
      nodes.filter(({ op }) => op === "random_uniform"),
    ),
  ].filter((line) => line !== undefined);
}

function usesBatchStatistics(node: Node): boolean {
  return node.op === "batch_norm_training" && node.attributes.tracked;
}

function describe(what: string, nodes: readonly Node[]): string | undefined {
  if (nodes.length === 0) return undefined;
  const paths = [
    ...new Set(nodes.map(({ origin }) => origin?.modulePath ?? "").filter((path) => path !== "")),
  ];
  if (paths.length === 0) return what;
  const named = paths.slice(0, mostNamed).join(", ");
  return `${what} (${named}${paths.length > mostNamed ? ` and ${paths.length - mostNamed} more` : ""})`;
}
