/**
 * Turns the two graphs of a program into kernels and a plan: which buffer each value lives in, and the
 * commands in order. Values that are only another view of a buffer get no kernel (`plan-views.ts`); new state is
 * written over the old where nothing reads the old one later.
 */
import { InternalError } from "../errors.ts";
import type { Graph, Node, ValueId } from "../ir/graph.ts";
import { executionOrder, producersOf, typesOf } from "../ir/graph-index.ts";

import { elementCount } from "../ir/shape.ts";
import { sizeBytes, type TensorType } from "../ir/tensor-type.ts";
import type { DType } from "../ir/dtype.ts";
import type { HostTensor } from "../ir/host-tensor.ts";
import type { Executable, InterfaceTensor, PlanBuffer, PlanCommand } from "./executable.ts";
import type { PlannedKernels } from "./kernel-set.ts";
import { bindingsOf, lowerNode, type LoweringTask } from "./lower/lower-node.ts";
import { NodeSignatures } from "./lower/node-signature.ts";
import { bodyOf, isLiteral } from "./lower/task.ts";
import { deviceBytes } from "./device-bytes.ts";
import { mayOverwrite } from "./plan-in-place.ts";
import { assignSlots, peakBytes } from "./plan-memory.ts";
import { largestFirst } from "./plan-prepare-order.ts";
import { planViews } from "./plan-views.ts";
import type { Target } from "./target.ts";

export interface Plan extends Omit<Executable, "name" | "language" | "kernels"> {
  /** Bytes of activation slots of `run`, and the least that any assignment could use. */
  readonly activationBytes: number;
  readonly liveBytes: number;
}

/** What two graphs become: commands that name kernels, which go to `kernels`. */
export function makePlan(
  graphs: { readonly prepare: Graph; readonly run: Graph },
  target: Target,
  kernels: PlannedKernels,
): Plan {
  const planner = new Planner(target, kernels);
  const prepare = planner.plan(graphs.prepare, "prepare");
  const run = planner.plan(graphs.run, "run");
  return planner.finish(graphs.run, prepare, run);
}

type CopyCommand = Extract<PlanCommand, { kind: "copy" }>;

interface PlannedGraph {
  readonly commands: readonly PlanCommand[];
  readonly activationBytes: number;
  readonly liveBytes: number;
}

class Planner {
  readonly #target: Target;
  readonly #buffers: PlanBuffer[] = [];
  readonly #kernels: PlannedKernels;
  readonly #signatures = new NodeSignatures();
  /** Numbers of kernels by the signatures of the nodes that they are for. */
  readonly #lowered = new Map<string, number>();
  readonly #constants: { buffer: number; data: Uint8Array }[] = [];
  /** Interface buffers by role and name, shared by the two graphs. */
  readonly #named = new Map<string, number>();
  readonly #updated = new Set<string>();
  #outputs: InterfaceTensor[] = [];
  #scratch: number | undefined;

  constructor(target: Target, kernels: PlannedKernels) {
    this.#target = target;
    this.#kernels = kernels;
  }

