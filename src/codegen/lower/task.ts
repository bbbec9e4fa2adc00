/**
 * A lowering task: one node about to become one kernel. Plain nodes and fusions look the same: a body graph,
 * at most one anchor (the node that needs loops of its own), buffers for what comes in and goes out.
 */
import { InternalError } from "../../errors.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Graph, GraphInput, Node, NodeOf, ValueId } from "../../ir/graph.ts";
import { executionOrder, producersOf } from "../../ir/graph-index.ts";
import type { OpKind } from "../../ir/ops/op.ts";
import { opRecord, type OpName } from "../../ir/ops/registry.ts";
import { elementCount } from "../../ir/shape.ts";
import type { TensorType } from "../../ir/tensor-type.ts";
import { compare, constant, convert, int, lane as laneOf, pack, splat } from "../expressions.ts";
import type { BufferScalar, Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Lanes, Target } from "../target.ts";
import { addressOf, viewOf, type View } from "./view.ts";

/** Which dimension the lanes of a vector run along; `null` for scalars. */
export interface LaneAxis {
  readonly axis: number;
  readonly lanes: Lanes;
}

export interface BoundTensor {
  readonly buffer: string;
  readonly type: TensorType;
  /** Where the tensor lies if it is a slice of what fills the buffer. */
  readonly view?: View;
}

export interface Task {
  readonly target: Target;
  readonly body: Graph;
  /** The one node that is neither elementwise nor movement, if any. */
  readonly anchor: Node | undefined;
  /** Body inputs and where they are. */
  readonly inputs: ReadonlyMap<ValueId, BoundTensor>;
  /** Body outputs, in order, and where they go. */
  readonly outputs: readonly (BoundTensor & { readonly value: ValueId })[];
}

/**
 * The body of a node, its inputs named by the graph values they are bound to: a fusion's own, or the node
 * alone with the single-element constants it reads, which become literals.
 */
export function bodyOf(
  node: Node,
  graph: { readonly types: ReadonlyMap<ValueId, TensorType>; readonly producers: ReadonlyMap<ValueId, Node> },
): Graph {
  if (node.op === "fusion") {
    const { body } = node.attributes;
    return { ...body, inputs: body.inputs.map((input, i) => ({ ...input, name: node.operands[i]! })) };
  }
  const { kind } = opRecord(node.op);
  const takesLiterals = kind === "elementwise" || kind === "movement";
  const nodes: Record<ValueId, Node> = { [node.results[0]!.id]: node };
  const inputs: GraphInput[] = [];
  for (const id of new Set(node.operands)) {
    const producer = graph.producers.get(id);
    if (takesLiterals && producer?.op === "constant" && isLiteral(producer)) nodes[id] = producer;
    else inputs.push({ id, role: "input", name: id, type: graph.types.get(id)! });
  }
  return {
    name: node.op,
    inputs,
    nodes,
    outputs: node.results.map((result) => ({ name: result.id, value: result.id })),
  };
}

/** A constant that kernels spell out instead of loading it. */
export function isLiteral(node: NodeOf<"constant">): boolean {
  return elementCount(node.attributes.value.shape) === 1;
}

/** Kinds that are emitted element by element and need no loops of their own. */
const pointwiseKinds: readonly OpKind[] = ["elementwise", "movement", "generator", "constant"];

/** The last node that needs loops of its own; before it there may be one that `innerConvOf` finds, and no other. */
export function anchorOf(body: Graph): Node | undefined {
  const anchors = executionOrder(body).filter((node) => !pointwiseKinds.includes(opRecord(node.op).kind));
  const anchor = anchors.at(-1);
  const expected = anchor !== undefined && innerConvOf(body, anchor) !== undefined ? 2 : 1;
  if (anchors.length > expected) {
    throw new InternalError(
      `lower: a fusion with ${anchors.length} anchors: ${anchors.map((node) => node.op).join(", ")}`,
    );
  }
  return anchor;
}

/**
 * The convolution whose result, after elementwise ops, the anchor of the same body reads: a depthwise one before
 * a 1×1 convolution, or one before a pooling.
 */
export function innerConvOf(body: Graph, anchor: Node): NodeOf<"conv"> | undefined {
  if (anchor.op !== "conv" && anchor.op !== "max_pool") return undefined;
  const producers = producersOf(body);
  const find = (value: ValueId): NodeOf<"conv"> | undefined => {
    const node = producers.get(value);
    if (node?.op === "conv") return node;
    if (node === undefined || opRecord(node.op).kind !== "elementwise") return undefined;
    return node.operands.map(find).find((found) => found !== undefined);
  };
  return find(anchor.operands[0]!);
}

export function expectAnchor<K extends OpName>(task: Task, op: K): NodeOf<K> {
  if (task.anchor?.op !== op)
    throw new InternalError(`lower: expected ${op}, got ${task.anchor?.op ?? "no anchor"}`);
  return task.anchor as NodeOf<K>;
}

/** How a dtype lies in buffers: bool as u32. */
export function bufferScalar(dtype: DType): BufferScalar {
  return dtype === "bool" ? "u32" : dtype;
}

/** The element (or `lane.lanes` neighbours along `lane.axis`) of a tensor at a logical index. */
export function loadElement(
  kb: KernelBuilder,
  tensor: BoundTensor,
  index: readonly Expr[],
  lane: LaneAxis | null,
): Expr {
  const { strides } = viewOf(tensor);
  const offset = addressOf(kb.index, tensor, index);
  const finish = (x: Expr): Expr =>
    tensor.type.dtype === "bool" ? kb.let(compare("ne", x, constant(0, x.type))) : x;
  if (lane === null || lane.lanes === 1) return finish(kb.load(tensor.buffer, offset));
  const stride = strides[lane.axis]!;
  if (stride === 1) return finish(kb.load(tensor.buffer, offset, lane.lanes));
  const items = Array.from({ length: lane.lanes }, (_, i) =>
    kb.load(tensor.buffer, kb.index.add(offset, int(i * stride))),
  );
  return finish(kb.let(pack(items)));
}

/** Writes what `loadElement` would read; only the first `valid` lanes. */
export function storeElement(
  kb: KernelBuilder,
  tensor: BoundTensor,
  index: readonly Expr[],
  lane: LaneAxis | null,
  value: Expr,
  valid?: number,
): void {
  const { strides } = viewOf(tensor);
  const offset = addressOf(kb.index, tensor, index);
  const stored = value.type.scalar === "bool" ? convert(value, "u32") : value;
  const lanes = lane?.lanes ?? 1;
  const used = valid ?? lanes;
  if (lanes === 1 || (strides[lane!.axis] === 1 && used === lanes)) {
    kb.store(tensor.buffer, offset, stored);
    return;
  }
  const vector = kb.let(stored);
  for (let i = 0; i < used; i++) {
    kb.store(tensor.buffer, kb.index.add(offset, int(i * strides[lane!.axis]!)), laneOf(vector, i));
  }
}

/** A value with the lanes asked for. */
export function withLanes(x: Expr, lane: LaneAxis | null): Expr {
  return lane === null ? x : splat(x, lane.lanes);
}
