/** What every batch-norm schedule does once it has a channel's statistics. */
import type { NodeOf, ValueId } from "../../ir/graph.ts";
import { trainingOperandNames, valuesPerChannel } from "../../ir/ops/batch-norm.ts";
import { binary, compare, constant, convert, float, int, splat, unary } from "../expressions.ts";
import { i32, type Expr } from "../kernel-ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import { loadElement, storeElement, type LaneAxis, type Task } from "../lower/task.ts";
import type { Lanes } from "../target.ts";

export type BatchNormNode = NodeOf<"batch_norm_training"> | NodeOf<"batch_norm_apply">;

/** A channel's statistics, relative to `shift`, its first element. */
export interface ChannelStatistics {
  readonly shift: Expr;
  /** mean − shift */
  readonly delta: Expr;
  /** Biased. */
  readonly variance: Expr;
  readonly inverseStd: Expr;
}

/** Body values of the operands by name, whichever of the two ops it is. */
export function operandsByName(node: BatchNormNode): ReadonlyMap<string, ValueId> {
  const names = trainingOperandNames(node.attributes);
  const operands =
    node.op === "batch_norm_apply" ? [node.operands[0]!, ...node.operands.slice(3)] : node.operands;
  return new Map(names.map((name, i) => [name, operands[i]!]));
}

/** A per-channel operand at `channel`. */
export function loadChannel(
  kb: KernelBuilder,
  task: Task,
  value: ValueId,
  channel: Expr,
  lanes: Lanes,
): Expr {
  return loadElement(kb, task.inputs.get(value)!, [channel], lanes === 1 ? null : { axis: 0, lanes });
}

/** Scale and shift of the normalisation: `y = (x − shift − delta) · scale + bias`. */
export function affineOf(
  kb: KernelBuilder,
  task: Task,
  node: BatchNormNode,
  statistics: ChannelStatistics,
  channel: Expr,
): { readonly scale: Expr; readonly bias: Expr } {
  const operands = operandsByName(node);
  const { lanes } = statistics.delta.type;
  const gamma = loadChannel(kb, task, operands.get("weight")!, channel, lanes);
  const bias = loadChannel(kb, task, operands.get("bias")!, channel, lanes);
  return { scale: kb.let(binary("mul", statistics.inverseStd, gamma), "scale"), bias };
}

export function normalize(x: Expr, { shift, delta }: ChannelStatistics, scale: Expr, bias: Expr): Expr {
  const centred = binary("sub", binary("sub", x, shift), delta);
  return binary("add", binary("mul", centred, scale), bias);
}

export function inverseStdOf(kb: KernelBuilder, variance: Expr, eps: number): Expr {
  const { lanes } = variance.type;
  const std = unary("sqrt", binary("add", variance, float(eps, lanes)));
  return kb.let(binary("quotient", float(1, lanes), std), "inverse_std");
}

/** Outputs of the task that are not statistics: what the epilogue makes of y. */
export function activationsOnly(task: Task, node: BatchNormNode): Task {
  const statistics = new Set(node.results.slice(1).map((result) => result.id));
  return { ...task, outputs: task.outputs.filter((output) => !statistics.has(output.value)) };
}

/** Stores mean, inverse standard deviation and the new running values of one channel (or a vector of them). */
export function storeStatistics(
  kb: KernelBuilder,
  task: Task,
  node: BatchNormNode,
  statistics: ChannelStatistics,
  channel: Expr,
): void {
  const { attributes, results } = node;
  const operands = operandsByName(node);
  const { lanes } = statistics.delta.type;
  const lane: LaneAxis | null = lanes === 1 ? null : { axis: 0, lanes };
  const outputOf = (position: number) =>
    task.outputs.find((output) => output.value === results[position]?.id);
  const store = (position: number, value: () => Expr) => {
    const output = outputOf(position);
    if (output !== undefined) storeElement(kb, output, [channel], lane, value());
  };
  const mean = kb.let(binary("add", statistics.shift, statistics.delta), "mean");
  store(1, () => mean);
  store(2, () => statistics.inverseStd);
  if (!attributes.tracked) return;

  const count = operands.get("num_batches")!;
  const seen = kb.let(
    binary("add", loadElement(kb, task.inputs.get(count)!, [], null), constant(1, i32)),
    "seen",
  );
  const momentum =
    attributes.momentum === null
      ? kb.let(splat(binary("div", float(1), convert(seen, "f32")), lanes), "momentum")
      : float(attributes.momentum, lanes);
  const keep =
    attributes.momentum === null
      ? binary("sub", float(1, lanes), momentum)
      : float(1 - attributes.momentum, lanes);
  const blend = (running: ValueId, batch: Expr): Expr =>
    binary(
      "add",
      binary("mul", keep, loadChannel(kb, task, running, channel, lanes)),
      binary("mul", momentum, batch),
    );
  const offset = operands.get("mean_offset");
  const batchMean =
    offset === undefined ? mean : binary("add", mean, loadChannel(kb, task, offset, channel, lanes));
  const n = valuesPerChannel(results[0]!.type.shape);
  const unbiased = binary("mul", statistics.variance, float(n > 1 ? n / (n - 1) : 1, lanes));
  store(3, () => blend(operands.get("running_mean")!, batchMean));
  store(4, () => blend(operands.get("running_var")!, unbiased));
  const countOutput = outputOf(5);
  if (countOutput === undefined) return;
  kb.if(channel.kind === "const" ? constantBool(channel.value === 0) : compare("eq", channel, int(0)), () =>
    storeElement(kb, countOutput, [], null, seen),
  );
}

function constantBool(value: boolean): Expr {
  return constant(value ? 1 : 0, { scalar: "bool", lanes: 1 });
}