  plan(graph: Graph, phase: "prepare" | "run"): PlannedGraph {
    const types = typesOf(graph);
    const producers = producersOf(graph);
    const live = liveOrder(graph);
    const order = phase === "prepare" ? largestFirst(live) : live;
    const { root, slices, isFree } = planViews(graph, order, types);
    const steps = order.filter((node) => !isFree(node) && needsKernel(node, types));

    // Where each root value lives; what is left gets a slot.
    const buffers = new Map<ValueId, number>();
    for (const input of graph.inputs)
      buffers.set(input.id, this.#namedBuffer(input.role, input.name, input.type));
    const lastRead = this.#lastReads(graph, steps, producers, root);
    const trailing: { value: ValueId; destination: number; sizeBytes: number }[] = [];
    const inPlace = new Map<ValueId, ValueId>();
    const makers = new Map<ValueId, { readonly first: number; readonly last: number }>();
    steps.forEach((node, step) =>
      node.results.forEach(({ id }) => {
        const first = makers.get(root(id))?.first ?? step;
        makers.set(root(id), { first, last: step });
      }),
    );
    const inputNames = new Map(graph.inputs.map(({ id, name }) => [id, name]));
    for (const output of graph.outputs) {
      if (output.updates !== undefined) this.#updated.add(inputNames.get(output.updates)!);
      const value = root(output.value);
      const step = makers.get(value)?.last;
      const type = types.get(output.value)!;
      const destination =
        output.updates !== undefined
          ? buffers.get(output.updates)!
          : this.#outputBuffer(phase, output.name, type);
      const state = output.updates;
      const direct =
        step !== undefined &&
        !buffers.has(value) &&
        (state === undefined || mayOverwrite(steps[step]!, value, state, (lastRead.get(state) ?? -1) > step));
      if (direct) {
        buffers.set(value, destination);
        if (state !== undefined && steps[step]!.operands.includes(state)) inPlace.set(value, state);
      } else if (sizeBytes(type) > 0) trailing.push({ value, destination, sizeBytes: sizeBytes(type) });
    }

    const returned = new Set(graph.outputs.map((output) => root(output.value)));
    const used = new Set([...lastRead.keys(), ...returned]);
    const scratch = Array.from(makers)
      .filter(([value]) => used.has(value) && !buffers.has(value))
      .map(([value, { first, last }]) => ({
        value,
        sizeBytes: sizeBytes(types.get(value)!),
        first,
        last: this.#endOf(returned, value, lastRead, last, steps.length),
      }));
    const { slots, slotSizes } = assignSlots(scratch);
    const slotBuffers = slotSizes.map((size, slot) =>
      this.#addBuffer({ kind: "slot", name: `${phase}_slot${slot}`, sizeBytes: size }),
    );
    scratch.forEach((item, i) => buffers.set(item.value, slotBuffers[slots[i]!]!));

    const bufferOf = (value: ValueId): number => {
      const at = root(value);
      const found = buffers.get(at);
      if (found !== undefined) return found;
      const created = this.#bufferWithoutKernel(at, producers.get(at), types.get(at)!);
      buffers.set(at, created);
      return created;
    };
    const commands: PlanCommand[] = steps.map((node, step) => {
      const results = node.results.map((result) => result.id);
      const body = bodyOf(node, { types, producers });
      const task: LoweringTask = { body, results, used, inPlace, slices };
      const label = `${phase === "run" ? "k" : "p"}${String(step).padStart(2, "0")}`;
      const kernel = this.#kernelNumber(task, label);
      const { values, comment } = bindingsOf(task);
      const origin = node.origin?.modulePath ?? "";
      return {
        kind: "dispatch",
        kernel,
        buffers: [...values.map(bufferOf), ...this.#scratchOf(kernel)],
        comment: `${origin} ${comment}`.trim(),
      };
    });
    const copies = trailing.map(({ value, ...copy }): CopyCommand => ({
      kind: "copy",
      source: bufferOf(value),
      ...copy,
    }));
    return {
      commands: [...commands, ...this.#orderCopies(copies)],
      activationBytes: slotSizes.reduce((sum, size) => sum + size, 0),
      liveBytes: peakBytes(scratch),
    };
  }

  finish(run: Graph, prepare: PlannedGraph, planned: PlannedGraph): Plan {
    const tensors = (role: string): InterfaceTensor[] =>
      [...this.#named].flatMap(([key, buffer]) => {
        const [keyRole, name] = splitKey(key);
        const type = this.#types.get(key)!;
        return keyRole === role ? [{ name, dtype: type.dtype, shape: type.shape, buffer }] : [];
      });
    const places = new Map(run.inputs.map(({ name }, place) => [name, place]));
    const inputs = tensors("input").sort((a, b) => places.get(a.name)! - places.get(b.name)!);
    return {
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

  /** One buffer serves every kernel that wants scratch memory: launches follow each other. */
  #scratchOf(kernel: number): number[] {
    const bytes = this.#kernels.scratchBytes(kernel);
    if (bytes === undefined) return [];
    this.#scratch ??= this.#addBuffer({ kind: "slot", name: "scratch", sizeBytes: bytes });
    const { sizeBytes, ...rest } = this.#buffers[this.#scratch]!;
    this.#buffers[this.#scratch] = { ...rest, sizeBytes: Math.max(sizeBytes, bytes) };
    return [this.#scratch];
  }

  #outputBuffer(phase: "prepare" | "run", name: string, type: TensorType): number {
    if (phase === "prepare") return this.#namedBuffer("prepared", name, type);
    const buffer = this.#addBuffer({ kind: "output", name, sizeBytes: sizeBytes(type) });
    this.#outputs.push({ name, dtype: type.dtype, shape: type.shape, buffer });
    return buffer;
  }

  #constantBuffer(value: ValueId, tensor: HostTensor<DType>): number {
    const buffer = this.#addBuffer({
      kind: "constant",
      name: value,
      sizeBytes: elementCount(tensor.shape) * 4,
    });
    this.#constants.push({ buffer, data: deviceBytes(tensor) });
    return buffer;
  }

