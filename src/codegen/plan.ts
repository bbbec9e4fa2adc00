/**
 * Turns the two graphs of a program into kernels and a plan: which buffer each value lives in, and the
 * commands in order. Values that are only another view of a buffer get no kernel; new state is written over
 * the old where nothing reads the old one later.
 */
import { InternalError } from "../errors.ts";
import { executionOrder, producersOf, typesOf, type Graph, type Node, type ValueId } from "../ir/graph.ts";
import { opRecord } from "../ir/ops/registry.ts";
import { elementCount } from "../ir/shape.ts";
import { layoutOf, sizeBytes, type TensorType } from "../ir/tensor-type.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import type { Executable, InterfaceTensor, PlanBuffer, PlanCommand } from "./executable.ts";
import type { Kernel } from "./kernel-ir.ts";
import { lowerNode } from "./lower/lower-node.ts";
import { bodyOf, isLiteral } from "./lower/task.ts";
import { assignSlots, peakBytes } from "./plan-memory.ts";
import type { Target } from "./target.ts";

export interface Plan extends Omit<Executable, "name" | "language" | "kernels"> {
  readonly kernels: readonly Kernel[];
  /** Bytes of activation slots of `run`, and the least that any assignment could use. */
  readonly activationBytes: number;
  readonly liveBytes: number;
}

export function makePlan(graphs: { readonly prepare: Graph; readonly run: Graph }, target: Target): Plan {
  const planner = new Planner(target);
  const prepare = planner.plan(graphs.prepare, "prepare");
  const run = planner.plan(graphs.run, "run");
  return planner.finish(graphs.run, prepare, run);
}

interface PlannedGraph {
  readonly commands: readonly PlanCommand[];
  readonly activationBytes: number;
  readonly liveBytes: number;
}

class Planner {
  readonly #target: Target;
  readonly #buffers: PlanBuffer[] = [];
  readonly #kernels: Kernel[] = [];
  readonly #kernelByContent = new Map<string, number>();
  readonly #constants: { buffer: number; data: Uint8Array }[] = [];
  /** Interface buffers by role and name, shared by the two graphs. */
  readonly #named = new Map<string, number>();
  readonly #updated = new Set<string>();
  #outputs: InterfaceTensor[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  plan(graph: Graph, phase: "prepare" | "run"): PlannedGraph {
    const types = typesOf(graph);
    const producers = producersOf(graph);
    const order = executionOrder(graph);
    const roots = aliasRoots(order, types);
    const root = (value: ValueId): ValueId => roots.get(value) ?? value;
    const steps = order.filter((node) => needsKernel(node, roots, types));

