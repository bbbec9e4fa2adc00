/**
 * Variants of a graph in which one leaf has other sizes, so that an operation broadcasts another way round and its
 * result grows: `[3]` becomes `[2,1,3]` or `[1]`, `[1,3]` becomes `[3,3]`. A pass that takes operands to broadcast
 * *into* a result fires on the graph and must not, or must do it differently, on its variants.
 */
import { GraphBuilder } from "../../src/ir/builder.ts";
import { UserError } from "../../src/errors.ts";
import { executionOrder, typesOf } from "../../src/ir/graph-index.ts";
import type { Graph, ValueId } from "../../src/ir/graph.ts";
import type { HostTensor } from "../../src/ir/host-tensor.ts";
import { elementCount } from "../../src/ir/shape.ts";
import { tensorType } from "../../src/ir/tensor-type.ts";

/** `evaluate` of more elements than this, in all variants, takes longer than a test should. */
const mostElements = 3_000_000;

/** Every variant that is still a sound graph, at most `most`. */
export function grownVariants(graph: Graph, most: number): readonly Graph[] {
  const leaves = [
    ...graph.inputs.map(({ id, type }) => ({ id, shape: type.shape })),
    ...Object.values(graph.nodes)
      .filter((node) => node.op === "constant")
      .map(({ results: [result] }) => ({ id: result!.id, shape: result!.type.shape })),
  ];
  const rank = Math.max(0, ...[...typesOf(graph).values()].map((type) => type.shape.length));
  const variants: Graph[] = [];
  let elements = 0;
  // The last leaves first: they are read last, next to what passes look for.
  for (const { id, shape } of leaves.toReversed()) {
    for (const grown of otherShapes(shape, rank)) {
      const variant = withShape(graph, id, grown);
      if (variant === undefined) continue;
      for (const type of typesOf(variant).values()) elements += elementCount(type.shape);
      if (elements > mostElements || variants.length === most) return variants;
      variants.push(variant);
    }
  }
  return variants;
}

/** Another dimension in front, as the first that any value has and before it; each dimension of 1 as 3, each other as 1. */
function otherShapes(shape: readonly number[], rank: number): readonly (readonly number[])[] {
  const ones = new Array<number>(rank - shape.length).fill(1);
  const sized = shape.map((size, axis) => shape.with(axis, size === 1 ? 3 : 1));
  return [[2, ...ones, ...shape], ...(ones.length > 0 ? [[2, ...ones.slice(1), ...shape]] : []), ...sized];
}

function withShape(graph: Graph, leaf: ValueId, shape: readonly number[]): Graph | undefined {
  const builder = new GraphBuilder(graph.name);
  const ids = new Map<ValueId, ValueId>();
  try {
    for (const { id, role, name, type } of graph.inputs) {
      const grown = id === leaf ? tensorType(type.dtype, shape) : type;
      ids.set(id, builder.input(role, name, grown));
    }
    for (const node of executionOrder(graph)) {
      const attributes =
        node.op === "constant" && node.results[0]!.id === leaf
          ? { ...node.attributes, value: repeated(node.attributes.value, shape) }
          : node.attributes;
      const operands = node.operands.map((operand) => ids.get(operand)!);
      const results = builder.addAll(node.op, operands, attributes, node.origin);
      results.forEach((result, i) => ids.set(node.results[i]!.id, result));
    }
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
  for (const { name, value, updates } of graph.outputs) {
    const isUpdate = updates !== undefined;
    const [before, after] = [updates, value].map((id) => id && builder.typeOf(ids.get(id)!).shape.join());
    if (isUpdate && before !== after) return undefined;
    builder.output(name, ids.get(value)!, isUpdate ? ids.get(updates) : undefined);
  }
  return builder.build();
}

function repeated(value: HostTensor, shape: readonly number[]): HostTensor {
  const data = Array.from({ length: elementCount(shape) }, (_, i) => value.data[i % value.data.length]!);
  const ArrayKind = value.data.constructor as Float32ArrayConstructor;
  return { ...value, shape, data: ArrayKind.from(data as number[]) } as HostTensor;
}
