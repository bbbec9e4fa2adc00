/** A graph's text with values named by position, so that two graphs that differ in names alone print alike. */
import { nodeId, type Graph, type Node, type ValueId } from "../../src/ir/graph.ts";
import { producersOf } from "../../src/ir/graph-index.ts";
import { printGraph } from "../../src/ir/print.ts";

export function canonicalText(graph: Graph): string {
  return printGraph(canonical(graph));
}

/** Nodes in the order in which outputs need them, those that nothing needs last; inputs keep their order. */
function canonical(graph: Graph): Graph {
  const producers = producersOf(graph);
  const order: Node[] = [];
  const visit = (value: ValueId): void => {
    const node = producers.get(value);
    if (node === undefined || order.includes(node)) return;
    node.operands.forEach(visit);
    if (!order.includes(node)) order.push(node);
  };
  for (const output of graph.outputs) visit(output.value);
  for (const node of Object.values(graph.nodes)) visit(nodeId(node));

  const names = new Map<ValueId, ValueId>();
  graph.inputs.forEach((input, i) => names.set(input.id, `in${i}`));
  for (const node of order)
    for (const { id } of node.results) names.set(id, `v${names.size - graph.inputs.length}`);
  const renamed = (id: ValueId): ValueId => names.get(id) ?? `undefined_${id}`;

  const nodes = order.map((node): Node => {
    const results = node.results.map(({ id, type }) => ({ id: renamed(id), type }));
    const attributes =
      node.op === "fusion" ? { body: canonicalBody(node.attributes.body) } : sortedByKey(node.attributes);
    return { ...node, operands: node.operands.map(renamed), results, attributes } as Node;
  });
  return {
    name: graph.name,
    inputs: graph.inputs.map((input) => ({ ...input, id: renamed(input.id) })),
    nodes: Object.fromEntries(nodes.map((node) => [nodeId(node), node])),
    outputs: graph.outputs.map((output) => ({
      ...output,
      value: renamed(output.value),
      ...(output.updates !== undefined && { updates: renamed(output.updates) }),
    })),
  };
}

/** Interface names inside a fusion are values of the graph around it: positions say as much. */
function canonicalBody(body: Graph): Graph {
  const { inputs, outputs, ...rest } = canonical(body);
  return {
    ...rest,
    name: "body",
    inputs: inputs.map((input) => ({ ...input, name: input.id })),
    outputs: outputs.map((output, i) => ({ ...output, name: `out${i}` })),
  };
}

function sortedByKey(attributes: object): object {
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
