/**
 * Fused training-mode batch norm on GPUs, one launch: a workgroup owns one channel (channels-first data) or a
 * few neighbouring ones (channels-last, so that neighbouring invocations read neighbouring addresses). Its
 * invocations sum apart and fold through workgroup memory.
 */
import type { NodeOf } from "../../ir/graph.ts";
import { valuesPerChannel } from "../../ir/ops/batch-norm.ts";
import { layoutOf } from "../../ir/tensor-type.ts";
import { binary, compare, float, int } from "../expressions.ts";
import type { Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { loadElement, type Task } from "../lower/task.ts";
import {
  activationsOnly,
  affineOf,
  inverseStdOf,
  normalize,
  storeStatistics,
  type ChannelStatistics,
} from "./batch-norm-statistics.ts";
import { finish } from "./epilogue.ts";

export function scheduleBatchNormGpu(kb: KernelBuilder, task: Task): void {
  const node = task.anchor as NodeOf<"batch_norm_training">;
  const x = task.inputs.get(node.operands[0]!)!;
  const { type } = x;
  const channels = type.shape[1]!;
  const rows = valuesPerChannel(type.shape);
  const rowAxes = layoutOf(type).filter((axis) => axis !== 1);
  const rowShape = rowAxes.map((axis) => type.shape[axis]!);
  const channelsFastest = layoutOf(type).at(-1) === 1;
  const { across, along } = shapeGroup(task, channelsFastest ? channels : 1, rows);
  kb.grid(Math.ceil(channels / across), across * along);
  const scratch = kb.shared("scratch", "f32", across * along);

  const local = kb.local;
  const column = kb.let(kb.index.rem(local, across), "column");
  const firstRow = kb.let(kb.index.div(local, across), "first_row");
  const wanted = kb.index.add(kb.index.mul(kb.group, int(across)), column);
  const exists = kb.index.less(wanted, channels);
  // Every invocation must reach the barriers: those past the last channel work on it, and store nothing.
  const channel = kb.let(
    exists.kind === "const" ? wanted : binary("min", wanted, int(channels - 1)),
    "channel",
  );
  const index = (row: Expr): Expr[] => {
    const positions = kb.index.unflatten(row, rowShape).map((position) => kb.let(position, "o"));
    return type.shape.map((_, axis) => (axis === 1 ? channel : positions[rowAxes.indexOf(axis)]!));
  };
  const eachRow = (body: (row: Expr) => void): void =>
    kb.for(Math.ceil(rows / along), "r", (r) => {
      const row = kb.let(kb.index.add(kb.index.mul(r, int(along)), firstRow), "row");
      kb.ifLess(row, rows, () => {
        body(row);
      });
    });
  const sum = (term: (value: Expr) => Expr): Expr => {
    const partial = kb.var(float(0), "part");
    eachRow((row) => kb.assign(partial, binary("add", partial, term(loadElement(kb, x, index(row), null)))));
    return foldGroup(kb, scratch, local, column, firstRow, across, along, partial);
  };

  const shift = loadElement(kb, x, index(int(0)), null);
  const delta = kb.let(
    binary(
      "div",
      sum((value) => binary("sub", value, shift)),
      float(rows),
    ),
    "delta",
  );
  const squares = sum((value) => {
    const centred = kb.let(binary("sub", binary("sub", value, shift), delta));
    return binary("mul", centred, centred);
  });
  const variance = kb.let(binary("div", squares, float(rows)), "variance");
  const statistics: ChannelStatistics = {
    shift,
    delta,
    variance,
    inverseStd: inverseStdOf(kb, variance, node.attributes.eps),
  };
  const { scale, bias } = affineOf(kb, task, node, statistics, channel);
  const activations = activationsOnly(task, node);
  kb.if(exists, () => {
    eachRow((row) => {
      const at = index(row);
      const y = kb.let(normalize(loadElement(kb, x, at, null), statistics, scale, bias), "y");
      finish(kb, activations, new Map([[node.results[0]!.id, y]]), at, null);
    });
    kb.if(compare("eq", firstRow, int(0)), () => storeStatistics(kb, task, node, statistics, channel));
  });
}

/** Invocations across channels and along rows; `along` is a power of two, for the fold. */
function shapeGroup({ target }: Task, channels: number, rows: number): { across: number; along: number } {
  const across = channels === 1 ? 1 : Math.min(16, channels);
  const limit = Math.min(target.software ? 64 : 256, target.maxGroupSize) / across;
  let along = 1;
  while (along * 2 <= limit && along < rows) along *= 2;
  return { across, along };
}

/** The sum of `partial` over the invocations of a column, in each of them. */
function foldGroup(
  kb: KernelBuilder,
  scratch: string,
  local: Expr,
  column: Expr,
  row: Expr,
  across: number,
  along: number,
  partial: Expr,
): Expr {
  kb.store(scratch, local, partial);
  kb.barrier();
  for (let half = along / 2; half >= 1; half /= 2) {
    kb.if(compare("lt", row, int(half)), () => {
      const other = kb.load(scratch, kb.index.add(local, int(half * across)));
      const own = kb.load(scratch, local);
      kb.store(scratch, local, binary("add", own, other));
    });
    kb.barrier();
  }
  const total = kb.load(scratch, column, 1, "total");
  // The next fold writes here again.
  kb.barrier();
  return total;
}
