/**
 * A graph under edit. Passes read it, replace and add nodes through it, and `commit` gives the new graph. What is
 * not edited is looked up in the graph's own index, so a pass that changes little costs little. The edits are applied with immer, whose patches are the record of what the pass changed: nodes are keyed by id,
 * so a patch names exactly the node that was added, changed or removed.
 */
import { enablePatches, produceWithPatches, type Patch } from "immer";
import { InternalError } from "../errors.ts";
import { inferTypes } from "../ir/builder.ts";
import { freezePlain } from "../ir/freeze.ts";
import {
  makeNode,
  nodeId,
  type Graph,
  type GraphOutput,
  type Node,
  type NodeOf,
  type NodeOrigin,
  type ValueId,
} from "../ir/graph.ts";
import { executionOrder, producersOf, typesOf, usersOf } from "../ir/graph-index.ts";
import type { Attributes, OpName } from "../ir/ops/registry.ts";
import { sameShape } from "../ir/shape.ts";
import { formatType, sameType, type TensorType } from "../ir/tensor-type.ts";

enablePatches();

const patchesOf = new WeakMap<Graph, readonly Patch[]>();

/** The edits that led to `graph` in the pass that made it. */
export function patchesFor(graph: Graph): readonly Patch[] {
  return patchesOf.get(graph) ?? [];
}

