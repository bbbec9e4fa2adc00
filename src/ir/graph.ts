/**
 * The graph: typed, static single assignment. A plain immutable record, so that immer can edit it and its
 * patches can tell what a pass changed.
 *
 *     graph digits(%x: input f32[1,3,8,8], %w: parameter "conv.weight" f32[4,3,3,3]) {
 *       %y = conv(%x, %w) {stride=[1,1], …} : f32[1,4,6,6]
 *       return "output" %y
 *     }
 *
 * Nodes are keyed by id (their first result); the order of execution follows from their operands.
 */
import type { Attributes, OpName } from "./ops/registry.ts";
import type { TensorType } from "./tensor-type.ts";

/** Unique in its graph; printed as `%id`. Never looks like an integer (object keys would be reordered). */
export type ValueId = string;

/**
 * What an input is for: `input` changes every run; `parameter` and `state` belong to the module
 * (`state` may be replaced by the graph); `prepared` comes from the `prepare` graph.
 */
export type InputRole = "input" | "parameter" | "state" | "prepared";

export interface GraphInput {
  readonly id: ValueId;
  readonly role: InputRole;
  /** Interface name; a state-dict name for parameters and state. */
  readonly name: string;
  readonly type: TensorType;
}

export interface NodeResult {
  readonly id: ValueId;
  readonly type: TensorType;
}

/** Where a node came from, for errors and kernel names. */
export interface NodeOrigin {
  readonly modulePath?: string;
  readonly callSite?: string;
}

export interface NodeOf<K extends OpName> {
  readonly op: K;
  readonly operands: readonly ValueId[];
  readonly attributes: Attributes<K>;
  readonly results: readonly NodeResult[];
  readonly origin?: NodeOrigin;
}

export type Node = { readonly [K in OpName]: NodeOf<K> }[OpName];

export interface GraphOutput {
  readonly name: string;
  readonly value: ValueId;
  /** The state input that this value replaces after a run; such an output is not returned to the caller. */
  readonly updates?: ValueId;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly GraphInput[];
  readonly nodes: Readonly<Record<ValueId, Node>>;
  readonly outputs: readonly GraphOutput[];
}

/** A node of an op, its attributes and results as the op's record has them. */
export function makeNode<K extends OpName>(
  op: K,
  operands: readonly ValueId[],
  attributes: Attributes<K>,
  results: readonly NodeResult[],
  origin?: NodeOrigin,
): Node {
  const node: NodeOf<K> = { op, operands, attributes, results, ...(origin && { origin }) };
  return node as Node;
}

/** A node's id: its first result. */
export function nodeId(node: Node): ValueId {
  return node.results[0]!.id;
}
