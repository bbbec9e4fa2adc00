/** One graph node to one kernel: picks the schedule by what the node's anchor is. */
import { InternalError } from "../../errors.ts";
import type { Graph, Node, ValueId } from "../../ir/graph.ts";
import { executionOrder } from "../../ir/graph-index.ts";
import { opRecord } from "../../ir/ops/registry.ts";
import { elementCount } from "../../ir/shape.ts";
import { formatType, type TensorType } from "../../ir/tensor-type.ts";
import { KernelBuilder } from "../kernel-builder.ts";
import type { Kernel, KernelBuffer } from "../kernel-ir.ts";
import { scheduleAttention } from "../schedule/attention.ts";
import { scheduleBatchNormCpu } from "../schedule/batch-norm-cpu.ts";
import { scheduleBatchNormGpu } from "../schedule/batch-norm-gpu.ts";
import { scheduleBatchNormApply, scheduleBatchNormPartial } from "../schedule/batch-norm-split.ts";
import { scheduleConv } from "../schedule/conv.ts";
import { scheduleElementwise } from "../schedule/elementwise.ts";
import { scheduleMatmul } from "../schedule/matmul.ts";
import { schedulePool } from "../schedule/pool.ts";
import { scheduleReduction } from "../schedule/reduction.ts";
import { scheduleScatter } from "../schedule/scatter.ts";
import { scheduleSoftmax } from "../schedule/softmax.ts";
import { scheduleStandardize } from "../schedule/standardize.ts";
import { scheduleTopk } from "../schedule/topk.ts";
import { scheduleWinogradInput, scheduleWinogradOutput } from "../schedule/winograd-steps.ts";
import type { Target } from "../target.ts";
import { anchorOf, bufferScalar, type BoundTensor, type Task } from "./task.ts";
import type { View } from "./view.ts";

/** Operand → result pairs that may share a buffer: the result replaces the operand in place. */
export type InPlace = ReadonlyMap<ValueId, ValueId>;

/** Values that lie inside the buffer of another one, which has so many elements. */
export type Slices = ReadonlyMap<
  ValueId,
  { readonly whole: ValueId; readonly elementCount: number; readonly view: View }
>;

/** A node about to be lowered. */
export interface LoweringTask {
  /** What the node computes, its inputs named as the graph's values. */
  readonly body: Graph;
  readonly results: readonly ValueId[];
  /** Results that something reads; the others are not stored. */
  readonly used: ReadonlySet<ValueId>;
  /** Result → operand whose buffer it overwrites. */
  readonly inPlace: InPlace;
  readonly slices: Slices;
}

/** How a node's kernel is bound. */
export interface Bindings {
  /** The values bound to the kernel's buffers, in binding order; scratch memory comes after them. */
  readonly values: readonly ValueId[];
  /** Which graph values they are, for a person. */
  readonly comment: string;
}

export function bindingsOf(lowering: LoweringTask): Bindings {
  const { body, results } = lowering;
  const buffers = buffersOf(lowering);
  const stored = results.filter((result) => isStored(lowering, result));
  const types = stored.map((result) => formatType(typeOfOutput(body, results.indexOf(result))));
  const sources = body.inputs
    .map(({ name }) => `${buffers.get(wholeOf(lowering, name))} = %${name}`)
    .join(", ");
  const made = results.map((id) => `%${id}`).join(", ");
  return {
    values: [...buffers.keys()],
    comment: `${made} : ${types.join(", ")}${sources === "" ? "" : ` from ${sources}`}`,
  };
}

/** The value that fills the buffer that this one lies in. */
export function wholeOf({ slices }: LoweringTask, value: ValueId): ValueId {
  return slices.get(value)?.whole ?? value;
}

export function isStored(lowering: LoweringTask, result: ValueId): boolean {
  return lowering.used.has(wholeOf(lowering, result));
}

/** Names of buffers by the value that fills them, in binding order: slices of one, read or written, are one binding. */
export function buffersOf(lowering: LoweringTask): ReadonlyMap<ValueId, string> {
  const buffers = new Map<ValueId, string>();
  const bind = (value: ValueId, prefix: string): void => {
    const whole = wholeOf(lowering, value);
    if (!buffers.has(whole)) buffers.set(whole, `${prefix}${buffers.size}`);
  };
  for (const { name } of lowering.body.inputs) bind(name, "in");
  for (const result of lowering.results)
    if (isStored(lowering, result)) bind(lowering.inPlace.get(result) ?? result, "out");
  return buffers;
}

/** @param label number of the launch, the start of the kernel's name */
export function lowerNode(lowering: LoweringTask, target: Target, label: string): Kernel {
  const { body, results, inPlace, slices } = lowering;
  const kb = new KernelBuilder();
  const buffers = buffersOf(lowering);
  const written = results.filter((result) => isStored(lowering, result));
  const overwritten = new Set(written.map((result) => inPlace.get(result) ?? wholeOf(lowering, result)));
  const bound = new Set<string>();
  const anchor = anchorOf(body);
  // Updates are combined with what earlier ones left.
  const resultAccess =
    anchor?.op === "scatter" && anchor.attributes.reduction !== "none" ? "read_write" : "write";
  const bind = (value: ValueId, type: TensorType, access: KernelBuffer["access"]): BoundTensor => {
    const slice = slices.get(value);
    const whole = wholeOf(lowering, value);
    const buffer = buffers.get(whole)!;
    if (!bound.has(buffer)) {
      const count = slice?.elementCount ?? elementCount(type.shape);
      const both = access === "read" && overwritten.has(whole) ? "read_write" : access;
      kb.buffer(buffer, bufferScalar(type.dtype), both, Math.max(count, 1));
      bound.add(buffer);
    }
    return slice === undefined ? { buffer, type } : { buffer, type, view: slice.view };
  };
  const inputs = new Map(body.inputs.map(({ id, name, type }) => [id, bind(name, type, "read")]));
  const outputs: (BoundTensor & { value: ValueId })[] = [];
  body.outputs.forEach(({ value }, i) => {
    const result = results[i]!;
    if (!isStored(lowering, result)) return;
    outputs.push({ ...bind(inPlace.get(result) ?? result, typeOfOutput(body, i), resultAccess), value });
  });

  const task: Task = { target, body, anchor, inputs, outputs };
  schedule(kb, task);
  return kb.build(`${label}_${describe(body)}`, bindingsOf(lowering).comment);
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
    case "scatter":
      return scheduleScatter(kb, task);
    case "topk":
      return scheduleTopk(kb, task);
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
  const { dtype } = typeOfOutput(body, 0);
  const shown = parts.length > 6 ? [...parts.slice(0, 5), "etc"] : parts;
  return [...(shown.length === 0 ? ["copy"] : shown), dtype].join("_");
}

function typeOfOutput(body: Graph, output: number): TensorType {
  const { value } = body.outputs[output]!;
  const isMaker = (node: Node) => node.results.some((result) => result.id === value);
  const maker = Object.values(body.nodes).find(isMaker);
  return (maker?.results.find((result) => result.id === value) ??
    body.inputs.find((input) => input.id === value))!.type;
}
