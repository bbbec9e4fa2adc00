/**
 * Fused training-mode batch norm on CPUs, one launch: a task owns a channel, or a vector of channels where
 * they are the fastest dimension; it sums, sums squared distances, then normalises with the epilogue. Two
 * passes over data that has just been read, never E[x²] − E[x]².
 */
import type { NodeOf } from "../../ir/graph.ts";
import { valuesPerChannel } from "../../ir/ops/batch-norm.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { binary, float, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { loadElement, type LaneAxis, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";
import {
  activationsOnly,
  affineOf,
  inverseStdOf,
  normalize,
  storeStatistics,
  type ChannelStatistics,
} from "./batch-norm-statistics.ts";
import { distribute } from "./distribute.ts";
import { finish } from "./epilogue.ts";
import { foldAxes, type FoldLanes } from "./fold-axes.ts";

export function scheduleBatchNormCpu(kb: KernelBuilder, task: Task): void {
  const node = task.anchor as NodeOf<"batch_norm_training">;
  const { type } = task.inputs.get(node.operands[0]!)!;
  const channels = type.shape[1]!;
  const channelsFastest = layoutOf(type).at(-1) === 1;
  const lanes: Lanes = channelsFastest ? task.target.vectorWidth : 1;
  const vectors = Math.floor(channels / lanes);
  const tail = channels - vectors * lanes;
  distribute(kb, task.target, vectors + tail, (item) => {
    kb.ifLess(
      item,
      vectors,
      () => emitChannels(kb, task, node, kb.let(kb.index.mul(item, int(lanes)), "channel"), lanes),
      () =>
        emitChannels(kb, task, node, kb.let(kb.index.add(item, int(vectors * (lanes - 1))), "channel"), 1),
    );
  });
}

function emitChannels(
  kb: KernelBuilder,
  task: Task,
  node: NodeOf<"batch_norm_training">,
  channel: Expr,
  lanes: Lanes,
): void {
  const x = task.inputs.get(node.operands[0]!)!;
  const { type } = x;
  const axes = type.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const fastest = layoutOf(type).at(-1)!;
  const alongRow =
    fastest !== 1 && type.shape[fastest]! >= task.target.vectorWidth ? task.target.vectorWidth : 1;
  const foldLanes: FoldLanes =
    lanes > 1
      ? { lanes, kept: 1, reduced: undefined }
      : alongRow > 1
        ? { lanes: alongRow, kept: undefined, reduced: fastest }
        : { lanes: 1, kept: undefined, reduced: undefined };
  const index = type.shape.map((_, axis) => (axis === 1 ? channel : int(0)));
  const n = valuesPerChannel(type.shape);
  const load = (at: readonly Expr[], lane: LaneAxis | null) => loadElement(kb, x, at, lane);
  const sum = (term: (value: Expr) => Expr) =>
    foldAxes(
      kb,
      {
        operator: "add",
        identity: 0,
        scalar: "f32",
        type,
        axes,
        lanes: foldLanes,
        compensate: "blocks",
        term: (at, lane) => term(load(at, lane)),
      },
      index,
    );
  const mean = (term: (value: Expr) => Expr, name: string) =>
    kb.let(binary("div", sum(term), float(n, lanes)), name);

  const wide = (value: Expr, like: Expr) => splat(value, like.type.lanes);
  const shift = n > 0 ? load(index, lanes === 1 ? null : { axis: 1, lanes }) : float(0, lanes);
  const delta = mean((value) => binary("sub", value, wide(shift, value)), "delta");
  const variance = mean((value) => {
    const centred = kb.let(binary("sub", binary("sub", value, wide(shift, value)), wide(delta, value)));
    return binary("mul", centred, centred);
  }, "variance");
  const statistics: ChannelStatistics = {
    shift,
    delta,
    variance,
    inverseStd: inverseStdOf(kb, variance, node.attributes.eps),
  };
  const { scale, bias } = affineOf(kb, task, node, statistics, channel);

  const activations = activationsOnly(task, node);
  const apply = (at: readonly Expr[], lane: LaneAxis | null): void => {
    const value = load(at, lane);
    const spread: ChannelStatistics = { ...statistics, shift: wide(shift, value), delta: wide(delta, value) };
    const y = kb.let(normalize(value, spread, wide(scale, value), wide(bias, value)), "y");
    finish(kb, activations, new Map([[node.results[0]!.id, y]]), at, lane);
  };
  const order = layoutOf(type).filter((axis) => axis !== 1);
  const position = [...index];
  const nest = (depth: number): void => {
    const axis = order[depth];
    if (axis === undefined) return apply([...position], lanes === 1 ? null : { axis: 1, lanes });
    const step = foldLanes.reduced === axis ? foldLanes.lanes : 1;
    const whole = Math.floor(type.shape[axis]! / step) * step;
    const visit = (at: Expr, lane?: LaneAxis) => {
      position[axis] = at;
      if (lane !== undefined) apply([...position], lane);
      else nest(depth + 1);
    };
    kb.for(
      whole / step,
      "r",
      (i) => visit(i, step > 1 ? { axis, lanes: foldLanes.lanes } : undefined),
      0,
      step,
    );
    kb.for(type.shape[axis]! - whole, "tail", (i) => visit(i), whole);
  };
  nest(0);
  storeStatistics(kb, task, node, statistics, channel);
}