    // Where each root value lives; what is left gets a slot.
    const buffers = new Map<ValueId, number>();
    for (const input of graph.inputs)
      buffers.set(input.id, this.#namedBuffer(input.role, input.name, input.type));
    const lastRead = this.#lastReads(graph, steps, producers, root);
    const trailingCopies: PlanCommand[] = [];
    const inPlace = new Map<ValueId, ValueId>();
    const makers = new Map(
      steps.flatMap((node, step) => node.results.map((result) => [result.id, step] as const)),
    );
    for (const output of graph.outputs) {
      if (output.updates !== undefined) this.#updated.add(graph.inputs.find((input) => input.id === output.updates)!.name);
      const value = root(output.value);
      const step = makers.get(value);
      const type = types.get(output.value)!;
      const destination = output.updates !== undefined ? buffers.get(output.updates)! : this.#outputBuffer(phase, output.name, type);
      const state = output.updates;
      const direct = step !== undefined && !buffers.has(value) &&
        (state === undefined || this.#mayReplace(steps[step]!, value, state, step, lastRead, types));
      if (direct) {
        buffers.set(value, destination);
        if (state !== undefined && steps[step]!.operands.includes(state)) inPlace.set(value, state);
      } else trailingCopies.push({ kind: "copy", source: -1, destination, sizeBytes: sizeBytes(type) });
      if (!direct) this.#pendingCopies.push({ copy: trailingCopies.length - 1, value });
    } // prettier-ignore

    const used = new Set([...lastRead.keys(), ...graph.outputs.map((output) => root(output.value))]);
    const scratch = steps.flatMap((node, step) =>
      node.results
        .filter((result) => used.has(result.id) && !buffers.has(result.id))
        .map((result) => ({ value: result.id, sizeBytes: sizeBytes(result.type), first: step, last: this.#endOf(graph, result.id, root, lastRead, step, steps.length) }))); // prettier-ignore
    const { slots, slotSizes } = assignSlots(scratch);
    const slotBuffers = slotSizes.map((size, slot) => this.#addBuffer({ kind: "slot", name: `${phase}_slot${slot}`, sizeBytes: size })); // prettier-ignore
    scratch.forEach((item, i) => buffers.set(item.value, slotBuffers[slots[i]!]!));

    const bufferOf = (value: ValueId): number => {
      const at = root(value);
      const found = buffers.get(at);
      if (found !== undefined) return found;
      const producer = producers.get(at);
      if (producer?.op !== "constant") throw new InternalError(`plan: %${value} has no buffer`);
      const created = this.#constantBuffer(at, producer.attributes.value);
      buffers.set(at, created);
      return created;
    };
    const commands: PlanCommand[] = steps.map((node, step) => {
      const results = node.results.map((result) => result.id);
      const body = bodyOf(node, { types, producers });
      const lowered = lowerNode(
        body,
        results,
        used,
        inPlace,
        this.#target,
        `${phase === "run" ? "k" : "p"}${String(step).padStart(2, "0")}`,
      );
      const kernel = this.#kernelNumber(lowered.kernel);
      const origin = node.origin?.modulePath ?? "";
      return { kind: "dispatch", kernel, buffers: lowered.bindings.map(bufferOf), comment: `${origin} ${lowered.kernel.comment}`.trim() }; // prettier-ignore
    });
    for (const { copy, value } of this.#pendingCopies) {
      const command = trailingCopies[copy] as Extract<PlanCommand, { kind: "copy" }>;
      trailingCopies[copy] = { ...command, source: bufferOf(value) };
    }
    this.#pendingCopies = [];
    return {
      commands: [...commands, ...trailingCopies],
      activationBytes: slotSizes.reduce((sum, size) => sum + size, 0),
      liveBytes: peakBytes(scratch),
    };
  }

  #pendingCopies: { copy: number; value: ValueId }[] = [];

  finish(run: Graph, prepare: PlannedGraph, planned: PlannedGraph): Plan {
    const tensors = (role: string): InterfaceTensor[] =>
      [...this.#named].flatMap(([key, buffer]) => {
        const [keyRole, name] = splitKey(key);
        const type = this.#types.get(key)!;
        return keyRole === role ? [{ name, dtype: type.dtype, shape: type.shape, buffer }] : [];
      });
    const inputOrder = run.inputs.filter((input) => input.role === "input").map((input) => input.name);
    const inputs = tensors("input").sort((a, b) => inputOrder.indexOf(a.name) - inputOrder.indexOf(b.name));
    return {
      kernels: this.#kernels,
      buffers: this.#buffers,
      prepare: prepare.commands,
      run: planned.commands,
      inputs,
      outputs: this.#outputs,
      parameters: tensors("parameter"),
      state: tensors("state").map((tensor) => ({ ...tensor, updated: this.#updated.has(tensor.name) })),
      constants: this.#constants,
      activationBytes: planned.activationBytes,
      liveBytes: planned.liveBytes,
    };
  }

  readonly #types = new Map<string, TensorType>();

  #addBuffer(buffer: PlanBuffer): number {
    return this.#buffers.push({ ...buffer, sizeBytes: Math.max(buffer.sizeBytes, 4) }) - 1;
  }

  #namedBuffer(role: PlanBuffer["kind"], name: string, type: TensorType): number {
    const key = `${role}:${name}`;
    let buffer = this.#named.get(key);
    if (buffer === undefined) {
      buffer = this.#addBuffer({ kind: role, name, sizeBytes: sizeBytes(type) });
      this.#named.set(key, buffer);
      this.#types.set(key, type);
    }
    return buffer;
  }

  #outputBuffer(phase: "prepare" | "run", name: string, type: TensorType): number {
    if (phase === "prepare") return this.#namedBuffer("prepared", name, type);
    const buffer = this.#addBuffer({ kind: "output", name, sizeBytes: sizeBytes(type) });
    this.#outputs.push({ name, dtype: type.dtype, shape: type.shape, buffer });
    return buffer;
  }

  #constantBuffer(value: ValueId, tensor: HostTensor): number {
    const buffer = this.#addBuffer({
      kind: "constant",
      name: value,
      sizeBytes: elementCount(tensor.shape) * 4,
    });
    this.#constants.push({ buffer, data: deviceBytes(tensor) });
    return buffer;
  }

  /** The step that last reads each root value; graph outputs that are copied at the end count as read there. */
  #lastReads(
    graph: Graph,
    steps: readonly Node[],
    producers: ReadonlyMap<ValueId, Node>,
    root: (value: ValueId) => ValueId,
  ): Map<ValueId, number> {
    // prettier-ignore
    const last = new Map<ValueId, number>();
    steps.forEach((node, step) => {
      for (const operand of node.operands) {
        const producer = producers.get(operand);
        if (producer?.op === "constant" && isLiteral(producer)) continue;
        last.set(root(operand), step);
      }
    });
    for (const output of graph.outputs) {
      if (!producers.has(root(output.value))) last.set(root(output.value), steps.length);
    }
    return last;
  }

  #endOf(
    graph: Graph,
    value: ValueId,
    root: (value: ValueId) => ValueId,
    lastRead: ReadonlyMap<ValueId, number>,
    step: number,
    end: number,
  ): number {
    // prettier-ignore
    return graph.outputs.some((output) => root(output.value) === value) ? end : (lastRead.get(value) ?? step);
  }

