/**
 * A 1×1 convolution with stride 1 does not care which row a pixel is in: its task over `[N, C, H, W]` becomes
 * one over `[N, C, H·W]`, with longer rows to tile. Applies where every tensor of the task lies in memory so
 * that the spatial dimensions can be taken as one.
 */
import { channelsLast, layoutOf, type TensorType } from "../../ir/tensor-type.ts";
import { isElementwise } from "../lower/elementwise.ts";
import { expectAnchor, type Task } from "../lower/task.ts";
import { mergedStride } from "../lower/view.ts";
import { retypeTask } from "./retype-task.ts";

export function collapsePointwise(task: Task): Task {
  const anchor = expectAnchor(task, "conv");
  const { kernel, stride, padding } = anchor.attributes;
  const rank = kernel.length + 2;
  const pointwise =
    rank > 3 &&
    kernel.every((size) => size === 1) &&
    stride.every((step) => step === 1) &&
    padding.flat().every((amount) => amount === 0);
  if (!pointwise) return task;

  const spatial = anchor.results[0]!.type.shape.slice(2);
  const weight = anchor.operands[1]!;
  const layouts = [channelsLast(rank).join(), Array.from({ length: rank }, (_, axis) => axis).join()];
  /** The type with spatial dimensions as one; undefined where they cannot be. */
  const collapse = (type: TensorType): TensorType | undefined => {
    const own = type.shape.slice(-spatial.length);
    const count = own.reduce((product, size) => product * size, 1);
    if (type.shape.length < spatial.length) return type;
    const flat = { dtype: type.dtype, shape: [...type.shape.slice(0, -spatial.length), count] };
    if (own.every((size) => size === 1) && type.layout === undefined) return flat;
    if (type.shape.length !== rank || own.join() !== spatial.join()) return undefined;
    const layout = layoutOf(type).join();
    if (!layouts.includes(layout)) return undefined;
    return type.layout === undefined ? flat : { ...flat, layout: channelsLast(3) };
  };

  const single = { kernel: [1], stride: [1], padding: [[0, 0]], dilation: [1] } as const;
  const collapsed = retypeTask(task, {
    type: collapse,
    inputType: (id, type) =>
      id === weight ? weightType(type, rank, anchor.attributes.packing !== null) : collapse(type),
    strides: (strides, type) => {
      if (type.shape.length < spatial.length) return strides;
      const merged = mergedStride(type.shape.slice(-spatial.length), strides.slice(-spatial.length));
      return merged === undefined ? undefined : [...strides.slice(0, -spatial.length), merged];
    },
    node: (node) => {
      if (node === anchor) return { ...anchor, attributes: { ...anchor.attributes, ...single } };
      const simple = isElementwise(node.op) || node.op === "reshape" || node.op === "constant";
      return simple ? node : undefined;
    },
  });
  return collapsed ?? task;
}

/** `[O, C, 1, 1]` → `[O, C, 1]`; packed `[blocks, 1, 1, C, block]` → `[blocks, 1, C, block]`. */
function weightType(type: TensorType, rank: number, packed: boolean): TensorType | undefined {
  if (type.layout !== undefined) return undefined;
  const ones = rank - 2;
  const shape = [...type.shape];
  shape.splice(packed ? 1 : 2, ones, 1);
  return { dtype: type.dtype, shape };
}
