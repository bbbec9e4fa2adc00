/** A lowering task over other types: the same body and buffers, seen with fewer dimensions. */
import type { Node, ValueId } from "../../ir/graph.ts";
import type { TensorType } from "../../ir/tensor-type.ts";
import type { BoundTensor, Task } from "../lower/task.ts";
import type { View } from "../lower/view.ts";

export interface Retyping {
  /** The new type of a value; undefined where it has none. */
  readonly type: (type: TensorType) => TensorType | undefined;
  /** Inputs with a rule of their own. */
  readonly inputType?: (id: ValueId, type: TensorType) => TensorType | undefined;
  /** The strides of a slice over the new type; undefined where its elements are not walked so. */
  readonly strides: (strides: readonly number[], type: TensorType) => readonly number[] | undefined;
  /** The node over the new types; undefined where it means something else there. */
  readonly node: (node: Node) => Node | undefined;
}

/** The task with every type replaced; undefined where one of them cannot be. */
export function retypeTask(
  task: Task,
  { type, inputType, strides, node: convert }: Retyping,
): Task | undefined {
  /** The tensor under its new type; undefined where it has none. */
  const retyped = <T extends BoundTensor>(tensor: T, changed: TensorType | undefined): T | undefined => {
    if (changed === undefined || tensor.view === undefined) return changed && { ...tensor, type: changed };
    const walked = strides(tensor.view.strides, tensor.type);
    const view: View | undefined = walked && { ...tensor.view, strides: walked };
    return view && { ...tensor, type: changed, view };
  };
  const inputs = new Map<ValueId, BoundTensor>();
  for (const [id, tensor] of task.inputs) {
    const changed = inputType === undefined ? type(tensor.type) : inputType(id, tensor.type);
    const input = retyped(tensor, changed);
    if (input === undefined) return undefined;
    inputs.set(id, input);
  }
  const outputs: Task["outputs"][number][] = [];
  for (const output of task.outputs) {
    const changed = retyped(output, type(output.type));
    if (changed === undefined) return undefined;
    outputs.push(changed);
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