  /** Whether the kernel that makes `value` may write it straight over `state`. */
  #mayReplace(
    node: Node,
    value: ValueId,
    state: ValueId,
    step: number,
    lastRead: ReadonlyMap<ValueId, number>,
    types: ReadonlyMap<ValueId, TensorType>,
  ): boolean {
    // prettier-ignore
    if ((lastRead.get(state) ?? -1) > step) return false;
    if (!node.operands.includes(state)) return true;
    // The kernel reads the old state: it must read each element before, and only where, it writes it.
    if (node.op === "batch_norm_training" || node.op === "batch_norm_apply")
      return isOwnChannelUpdate(node, value);
    const body = node.op === "fusion" ? Object.values(node.attributes.body.nodes) : [node];
    const shape = types.get(value)!.shape.join();
    return body.every((item) => {
      if (item.op === "constant") return true;
      if (item.op === "batch_norm_training" || item.op === "batch_norm_apply") {
        return node.op === "fusion" && isOwnChannelUpdate(item, node.attributes.body.outputs[node.results.findIndex((r) => r.id === value)]!.value); // prettier-ignore
      }
      if (body.some((other) => other.op === "batch_norm_training" || other.op === "batch_norm_apply"))
        return true;
      return (
        opRecord(item.op).kind === "elementwise" &&
        item.results.every((result) => result.type.shape.join() === shape)
      );
    });
  }

  /** Kernels of equal content are one kernel. */
  #kernelNumber(kernel: Kernel): number {
    const { name: _, comment: __, ...content } = kernel;
    const key = `${kernel.name.replace(/^[kp]\d+_/, "")} ${JSON.stringify(content)}`;
    let number = this.#kernelByContent.get(key);
    if (number === undefined) {
      number = this.#kernels.push(kernel) - 1;
      this.#kernelByContent.set(key, number);
    }
    return number;
  }
}

/** Batch norm writes running statistics per channel; the count is read by every channel when it sets the momentum. */
function isOwnChannelUpdate(
  node: Extract<Node, { op: "batch_norm_training" | "batch_norm_apply" }>,
  value: ValueId,
): boolean {
  // prettier-ignore
  const position = node.results.findIndex((result) => result.id === value);
  return position === 3 || position === 4 || (position === 5 && node.attributes.momentum !== null);
}

function needsKernel(node: Node, roots: ReadonlyMap<ValueId, ValueId>, types: ReadonlyMap<ValueId, TensorType>): boolean {
  if (node.op === "constant" || roots.has(node.results[0]!.id)) return false;
  return node.results.some((result) => elementCount(types.get(result.id)!.shape) > 0);
} // prettier-ignore

/** Values that are another view of the same bytes, and whose. */
function aliasRoots(order: readonly Node[], types: ReadonlyMap<ValueId, TensorType>): Map<ValueId, ValueId> {
  const roots = new Map<ValueId, ValueId>();
  for (const node of order) {
    if (node.op !== "reshape" && node.op !== "relayout" && node.op !== "permute") continue;
    const operand = node.operands[0]!;
    const from = types.get(operand)!;
    const to = node.results[0]!.type;
    const same =
      node.op === "reshape"
        ? isRowMajor(from) && isRowMajor(to)
        : node.op === "relayout"
          ? wideOrder(from).join() === wideOrder(to).join()
          : permutedOrder(from, to, node.attributes.axes);
    if (same) roots.set(node.results[0]!.id, roots.get(operand) ?? operand);
  }
  return roots;
}

/** Dimensions of more than one element, slowest first. */
function wideOrder(type: TensorType): number[] {
  return layoutOf(type).filter((axis) => type.shape[axis] !== 1);
}

function isRowMajor(type: TensorType): boolean {
  return wideOrder(type).every((axis, i, order) => i === 0 || axis > order[i - 1]!);
}

function permutedOrder(from: TensorType, to: TensorType, axes: readonly number[]): boolean {
  return wideOrder(to).map((axis) => axes[axis]).join() === wideOrder(from).join(); // prettier-ignore
}

/** A host tensor as it lies in device memory: bool as u32, i64 never gets here. */
export function deviceBytes(tensor: HostTensor): Uint8Array {
  const data = tensor.dtype === "bool" ? Uint32Array.from(tensor.data as Uint8Array) : tensor.data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function splitKey(key: string): [string, string] {
  const at = key.indexOf(":");
  return [key.slice(0, at), key.slice(at + 1)];
}
