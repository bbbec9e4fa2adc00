/**
 * A matrix product whose right operand all batches share does not care which batch a row is in: its task over
 * `[…, M, K] × [K, N]` becomes one over `[…·M, K]`, with more rows to tile. Applies where every tensor of the
 * task lies in memory row by row, or has no rows at all (a bias).
 */
import { elementCount } from "../../ir/shape.ts";
import type { TensorType } from "../../ir/tensor-type.ts";
import { isElementwise } from "../lower/elementwise.ts";
import { expectAnchor, type Task } from "../lower/task.ts";
import { mergedStride } from "../lower/view.ts";
import { retypeTask } from "./retype-task.ts";

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

  const collapsed = retypeTask(task, {
    type: collapse,
    inputType: (id, type) => (id === weight ? type : collapse(type)),
    strides: (strides, type) => {
      if (type.shape.length < 2) return strides;
      const merged = mergedStride(type.shape.slice(0, -1), strides.slice(0, -1));
      return merged === undefined ? undefined : [merged, strides.at(-1)!];
    },
    node: (node) => (node === anchor || isElementwise(node.op) || node.op === "constant" ? node : undefined),
  });
  return collapsed ?? task;
}
