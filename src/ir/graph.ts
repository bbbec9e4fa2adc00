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

/** A value that comes from outside. */
export interface GraphInput {
  /** Unique in its graph. */
  readonly id: ValueId;
  /** What it is for. */
  readonly role: InputRole;
  /** Interface name; a state-dict name for parameters and state. */
  readonly name: string;
  /** Dtype and shape. */
  readonly type: TensorType;
}

/** A value that a node computes. */
export interface NodeResult {
  /** Unique in its graph. */
  readonly id: ValueId;
  /** Dtype and shape. */
  readonly type: TensorType;
}

/** Where a node came from, for errors and kernel names. */
export interface NodeOrigin {
  /** Module path in state-dict notation, such as `layer2.conv1`. */
  readonly modulePath?: string;
  /** `file:line:column` of the user's call. */
  readonly callSite?: string;
}

/** A node of one op. */
export interface NodeOf<K extends OpName> {
  /** What it computes. */
  readonly op: K;
  /** What it reads. */
  readonly operands: readonly ValueId[];
  /** What besides its operands decides what it computes. */
  readonly attributes: Attributes<K>;
  /** What it computes. */
  readonly results: readonly NodeResult[];
  /** Where in the user's program it comes from. */
  readonly origin?: NodeOrigin;
}

/** One operation. */
export type Node = { readonly [K in OpName]: NodeOf<K> }[OpName];

/** A value that leaves the graph. */
export interface GraphOutput {
  /** Interface name. */
  readonly name: string;
  /** The value that is handed out. */
  readonly value: ValueId;
  /** The state input that this value replaces after a run; such an output is not returned to the caller. */
  readonly updates?: ValueId;
}

/** A network as operations on typed values; `printGraph` shows it. */
export interface Graph {
  /** The class of the network, or the name in the file. */
  readonly name: string;
  /** What comes from outside, in order. */
  readonly inputs: readonly GraphInput[];
  /** The operations, by the id of their first result. */
  readonly nodes: Readonly<Record<ValueId, Node>>;
  /** What is returned, and what state becomes. */
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
