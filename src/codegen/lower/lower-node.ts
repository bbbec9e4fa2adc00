/** One graph node to one kernel: picks the schedule by what the node's anchor is. */
import { InternalError } from "../../errors.ts";
import { executionOrder, type Graph, type Node, type ValueId } from "../../ir/graph.ts";
import { opRecord } from "../../ir/ops/registry.ts";
import { elementCount } from "../../ir/shape.ts";
import { formatType, type TensorType } from "../../ir/tensor-type.ts";
import { KernelBuilder } from "../kernel-builder.ts";
import type { Kernel } from "../kernel-ir.ts";
import { scheduleAttention } from "../schedule/attention.ts";
import { scheduleBatchNormCpu } from "../schedule/batch-norm-cpu.ts";
import { scheduleBatchNormGpu } from "../schedule/batch-norm-gpu.ts";
import { scheduleBatchNormApply, scheduleBatchNormPartial } from "../schedule/batch-norm-split.ts";
import { scheduleConv } from "../schedule/conv.ts";
import { scheduleElementwise } from "../schedule/elementwise.ts";
import { scheduleMatmul } from "../schedule/matmul.ts";
import { schedulePool } from "../schedule/pool.ts";
import { scheduleReduction } from "../schedule/reduction.ts";
import { scheduleSoftmax } from "../schedule/softmax.ts";
import { scheduleStandardize } from "../schedule/standardize.ts";
import { scheduleWinogradInput, scheduleWinogradOutput } from "../schedule/winograd-steps.ts";
import type { Target } from "../target.ts";
import { anchorOf, bufferScalar, type BoundTensor, type Task } from "./task.ts";
import type { View } from "./view.ts";

/** A kernel and the values bound to its buffers, in binding order. */
export interface LoweredNode {
  readonly kernel: Kernel;
  readonly bindings: readonly ValueId[];
}

/** Operand → result pairs that may share a buffer: the result replaces the operand in place. */
export type InPlace = ReadonlyMap<ValueId, ValueId>;

/** Values that lie inside the buffer of another one, which has so many elements. */
export type Slices = ReadonlyMap<
  ValueId,
  { readonly whole: ValueId; readonly elementCount: number; readonly view: View }
>;

/**
 * @param body what the node computes, its inputs named as the graph's values
 * @param used results that something reads; the others are not stored
 * @param inPlace result → operand whose buffer it overwrites
 * @param slices values that are slices of another one's buffer
 * @param label number of the launch, the start of the kernel's name
 */
export function lowerNode(
  body: Graph,
  results: readonly ValueId[],
  used: ReadonlySet<ValueId>,
  inPlace: InPlace,
  slices: Slices,
  target: Target,
  label: string,
): LoweredNode {
  const kb = new KernelBuilder();
  const bindings: ValueId[] = [];
  const wholeOf = (value: ValueId) => slices.get(value)?.whole ?? value;
  const stored = results.filter((result) => used.has(wholeOf(result)));
  const overwritten = new Set(stored.map((result) => inPlace.get(result) ?? wholeOf(result)));
  /** Buffers by the value that fills them: slices of one, read or written, are one binding. */
  const bound = new Map<ValueId, string>();
  const bind = (value: ValueId, name: string, type: TensorType, access: "read" | "write"): BoundTensor => {
    const slice = slices.get(value);
    const whole = wholeOf(value);
    let buffer = bound.get(whole);
    if (buffer === undefined) {
      bindings.push(whole);
      const count = slice?.elementCount ?? elementCount(type.shape);
      const both = access === "read" && overwritten.has(whole) ? "read_write" : access;
      buffer = kb.buffer(name, bufferScalar(type.dtype), both, Math.max(count, 1));
      bound.set(whole, buffer);
    }
    return slice === undefined ? { buffer, type } : { buffer, type, view: slice.view };
  };
  const inputs = new Map<ValueId, BoundTensor>();
  body.inputs.forEach((input) => {
    inputs.set(input.id, bind(input.name, `in${bindings.length}`, input.type, "read"));
  });
  const types = new Map(
    Object.values(body.nodes).flatMap((node) => node.results.map((r) => [r.id, r.type] as const)),
  );
  const outputs: (BoundTensor & { value: ValueId })[] = [];
  body.outputs.forEach((output, i) => {
    const result = results[i]!;
    if (!stored.includes(result)) return;
    const type = types.get(output.value) ?? inputs.get(output.value)!.type;
    const tensor = bind(inPlace.get(result) ?? result, `out${bindings.length}`, type, "write");
    outputs.push({ ...tensor, value: output.value });
  });

  const task: Task = { target, body, anchor: anchorOf(body), inputs, outputs };
  schedule(kb, task);
  const signature = outputs.map((output) => formatType(output.type)).join(", ");
  const name = `${label}_${describe(body)}`;
  const sources = body.inputs.map((input) => `${inputs.get(input.id)!.buffer} = %${input.name}`).join(", ");
  const comment = `${results.map((id) => `%${id}`).join(", ")} : ${signature}${sources === "" ? "" : ` from ${sources}`}`;
  return { kernel: kb.build(name, comment), bindings };
}

function schedule(kb: KernelBuilder, task: Task): void {
  const { anchor } = task;
  if (anchor === undefined) return scheduleElementwise(kb, task);
  switch (anchor.op) {
    case "conv":
      return scheduleConv(kb, task);
    case "matmul":
      return scheduleMatmul(kb, task);
    case "attention":
      return scheduleAttention(kb, task);
    case "max_pool":
    case "avg_pool":
    case "adaptive_avg_pool":
      return schedulePool(kb, task);
    case "softmax":
    case "log_softmax":
      return scheduleSoftmax(kb, task);
    case "standardize":
      return scheduleStandardize(kb, task);
    case "sum":
    case "mean":
    case "prod":
    case "reduce_max":
    case "reduce_min":
    case "argmax":
    case "argmin":
      return scheduleReduction(kb, task);
    case "batch_norm_training":
      return task.target.family === "cpu" ? scheduleBatchNormCpu(kb, task) : scheduleBatchNormGpu(kb, task);
    case "batch_norm_partial":
      return scheduleBatchNormPartial(kb, task);
    case "batch_norm_apply":
      return scheduleBatchNormApply(kb, task);
    case "winograd_input":
      return scheduleWinogradInput(kb, task);
    case "winograd_output":
      return scheduleWinogradOutput(kb, task);
    default:
      throw new InternalError(`lower: no schedule for ${anchor.op}; a pass should have rewritten it`);
  }
}

/** `conv3x3_add_relu_f32`: the anchor and what is fused to it, as a kernel name. */
function describe(body: Graph): string {
  const parts: string[] = [];
  for (const node of executionOrder(body)) {
    const { kind } = opRecord(node.op);
    const isFree = kind === "constant" || (kind === "movement" && Object.keys(body.nodes).length > 1);
    if (isFree) continue;
    const part = node.op === "conv" ? `conv${node.attributes.kernel.join("x")}` : node.op;
    if (parts.at(-1) !== part) parts.push(part);
  }
  const [first] = body.outputs;
  const dtype = typeOfOutput(body, first!.value).dtype;
  const shown = parts.length > 6 ? [...parts.slice(0, 5), "etc"] : parts;
  return [...(shown.length === 0 ? ["copy"] : shown), dtype].join("_");
}

function typeOfOutput(body: Graph, value: ValueId): TensorType {
  const isMaker = (node: Node) => node.results.some((result) => result.id === value);
  const maker = Object.values(body.nodes).find(isMaker);
  return (maker?.results.find((result) => result.id === value) ??
    body.inputs.find((input) => input.id === value))!.type;
}