export class Rewriter {
  readonly #graph: Graph;
  /** What edits changed, undefined for what they removed; everything else is as in the graph. */
  readonly #nodes = new Map<ValueId, Node | undefined>();
  readonly #producers = new Map<ValueId, Node | undefined>();
  readonly #types = new Map<ValueId, TensorType>();
  readonly #users = new Map<ValueId, Set<ValueId>>();
  /** What nodes read instead of operands that were redirected, until the node is looked at. */
  readonly #renamed = new Map<ValueId, Map<ValueId, ValueId>>();
  #outputs: readonly GraphOutput[];
  /** Outputs' values that were redirected, until outputs are looked at. */
  readonly #renamedOutputs = new Map<ValueId, ValueId>();
  /** What follows from the outputs, worked out when it is asked for. */
  #returned: Map<ValueId, readonly GraphOutput[]> | undefined;
  #updatedInputs: ReadonlySet<ValueId | undefined> | undefined;
  #places: ReadonlyMap<ValueId, number> | undefined;
  #counter = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#outputs = graph.outputs;
  }

  get graph(): Graph {
    return this.#graph;
  }

  get outputs(): readonly GraphOutput[] {
    if (this.#renamedOutputs.size > 0) {
      this.#outputs = this.#outputs.map((output) => {
        const value = latest(output.value, this.#renamedOutputs);
        return value === output.value ? output : { ...output, value };
      });
      this.#renamedOutputs.clear();
    }
    return this.#outputs;
  }

  /** Nodes in an order of execution, as they were when the rewriter was made. */
  originalOrder(): readonly Node[] {
    return executionOrder(this.#graph);
  }

  /** The node with this id now; undefined once removed. */
  node(id: ValueId): Node | undefined {
    const node = this.#nodes.has(id) ? this.#nodes.get(id) : this.#nodeBefore(id);
    const renamed = this.#renamed.get(id);
    if (node === undefined || renamed === undefined) return node;
    this.#renamed.delete(id);
    const operands = node.operands.map((operand) => latest(operand, renamed));
    const now = { ...node, operands } as Node;
    freezePlain(now);
    this.#nodes.set(id, now);
    for (const result of now.results) this.#producers.set(result.id, now);
    return now;
  }

  producer(value: ValueId): Node | undefined {
    const known = this.#producers.has(value)
      ? this.#producers.get(value)
      : producersOf(this.#graph).get(value);
    return known && this.node(nodeId(known));
  }

  /** When a value is computed: what needs it is computed later, though not all that is later needs it. */
  placeOf(value: ValueId): number {
    this.#places ??= placesOf(this.#graph);
    const results = this.producer(value)?.results ?? [];
    return results.reduce((last, { id }) => Math.max(last, this.#places!.get(id) ?? Infinity), -1);
  }

  /** The producer, if it is of this op. */
  producedBy<K extends OpName>(value: ValueId, op: K): NodeOf<K> | undefined {
    const node = this.producer(value);
    return node?.op === op ? (node as NodeOf<K>) : undefined;
  }

  typeOf(value: ValueId): TensorType {
    const type = this.#typeNow(value);
    if (type === undefined) throw new InternalError(`rewrite: %${value} is not defined`);
    return type;
  }

  /** Nodes that read a value. */
  usersOf(value: ValueId): Node[] {
    return [...this.#usersNow(value)].map((id) => this.node(id)!);
  }

  isOutput(value: ValueId): boolean {
    return this.#outputsByValue().has(value);
  }

  /** The outputs that return a value, or make it new state. */
  outputsOf(value: ValueId): readonly GraphOutput[] {
    return this.#outputsByValue().get(value) ?? [];
  }

  /** Whether a run replaces this state input. */
  isUpdated(input: ValueId): boolean {
    return (this.#updatedInputs ??= new Set(this.outputs.map(({ updates }) => updates))).has(input);
  }

  #outputsByValue(): Map<ValueId, readonly GraphOutput[]> {
    return (this.#returned ??= groupedByValue(this.outputs));
  }

  /** Whether exactly one node reads the value and it is not returned. */
  hasSingleUse(value: ValueId): boolean {
    const [id, ...others] = this.#usersNow(value);
    if (id === undefined || others.length > 0 || this.isOutput(value)) return false;
    return readsOf(this.node(id)!).get(value) === 1;
  }

  /** Adds a node with inferred types and returns its results. */
  addAll<K extends OpName>(
    op: K,
    operands: readonly ValueId[],
    attributes: Attributes<K>,
    origin?: NodeOrigin,
  ): readonly ValueId[] {
    const types = inferTypes(
      op,
      operands.map((operand) => this.typeOf(operand)),
      attributes,
      origin,
    );
    const results = types.map((type) => ({ id: this.#freshId(), type }));
    this.#insert(makeNode(op, operands, attributes, results, origin));
    return results.map((result) => result.id);
  }

  add<K extends OpName>(
    op: K,
    operands: readonly ValueId[],
    attributes: Attributes<K>,
    origin?: NodeOrigin,
  ): ValueId {
    return this.addAll(op, operands, attributes, origin)[0]!;
  }

  /** Puts `node` in the place of the node with the same id. Results that are read may change their layout, nothing else. */
  replace(node: Node): void {
    const old = this.node(nodeId(node));
    if (old === undefined) throw new InternalError(`rewrite: no node %${nodeId(node)}`);
    for (const { id, type } of node.results) this.#expectSameValues(id, this.typeOf(id), type, node.op);
    this.#unregister(old);
    this.#insert(node);
  }

  /** Inserts a node that was made elsewhere, with ids that are new. */
  insert(node: Node): void {
    this.#insert(node);
  }

  /** Makes every reader of `from`, outputs included, read `to`, which must have the same type. */
  redirect(from: ValueId, to: ValueId): void {
    if (from === to) return;
    this.#expectSameType(from, to);
    for (const user of [...this.#usersNow(from)]) {
      // What was redirected to `from` is followed further; `to` itself must not be.
      if (this.#renamed.get(user)?.has(to) === true) this.node(user);
      const renamed = this.#renamed.get(user);
      if (renamed === undefined) this.#renamed.set(user, new Map([[from, to]]));
      else renamed.set(from, to);
      this.#ownUsers(to).add(user);
      this.#ownUsers(from).delete(user);
    }
    this.redirectOutputs(from, to);
  }

  /** Makes outputs that return `from` return `to`, which holds the same values, perhaps in another layout. */
  redirectOutputs(from: ValueId, to: ValueId): void {
    this.#expectSameValues(from, this.typeOf(from), this.typeOf(to), `%${to}`);
    const groups = this.#outputsByValue();
    const moved = groups.get(from);
    if (from === to || moved === undefined) return;
    if (this.#renamedOutputs.has(to)) void this.outputs;
    this.#renamedOutputs.set(from, to);
    groups.delete(from);
    groups.set(to, [...(groups.get(to) ?? []), ...moved.map((output) => ({ ...output, value: to }))]);
  }

  /** Removes a node that nothing reads. */
  remove(id: ValueId): void {
    const node = this.node(id);
    if (node === undefined) return;
    this.#unregister(node);
    if (this.#nodeBefore(id) === undefined) this.#nodes.delete(id);
    else this.#nodes.set(id, undefined);
  }

  /** Removes `id` if nothing reads it, then what only it read. */
  removeIfUnused(id: ValueId): void {
    const pending = [id];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const node = this.producer(next);
      if (node === undefined) continue;
      const used = node.results.some((result) => this.#hasUsers(result.id) || this.isOutput(result.id));
      if (used) continue;
      this.remove(nodeId(node));
      pending.push(...node.operands);
    }
  }

  /** The edited graph; the graph itself when nothing changed. */
  commit(): Graph {
    for (const id of [...this.#renamed.keys()]) this.node(id);
    const { outputs } = this;
    if (this.#nodes.size === 0 && outputs === this.#graph.outputs) return this.#graph;
    const [graph, patches] = produceWithPatches(this.#graph, (draft) => {
      const nodes = draft.nodes as Record<ValueId, Node>;
      for (const [id, node] of this.#nodes) {
        if (node === undefined) delete nodes[id];
        else if (node !== this.#nodeBefore(id)) nodes[id] = node;
      }
      if (outputs !== this.#graph.outputs) draft.outputs = outputs as typeof draft.outputs;
    });
    if (patches.length > 0) patchesOf.set(graph, patches);
    return graph;
  }

  /** A rewrite that changes a type changes what the network returns, or what its readers compute. */
  #expectSameType(from: ValueId, to: ValueId): void {
    const [before, after] = [this.typeOf(from), this.typeOf(to)];
    if (sameType(before, after)) return;
    throw new InternalError(
      `rewrite: %${from} is ${formatType(before)}, and %${to}, which was to take its place, ${formatType(after)}`,
    );
  }

  #expectSameValues(id: ValueId, before: TensorType, after: TensorType, op: string): void {
    if (before.dtype === after.dtype && sameShape(before.shape, after.shape)) return;
    throw new InternalError(
      `rewrite: %${id} is ${formatType(before)}, and ${op}, which was to take its place, gives ${formatType(after)}`,
    );
  }

  #insert(node: Node): void {
    freezePlain(node);
    this.#nodes.set(nodeId(node), node);
    this.#register(node);
  }

  #register(node: Node): void {
    for (const result of node.results) {
      this.#producers.set(result.id, node);
      this.#types.set(result.id, result.type);
    }
    for (const operand of node.operands) this.#ownUsers(operand).add(nodeId(node));
  }

  #unregister(node: Node): void {
    for (const result of node.results) this.#producers.set(result.id, undefined);
    for (const operand of node.operands) this.#ownUsers(operand).delete(nodeId(node));
  }

  #nodeBefore(id: ValueId): Node | undefined {
    return Object.hasOwn(this.#graph.nodes, id) ? this.#graph.nodes[id] : undefined;
  }

  #typeNow(value: ValueId): TensorType | undefined {
    return this.#types.get(value) ?? typesOf(this.#graph).get(value);
  }

  #usersNow(value: ValueId): Iterable<ValueId> {
    return this.#users.get(value) ?? usersOf(this.#graph).get(value) ?? [];
  }

  #hasUsers(value: ValueId): boolean {
    const users = this.#users.get(value);
    return users === undefined ? usersOf(this.#graph).has(value) : users.size > 0;
  }

  /** The users of a value as a set that may be changed: a copy, the first time. */
  #ownUsers(value: ValueId): Set<ValueId> {
    let users = this.#users.get(value);
    if (users === undefined) this.#users.set(value, (users = new Set(usersOf(this.#graph).get(value))));
    return users;
  }

  #freshId(): ValueId {
    let id: ValueId;
    do id = `r${this.#counter++}`;
    while (this.#typeNow(id) !== undefined);
    return id;
  }
}

function placesOf(graph: Graph): ReadonlyMap<ValueId, number> {
  const places = new Map<ValueId, number>();
  executionOrder(graph).forEach((node, i) => {
    for (const { id } of node.results) places.set(id, i);
  });
  return places;
}

/** What a value has become, through all that took its place. */
function latest(value: ValueId, renamed: ReadonlyMap<ValueId, ValueId>): ValueId {
  let now = value;
  for (let next = renamed.get(now); next !== undefined; next = renamed.get(now)) now = next;
  return now;
}

const readsOfNodes = new WeakMap<Node, ReadonlyMap<ValueId, number>>();

/** How often a node reads each of its operands. */
function readsOf(node: Node): ReadonlyMap<ValueId, number> {
  let reads = readsOfNodes.get(node);
  if (reads === undefined) {
    const counted = new Map<ValueId, number>();
    for (const operand of node.operands) counted.set(operand, (counted.get(operand) ?? 0) + 1);
    readsOfNodes.set(node, (reads = counted));
  }
  return reads;
}

function groupedByValue(outputs: readonly GraphOutput[]): Map<ValueId, readonly GraphOutput[]> {
  const groups = new Map<ValueId, GraphOutput[]>();
  for (const output of outputs) {
    const group = groups.get(output.value);
    if (group === undefined) groups.set(output.value, [output]);
    else group.push(output);
  }
  return groups;
}

/** Runs `edit` over a rewriter and commits. */
export function rewrite(graph: Graph, edit: (rewriter: Rewriter) => void): Graph {
  const rewriter = new Rewriter(graph);
  edit(rewriter);
  return rewriter.commit();
}
