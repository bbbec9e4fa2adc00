/**
 * A matrix product whose right operand all batches share does not care which batch a row is in: its task over
 * `[…, M, K] × [K, N]` becomes one over `[…·M, K]`, with more rows to tile. Applies where every tensor of the
 * task lies in memory row by row, or has no rows at all (a bias).
 */
import type { Node } from "../../ir/graph.ts";
import { elementCount } from "../../ir/shape.ts";
import type { TensorType } from "../../ir/tensor-type.ts";
import { isElementwise } from "../lower/elementwise.ts";
import { expectAnchor, type Task } from "../lower/task.ts";

export function collapseBatch(task: Task): Task {
  const anchor = expectAnchor(task, "matmul");
  const weight = anchor.operands[1]!;
  const leading = anchor.results[0]!.type.shape.slice(0, -1);
  const weightRank = anchor.attributes.packing === null ? 2 : 3;
  if (leading.length < 2 || task.inputs.get(weight)?.type.shape.length !== weightRank) return task;
  const rows = elementCount(leading);

  /** The type with its leading dimensions as one; undefined where they cannot be. */
  const collapse = (type: TensorType): TensorType | undefined => {
    const own = type.shape.slice(0, -1);
    const last = type.shape.slice(-1);
    if (type.layout !== undefined) return undefined;
    if (type.shape.length < 2) return type;
    if (elementCount(own) === 1) return { dtype: type.dtype, shape: [1, ...last] };
    return own.join() === leading.join() ? { dtype: type.dtype, shape: [rows, ...last] } : undefined;
  };

  const inputs = new Map<string, { buffer: string; type: TensorType }>();
  for (const [id, tensor] of task.inputs) {
    const type = id === weight ? tensor.type : collapse(tensor.type);
    if (type === undefined) return task;
    inputs.set(id, { ...tensor, type });
  }
  const outputs = [];
  for (const output of task.outputs) {
    const type = collapse(output.type);
    if (type === undefined) return task;
    outputs.push({ ...output, type });
  }
  const nodes: Record<string, Node> = {};
  for (const [id, node] of Object.entries(task.body.nodes)) {
    const simple = node === anchor || isElementwise(node.op) || node.op === "constant";
    const results = node.results.map((result) => ({ ...result, type: collapse(result.type) }));
    if (!simple || results.some((result) => result.type === undefined)) return task;
    nodes[id] = { ...node, results } as Node;
  }
  return { ...task, inputs, outputs, body: { ...task.body, nodes }, anchor: nodes[anchor.results[0]!.id] };
}
