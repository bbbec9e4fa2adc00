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

/** A kernel and the values bound to its buffers, in binding order. */
export interface LoweredNode {
  readonly kernel: Kernel;
  readonly bindings: readonly ValueId[];
}

/** Operand → result pairs that may share a buffer: the result replaces the operand in place. */
export type InPlace = ReadonlyMap<ValueId, ValueId>;

/**
 * @param body what the node computes, its inputs named as the graph's values
 * @param used results that something reads; the others are not stored
 * @param inPlace result → operand whose buffer it overwrites
 * @param label number of the launch, the start of the kernel's name
 */
export function lowerNode(
  body: Graph,
  results: readonly ValueId[],
  used: ReadonlySet<ValueId>,
  inPlace: InPlace,
  target: Target,
  label: string,
): LoweredNode {
  const kb = new KernelBuilder();
  const bindings: ValueId[] = [];
  const replaced = new Set(results.map((result) => inPlace.get(result)));
  const bind = (value: ValueId, name: string, type: TensorType, access: "read" | "write" | "read_write") => {
    bindings.push(value);
    const buffer = kb.buffer(name, bufferScalar(type.dtype), access, Math.max(elementCount(type.shape), 1));
    return { buffer, type };
  };
  const inputs = new Map<ValueId, BoundTensor>();
  body.inputs.forEach((input) => {
    inputs.set(
      input.id,
      bind(input.name, `in${bindings.length}`, input.type, replaced.has(input.name) ? "read_write" : "read"),
    );
  });
  const types = new Map(
    Object.values(body.nodes).flatMap((node) => node.results.map((r) => [r.id, r.type] as const)),
  );
  const outputs: (BoundTensor & { value: ValueId })[] = [];
  body.outputs.forEach((output, i) => {
    const result = results[i]!;
    if (!used.has(result)) return;
    const type = types.get(output.value) ?? inputs.get(output.value)!.type;
    const operand = inPlace.get(result);
    const shared = operand === undefined ? undefined : body.inputs.find((input) => input.name === operand);
    const bound =
      shared === undefined
        ? bind(result, `out${bindings.length}`, type, "write")
        : { buffer: inputs.get(shared.id)!.buffer, type };
    outputs.push({ ...bound, value: output.value });
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
