/**
 * Split training-mode batch norm, two launches that both use every core: partial statistics of blocks of
 * rows, then each block merges all partial ones for its channels (Chan, Golub & LeVeque, 1979) and
 * normalises its rows.
 */
import { InternalError } from "../../errors.ts";
import type { NodeOf } from "../../ir/graph.ts";
import { valuesPerChannel } from "../../ir/ops/batch-norm.ts";
import { rowsPerBlock } from "../../ir/ops/batch-norm-split.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { always, binary, compare, convert, float, int, splat } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { loadElement, storeElement, type BoundTensor, type LaneAxis, type Task } from "../lower/task.ts";
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

/** Channels (or vectors of them) × blocks of rows. */
function eachBlock(
  kb: KernelBuilder,
  task: Task,
  x: BoundTensor,
  blocks: number,
  body: (channel: Expr, lane: LaneAxis | null, block: Expr) => void,
): void {
  const channels = x.type.shape[1]!;
  let lanes: Lanes =
    task.target.family === "cpu" && layoutOf(x.type).at(-1) === 1 ? task.target.vectorWidth : 1;
  while (channels % lanes !== 0) lanes = (lanes / 2) as Lanes;
  if (lanes === 2) lanes = 1;
  const vectors = channels / lanes;
  distribute(kb, task.target, vectors * blocks, (item) => {
    const channel = kb.let(kb.index.mul(kb.index.rem(item, vectors), int(lanes)), "channel");
    const block = kb.let(kb.index.div(item, vectors), "block");
    body(channel, lanes === 1 ? null : { axis: 1, lanes }, block);
  });
}

/** Loops over the rows of a block. */
function eachRow(
  kb: KernelBuilder,
  x: BoundTensor,
  blocks: number,
  block: Expr,
  channel: Expr,
  body: (at: readonly Expr[]) => void,
): void {
  const rows = valuesPerChannel(x.type.shape);
  const perBlock = rowsPerBlock(rows, blocks);
  // Blocks are runs of logical rows (batch, then spatial), whatever the memory layout: both launches agree.
  const rowAxes = x.type.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const rowShape = rowAxes.map((axis) => x.type.shape[axis]!);
  kb.for(perBlock, "r", (r) => {
    const row = kb.let(kb.index.add(kb.index.mul(block, int(perBlock)), r), "row");
    kb.ifLess(row, rows, () => {
      const positions = kb.index.unflatten(row, rowShape).map((position) => kb.let(position, "o"));
      body(x.type.shape.map((_, axis) => (axis === 1 ? channel : positions[rowAxes.indexOf(axis)]!)));
    });
  });
}

function boundInput(task: Task, value: string): BoundTensor {
  const bound = task.inputs.get(value);
  if (bound === undefined) throw new InternalError(`lower: %${value} must be a buffer`);
  return bound;
}

export function scheduleBatchNormPartial(kb: KernelBuilder, task: Task): void {
  const node = task.anchor as NodeOf<"batch_norm_partial">;
  const { blocks } = node.attributes;
  const x = boundInput(task, node.operands[0]!);
  const rows = valuesPerChannel(x.type.shape);
  const perBlock = rowsPerBlock(rows, blocks);
  eachBlock(kb, task, x, blocks, (channel, lane, block) => {
    const lanes = lane?.lanes ?? 1;
    const shift = loadElement(kb, x, firstRow(x, channel), lane);
    const sum = kb.var(float(0, lanes), "sum");
    eachRow(kb, x, blocks, block, channel, (at) =>
      kb.assign(sum, binary("add", sum, binary("sub", loadElement(kb, x, at, lane), shift))),
    );
    const count = blockCount(kb, block, rows, perBlock);
    const mean = kb.let(binary("div", sum, splat(count, lanes)), "mean");
    const squares = kb.var(float(0, lanes), "squares");
    eachRow(kb, x, blocks, block, channel, (at) => {
      const centred = kb.let(binary("sub", binary("sub", loadElement(kb, x, at, lane), shift), mean));
      kb.assign(squares, binary("add", squares, binary("mul", centred, centred)));
    });
    for (const output of task.outputs) {
      storeElement(kb, output, [block, channel], lane, output.value === node.results[0]!.id ? mean : squares);
    }
  });
}

export function scheduleBatchNormApply(kb: KernelBuilder, task: Task): void {
  const node = task.anchor as NodeOf<"batch_norm_apply">;
  const x = boundInput(task, node.operands[0]!);
  const means = boundInput(task, node.operands[1]!);
  const squares = boundInput(task, node.operands[2]!);
  const blocks = means.type.shape[0]!;
  const rows = valuesPerChannel(x.type.shape);
  const perBlock = rowsPerBlock(rows, blocks);
  const activations = activationsOnly(task, node);
  eachBlock(kb, task, x, blocks, (channel, lane, block) => {
    const lanes = lane?.lanes ?? 1;
    const shift = loadElement(kb, x, firstRow(x, channel), lane);
    // mean = Σ nᵢ meanᵢ / n;  Σ (x − mean)² = Σ (squaresᵢ + nᵢ (meanᵢ − mean)²)
    const merge = (term: (at: readonly Expr[], count: Expr) => Expr): Expr => {
      const total = kb.var(float(0, lanes), "total");
      kb.for(blocks, "b", (b) => {
        const count = kb.let(splat(blockCount(kb, b, rows, perBlock), lanes), "count");
        kb.assign(total, binary("add", total, term([b, channel], count)));
      });
      return kb.let(binary("div", total, float(rows, lanes)));
    };
    const delta = merge((at, count) => binary("mul", count, loadElement(kb, means, at, lane)));
    const variance = merge((at, count) => {
      const distance = kb.let(binary("sub", loadElement(kb, means, at, lane), delta));
      const between = binary("mul", count, binary("mul", distance, distance));
      return binary("add", loadElement(kb, squares, at, lane), between);
    });
    const statistics: ChannelStatistics = {
      shift,
      delta,
      variance,
      inverseStd: inverseStdOf(kb, variance, node.attributes.eps),
    };
    const { scale, bias } = affineOf(kb, task, node, statistics, channel);
    eachRow(kb, x, blocks, block, channel, (at) => {
      const y = kb.let(normalize(loadElement(kb, x, at, lane), statistics, scale, bias), "y");
      finish(kb, activations, new Map([[node.results[0]!.id, y]]), at, lane);
    });
    kb.if(blocks === 1 ? always : compare("eq", block, int(0)), () =>
      storeStatistics(kb, task, node, statistics, channel),
    );
  });
}

function firstRow(x: BoundTensor, channel: Expr): Expr[] {
  return x.type.shape.map((_, axis) => (axis === 1 ? channel : int(0)));
}

/** Rows of a block as f32. The pass that splits leaves no block empty. */
function blockCount(kb: KernelBuilder, block: Expr, rows: number, perBlock: number): Expr {
  if (rows % perBlock === 0) return float(perBlock);
  const left = binary("sub", int(rows), kb.index.mul(block, int(perBlock)));
  return kb.let(convert(binary("min", left, int(perBlock)), "f32"), "count");
}