  /** Constants, and values without elements, which no kernel makes. */
  #bufferWithoutKernel(value: ValueId, producer: Node | undefined, type: TensorType): number {
    if (producer?.op === "constant") return this.#constantBuffer(value, producer.attributes.value);
    if (sizeBytes(type) > 0) throw new InternalError(`plan: %${value} has no buffer`);
    return this.#addBuffer({ kind: "slot", name: `empty_${value}`, sizeBytes: 0 });
  }

  /** Copies that read what another one overwrites (two states that swap) go through a buffer of their own. */
  #orderCopies(copies: readonly CopyCommand[]): PlanCommand[] {
    const overwritten = new Set(copies.map((copy) => copy.destination));
    const saves: CopyCommand[] = [];
    const safe = copies
      .filter((copy) => copy.source !== copy.destination)
      .map((copy): CopyCommand => {
        if (!overwritten.has(copy.source)) return copy;
        const saved = this.#addBuffer({
          kind: "slot",
          name: `saved_${copy.source}`,
          sizeBytes: copy.sizeBytes,
        });
        saves.push({ ...copy, destination: saved });
        return { ...copy, source: saved };
      });
    return [...saves, ...safe];
  }

  /** The step that last reads each root value; graph outputs that are copied at the end count as read there. */
  #lastReads(
    graph: Graph,
    steps: readonly Node[],
    producers: ReadonlyMap<ValueId, Node>,
    root: (value: ValueId) => ValueId,
  ): Map<ValueId, number> {
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
    returned: ReadonlySet<ValueId>,
    value: ValueId,
    lastRead: ReadonlyMap<ValueId, number>,
    step: number,
    end: number,
  ): number {
    return returned.has(value) ? end : (lastRead.get(value) ?? step);
  }

  /** Nodes of equal signature are lowered once. */
  #kernelNumber(task: LoweringTask, label: string): number {
    const signature = this.#signatures.of(task);
    const known = this.#lowered.get(signature);
    if (known !== undefined) return known;
    const number = this.#kernels.add(lowerNode(task, this.#target, label));
    this.#lowered.set(signature, number);
    return number;
  }
}

/** Nodes in an order of execution, without those that no output needs; what has no elements needs nothing. */
function liveOrder(graph: Graph): Node[] {
  const needed = new Set(graph.outputs.map((output) => output.value));
  const live = executionOrder(graph)
    .toReversed()
    .filter((node) => {
      const isLive = node.results.some((result) => needed.has(result.id));
      const computes = node.results.some((result) => elementCount(result.type.shape) > 0);
      if (isLive && computes) for (const operand of node.operands) needed.add(operand);
      return isLive;
    });
  return live.reverse();
}

function needsKernel(node: Node, types: ReadonlyMap<ValueId, TensorType>): boolean {
  if (node.op === "constant") return false;
  return node.results.some((result) => elementCount(types.get(result.id)!.shape) > 0);
}

function splitKey(key: string): [string, string] {
  const at = key.indexOf(":");
  return [key.slice(0, at), key.slice(at + 1)];
}
