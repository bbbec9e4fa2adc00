/**
 * Pooling: an item is one result position, or up to four vectors of neighbouring channels where channels are the
 * fastest dimension: what finds the window's place costs more than the maximum of a vector. Window positions
 * outside the input are skipped.
 */
import type { NodeOf } from "../../ir/graph.ts";
import { paddedExtent } from "../../ir/ops/pool.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { always, and, binary, convert, float, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { ValueEmitter } from "../lower/emit-value.ts";
import { innerConvOf, type LaneAxis, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { schedulePooledConv } from "./pooled-conv.ts";
import { operandType } from "./reduction.ts";

type PoolNode = NodeOf<"max_pool"> | NodeOf<"avg_pool"> | NodeOf<"adaptive_avg_pool">;

export function schedulePool(kb: KernelBuilder, task: Task): void {
  const anchor = task.anchor as PoolNode;
  if (innerConvOf(task.body, anchor) !== undefined) return schedulePooledConv(kb, task);
  const type = operandType(task, anchor.operands[0]!);
  const result = anchor.results[0]!;
  const channels = result.type.shape[1]!;
  let lanes: Lanes =
    task.target.family === "cpu" && layoutOf(type).at(-1) === 1 ? task.target.vectorWidth : 1;
  while (channels % lanes !== 0) lanes = (lanes / 2) as Lanes;
  if (lanes === 2) lanes = 1;
  const lane: LaneAxis | null = lanes === 1 ? null : { axis: 1, lanes };
  // Items in memory order of the result, channels fastest where they are.
  const order = layoutOf(result.type);
  const vectors = lane === null ? 1 : [4, 2, 1].find((count) => channels % (count * lanes) === 0)!;
  const width = vectors * lanes;
  const itemShape = order.map((axis) => (axis === 1 ? channels / width : result.type.shape[axis]!));
  const items = itemShape.reduce((product, size) => product * size, 1);

  distribute(kb, task.target, items, (item) => {
    const unordered = kb.index.unflatten(item, itemShape);
    const index = result.type.shape.map((_, axis) => {
      const position = unordered[order.indexOf(axis)]!;
      return kb.let(axis === 1 ? kb.index.mul(position, int(width)) : position, "o");
    });
    const values = poolWindow(kb, task, anchor, type.shape, index, lane, vectors);
    values.forEach((value, vector) => {
      finish(kb, task, new Map([[result.id, value]]), atVector(kb, index, vector * lanes), lane);
    });
  });
}

/** `offset` channels further. */
function atVector(kb: KernelBuilder, index: readonly Expr[], offset: number): readonly Expr[] {
  return index.map((position, axis) => (axis === 1 ? kb.index.add(position, int(offset)) : position));
}

/** Of each vector of channels, the maximum or average over its window. */
function poolWindow(
  kb: KernelBuilder,
  task: Task,
  anchor: PoolNode,
  shape: readonly number[],
  index: readonly Expr[],
  lane: LaneAxis | null,
  vectors: number,
): readonly Expr[] {
  const lanes = lane?.lanes ?? 1;
  const isMax = anchor.op === "max_pool";
  const totals = Array.from({ length: vectors }, () => kb.var(float(isMax ? -Infinity : 0, lanes), "total"));
  const windows = windowsOf(kb, anchor, shape, index);
  const position = [...index];
  const nest = (axis: number): void => {
    const window = windows[axis];
    if (window === undefined) {
      totals.forEach((total, vector) => {
        const at = atVector(kb, position, vector * lanes);
        const value = new ValueEmitter(kb, task).emit(anchor.operands[0]!, at, lane);
        kb.assign(total, binary(isMax ? "max" : "add", total, value));
      });
      return;
    }
    kb.for(window.length, "k", (k) => {
      const at = kb.let(window.position(k), "at");
      position[axis + 2] = at;
      kb.if(window.inside(k, at), () => nest(axis + 1));
    });
  };
  nest(0);
  if (isMax) return totals.map((total) => kb.let(total));
  const divisor = windows.reduce<Expr>(
    (product, window) => binary("mul", product, window.divisor()),
    float(1),
  );
  const wide = splat(kb.let(divisor), lanes);
  return totals.map((total) => kb.let(binary("div", total, wide)));
}

interface Window {
  /** Longest window. */
  readonly length: number;
  readonly position: (k: Expr) => Expr;
  readonly inside: (k: Expr, at: Expr) => Expr;
  /** f32: the part of the average's divisor that this dimension contributes. */
  readonly divisor: () => Expr;
}

function windowsOf(
  kb: KernelBuilder,
  anchor: PoolNode,
  shape: readonly number[],
  index: readonly Expr[],
): Window[] {
  if (anchor.op === "adaptive_avg_pool") {
    return anchor.attributes.outputSize.map((outputs, axis): Window => {
      const size = shape[axis + 2]!;
      const start = kb.let(kb.index.div(kb.index.mul(index[axis + 2]!, int(size)), outputs), "start");
      const scaled = kb.index.mul(kb.index.add(index[axis + 2]!, int(1)), int(size));
      const end = kb.let(kb.index.div(kb.index.add(scaled, int(outputs - 1)), outputs), "end");
      const regular = size % outputs === 0;
      return {
        length: regular ? size / outputs : Math.floor(size / outputs) + 2,
        position: (k) => kb.index.add(start, k),
        inside: (_, at) =>
          regular ? always : { kind: "compare", op: "lt", type: { scalar: "bool", lanes: 1 }, a: at, b: end },
        divisor: () => convert(binary("sub", end, start), "f32"),
      };
    });
  }
  const { kernel, stride, padding, dilation } = anchor.attributes;
  return kernel.map((length, axis): Window => {
    const size = shape[axis + 2]!;
    const first = kb.let(
      kb.index.add(kb.index.mul(index[axis + 2]!, int(stride[axis]!)), int(-padding[axis]![0])),
      "first",
    );
    const outputs = anchor.results[0]!.type.shape[axis + 2]!;
    return {
      length,
      position: (k) => kb.index.add(first, kb.index.mul(k, int(dilation[axis]!))),
      inside: (_, at) => and(kb.index.atLeast(at, 0), kb.index.less(at, size)),
      divisor: () => {
        if (anchor.op === "max_pool") return float(1);
        if (!anchor.attributes.countIncludePad) {
          const from = binary("max", first, int(0));
          const to = binary("min", kb.index.add(first, int(length)), int(size));
          return convert(binary("sub", to, from), "f32");
        }
        // Only windows that overhang the padding (ceil mode) are shorter than the kernel.
        const overhangs = paddedExtent(size, anchor.attributes, axis, outputs - 1) < length;
        if (!overhangs) return float(length);
        const limit = int(size + padding[axis]![1]);
        return convert(binary("sub", binary("min", kb.index.add(first, int(length)), limit), first), "f32");
      },
    };
  });
}
