/**
 * Scatter in one kernel: an item owns some rows of the result, copies the data's there and then goes through all
 * updates in order, taking those that reach its rows. So no two items write one element, nothing has to be atomic,
 * and of several updates for one element the last is the last on every device.
 */
import type { ScatterReduction } from "../../ir/ops/placement.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { and, binary, compare, int } from "../expressions.ts";
import type { BinaryOp, Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import {
  expectAnchor,
  loadElement,
  storeElement,
  type BoundTensor,
  type LaneAxis,
  type Task,
} from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";

/** Items that keep a GPU busy, and a core of a CPU: no more, as every item looks at all updates. */
const wantedItems = { gpu: 4096, core: 2 };

const combining: Readonly<Record<Exclude<ScatterReduction, "none">, BinaryOp>> = {
  add: "add",
  mul: "mul",
  max: "max",
  min: "min",
};

export function scheduleScatter(kb: KernelBuilder, task: Task): void {
  const node = expectAnchor(task, "scatter");
  const { axis, reduction } = node.attributes;
  const bound = node.operands.map((operand) => task.inputs.get(operand)!);
  const [data, positions, updates] = bound as [BoundTensor, BoundTensor, BoundTensor];
  const output = task.outputs[0]!;
  const { shape } = data.type;
  const [outer, size, inner] = [shape.slice(0, axis), shape[axis]!, shape.slice(axis + 1)];

  // Neighbours after the axis are for neighbouring invocations of a GPU, and for one core.
  const isGpu = task.target.family === "gpu";
  const apart = isGpu ? [...outer, ...inner] : outer;
  const wanted = isGpu ? wantedItems.gpu : wantedItems.core * task.target.computeUnits;
  const segments = Math.min(Math.ceil(wanted / count(apart)), size);
  const copyLane = isGpu ? null : laneOf(task, data, output, axis);
  // Vectors along the axis do not straddle the rows of two items.
  const along = copyLane?.axis === axis ? copyLane.lanes : 1;
  const rows = Math.ceil(size / segments / along) * along;
  const innerSteps = inner.map((_, i) => (copyLane?.axis === axis + 1 + i ? copyLane.lanes : 1));
  const itemShape = [Math.ceil(size / rows), ...apart];

  distribute(kb, task.target, count(itemShape), (item) => {
    const [segment, ...rest] = kb.index.unflatten(item, itemShape).map((position) => kb.let(position, "o"));
    const before = rest.slice(0, axis);
    const first = kb.let(kb.index.mul(segment!, int(rows)), "first");
    const end = kb.let(binary("min", kb.index.add(first, int(rows)), int(size)), "end");
    const eachInner = (body: (after: readonly Expr[]) => void): void =>
      isGpu ? body(rest.slice(axis)) : loops(kb, inner, body);

    kb.for(rows / along, "r", (r) => {
      const row = kb.let(kb.index.add(first, kb.index.mul(r, int(along))), "row");
      const copyAt = (after: readonly Expr[]): void => {
        const index = [...before, row, ...after];
        storeElement(kb, output, index, copyLane, loadElement(kb, data, index, copyLane));
      };
      kb.ifLess(row, size, () => (isGpu ? copyAt(rest.slice(axis)) : loops(kb, inner, copyAt, innerSteps)));
    });
    const take = (k: Expr, position: Expr, after: readonly Expr[]): void => {
      const update = loadElement(kb, updates, [...before, k, ...after], null);
      const target = [...before, position, ...after];
      const value =
        reduction === "none"
          ? update
          : binary(combining[reduction], loadElement(kb, output, target, null), update);
      storeElement(kb, output, target, null, value);
    };
    const withPosition = (k: Expr, after: readonly Expr[], body: (position: Expr) => void): void => {
      const index = [...before, k, ...after].map((at, i) =>
        positions.type.shape[i] === 1 && i !== axis ? int(0) : at,
      );
      const position = kb.let(loadElement(kb, positions, index, null), "position");
      kb.if(and(compare("ge", position, first), compare("lt", position, end)), () => body(position));
    };
    const isCommon = positions.type.shape.slice(axis + 1).every((own) => own === 1);
    kb.for(updates.type.shape[axis]!, "k", (k) => {
      if (isCommon)
        withPosition(
          k,
          inner.map(() => int(0)),
          (position) => eachInner((after) => take(k, position, after)),
        );
      else eachInner((after) => withPosition(k, after, (position) => take(k, position, after)));
    });
  });
}

/** Neighbours that are copied at once, where they lie side by side in both tensors and none is left over. */
function laneOf({ target }: Task, data: BoundTensor, output: BoundTensor, axis: number): LaneAxis | null {
  const fastest = layoutOf(data.type).at(-1)!;
  if (layoutOf(output.type).at(-1) !== fastest || fastest < axis) return null;
  let lanes = target.vectorWidth;
  while (lanes > 2 && data.type.shape[fastest]! % lanes !== 0) lanes = (lanes / 2) as Lanes;
  return lanes <= 2 ? null : { axis: fastest, lanes };
}

/** A loop a dimension, the last one innermost. */
function loops(
  kb: KernelBuilder,
  shape: readonly number[],
  body: (index: readonly Expr[]) => void,
  steps: readonly number[] = shape.map(() => 1),
): void {
  const [size, ...rest] = shape;
  if (size === undefined) return body([]);
  const step = steps[0]!;
  kb.for(size / step, "i", (i) => {
    const position = kb.index.mul(i, int(step));
    loops(kb, rest, (index) => body([position, ...index]), steps.slice(1));
  });
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
