/**
 * Kernels without an anchor: every result element is emitted at its index. The result is walked in memory
 * order; neighbouring dimensions that every tensor walks in one stride are taken as one.
 */
import type { ValueId } from "../../ir/graph.ts";
import { layoutOf, stridesOf, type TensorType } from "../../ir/tensor-type.ts";
import { int } from "../expressions.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import type { Expr } from "../kernel-ir.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import { isElementwise } from "../lower/elementwise.ts";
import { storeElement, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";

export function scheduleElementwise(kb: KernelBuilder, task: Task): void {
  const flat = flattened(task);
  const [output] = flat.outputs;
  const type = output!.type;
  const order = layoutOf(type);
  const innerAxis = order.at(-1);
  if (innerAxis === undefined) return scheduleScalar(kb, flat);

  const inner = type.shape[innerAxis]!;
  const outerAxes = order.slice(0, -1);
  const outerShape = outerAxes.map((axis) => type.shape[axis]!);
  const outerCount = outerShape.reduce((product, size) => product * size, 1);
  const lanes = vectorLanes(flat, inner);
  const vectors = Math.ceil(inner / lanes);
  const chunk = chunkLength(flat, outerCount, vectors);
  const chunks = Math.ceil(vectors / chunk);

  distribute(kb, flat.target, outerCount * chunks, (item) => {
    const outer = kb.index
      .unflatten(kb.index.div(item, chunks), outerShape)
      .map((index) => kb.let(index, "o"));
    const firstVector = kb.let(kb.index.mul(kb.index.rem(item, chunks), int(chunk)), "first");
    kb.for(chunk, "v", (v) => {
      const vector = kb.index.add(firstVector, v);
      const position = kb.let(kb.index.mul(vector, int(lanes)), "p");
      const whole = Math.floor(inner / lanes) * lanes;
      kb.ifLess(
        position,
        whole,
        () => emitAt(kb, flat, indexOf(type, outerAxes, outer, innerAxis, position), innerAxis, lanes),
        () =>
          kb.for(inner - whole, "tail", (tail) => {
            if (chunks * chunk > vectors) kb.ifLess(position, inner, () => emitTail(tail));
            else emitTail(tail);
          }),
      );
      function emitTail(tail: Expr): void {
        const at = kb.let(kb.index.add(int(whole), tail), "p");
        emitAt(kb, flat, indexOf(type, outerAxes, outer, innerAxis!, at), innerAxis!, 1);
      }
    });
  });
}

function scheduleScalar(kb: KernelBuilder, task: Task): void {
  distribute(kb, task.target, 1, () => emitAt(kb, task, [], 0, 1));
}

function indexOf(
  type: TensorType,
  outerAxes: readonly number[],
  outer: readonly Expr[],
  innerAxis: number,
  position: Expr,
): Expr[] {
  return type.shape.map((_, axis) => (axis === innerAxis ? position : outer[outerAxes.indexOf(axis)]!));
}

function emitAt(kb: KernelBuilder, task: Task, index: readonly Expr[], axis: number, lanes: Lanes): void {
  const lane = lanes === 1 ? null : { axis, lanes };
  const emitter = new ValueEmitter(kb, task);
  const values = task.outputs.map((output) => emitter.emit(output.value, index, lane));
  task.outputs.forEach((output, i) => storeElement(kb, output, index, lane, values[i]!));
}

/** On GPUs vectors pay only as 16-byte loads, which need a whole number of them. */
function vectorLanes(task: Task, inner: number): Lanes {
  const { target } = task;
  const widest =
    target.family === "gpu" ? (target.software ? 1 : Math.min(target.vectorWidth, 4)) : target.vectorWidth;
  let lanes = widest;
  while (lanes > 1 && (target.family === "gpu" ? inner % lanes !== 0 : inner < lanes)) lanes /= 2;
  return (lanes === 2 ? 1 : lanes) as Lanes;
}

/** Vectors an item walks: on a CPU whole rows, cut where there are too few rows for the cores. */
function chunkLength({ target }: Task, outerCount: number, vectors: number): number {
  if (target.family === "gpu") return 1;
  const wantedItems = target.computeUnits * 8;
  const pieces = Math.min(
    Math.max(1, Math.ceil(wantedItems / Math.max(outerCount, 1))),
    Math.max(1, Math.ceil(vectors / 16)),
  );
  return Math.ceil(vectors / pieces);
}

/**
 * The same task over fewer dimensions, where every op is elementwise and every tensor is either a whole buffer in
 * one layout or a single element: then addresses are all that matters.
 */
function flattened(task: Task): Task {
  const model = task.outputs[0]!.type;
  const strides = stridesOf(model).join();
  const count = model.shape.reduce((product, size) => product * size, 1);
  const fits = (type: TensorType) =>
    type.shape.every((size) => size === 1) ||
    (type.shape.join() === model.shape.join() && stridesOf(type).join() === strides);
  const nodes = Object.values(task.body.nodes);
  const simple =
    nodes.every(
      (node) => (isElementwise(node.op) || node.op === "constant") && node.results.every((r) => fits(r.type)),
    ) &&
    [...task.inputs.values(), ...task.outputs].every(
      (tensor) => fits(tensor.type) && tensor.view === undefined,
    );
  if (!simple) return task;
  const flat = (type: TensorType): TensorType => ({
    dtype: type.dtype,
    shape: [type.shape.join() === model.shape.join() ? count : 1],
  });
  return {
    ...task,
    body: {
      ...task.body,
      nodes: Object.fromEntries(
        Object.entries(task.body.nodes).map(([id, node]) => [
          id,
          { ...node, results: node.results.map((result) => ({ ...result, type: flat(result.type) })) },
        ]),
      ),
    },
    inputs: new Map<ValueId, { buffer: string; type: TensorType }>(
      [...task.inputs].map(([id, tensor]) => [id, { ...tensor, type: flat(tensor.type) }]),
    ),
    outputs: task.outputs.map((output) => ({ ...output, type: flat(output.type) })),
  };
}
