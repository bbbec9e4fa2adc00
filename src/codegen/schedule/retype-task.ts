/** A lowering task over other types: the same body and buffers, seen with fewer dimensions. */
import type { Node, ValueId } from "../../ir/graph.ts";
import type { TensorType } from "../../ir/tensor-type.ts";
import type { BoundTensor, Task } from "../lower/task.ts";

export interface Retyping {
  /** The new type of a value; undefined where it has none. */
  readonly type: (type: TensorType) => TensorType | undefined;
  /** Inputs with a rule of their own. */
  readonly inputType?: (id: ValueId, type: TensorType) => TensorType | undefined;
  /** The node over the new types; undefined where it means something else there. */
  readonly node: (node: Node) => Node | undefined;
}

/** The task with every type replaced; undefined where one of them cannot be. */
export function retypeTask(task: Task, { type, inputType, node: convert }: Retyping): Task | undefined {
  const inputs = new Map<ValueId, BoundTensor>();
  for (const [id, tensor] of task.inputs) {
    const changed = inputType === undefined ? type(tensor.type) : inputType(id, tensor.type);
    if (changed === undefined) return undefined;
    inputs.set(id, { ...tensor, type: changed });
  }
  const outputs: Task["outputs"][number][] = [];
  for (const output of task.outputs) {
    const changed = type(output.type);
    if (changed === undefined) return undefined;
    outputs.push({ ...output, type: changed });
  }
  const nodes: Record<ValueId, Node> = {};
  for (const [id, original] of Object.entries(task.body.nodes)) {
    const node = convert(original);
    const results = original.results.map((result) => ({ ...result, type: type(result.type) }));
    if (node === undefined || results.some((result) => result.type === undefined)) return undefined;
    nodes[id] = { ...node, results } as Node;
  }
  const anchor = task.anchor && nodes[task.anchor.results[0]!.id];
  return { ...task, inputs, outputs, body: { ...task.body, nodes }, anchor };
}
