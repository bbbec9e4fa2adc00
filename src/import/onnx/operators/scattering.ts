/**
 * Gathering and scattering by index tensors. A scatter is written from the side of the result: each element
 * looks through the updates for those that name it, so results do not depend on an order of writes.
 */
import { elementCount, sameShape } from "../../../ir/shape.ts";
import { arange, extremes, gatherAt, gatherElements, rowNumbers, wrapped } from "../../../nn/positions.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";
import { narrowed } from "./narrow.ts";

function gatherElementsOf(node: OperatorNode): Tensor {
  const x = node.input(0);
  return gatherElements(x, trailingAxis(node, x, 0), indicesOf(node, x));
}

function indicesOf(node: OperatorNode, x: Tensor): Tensor {
  const indices = node.input(1);
  if (indices.rank !== x.rank)
    return node.fail("shape", `indices have ${indices.rank} dimensions, the data ${x.rank}.`);
  if (x.rank === 0) return node.fail("shape", "a scalar has no elements along a dimension.");
  return indices;
}

function gatherNd(node: OperatorNode): Tensor {
  const [x, indices] = [node.input(0), node.input(1)];
  const batchRank = node.int("batch_dims", 0);
  const depth = indices.shape.at(-1) ?? 0;
  const end = batchRank + depth;
  if (end > x.rank || !sameShape(x.shape.slice(0, batchRank), indices.shape.slice(0, batchRank)))
    return node.fail("shape", `index vectors of ${depth} after ${batchRank} batch dimensions do not fit.`);
  const batch = elementCount(x.shape.slice(0, batchRank));
  const indexed = x.shape.slice(batchRank, end);
  const rest = x.shape.slice(end);
  const rows = x.reshape([batch * elementCount(indexed), elementCount(rest)]);
  const places = indices.shape.slice(batchRank, -1);
  const flat = indices.reshape([batch, elementCount(places), depth]);
  const offsets = arange(x.trace, batch, 0, 2).mul(elementCount(indexed));
  const taken = gatherAt(rows, 0, rowNumbers(flat, indexed).add(offsets));
  return taken.reshape([...x.shape.slice(0, batchRank), ...places, ...rest]);
}

type Reduction = "none" | "add" | "mul" | "max" | "min";

function reductionOf(node: OperatorNode): Reduction {
  const name = node.string("reduction", "none");
  const known: readonly Reduction[] = ["none", "add", "mul", "max", "min"];
  return known.find((item) => item === name) ?? node.fail("unsupported", `reduction ${name} is not known.`);
}

/**
 * `data` with `updates` combined into it. Along `axis`, update `k` goes to position `targets[k]`; `match` says which
 * updates (along `axis + 1`) reach which element; `last` picks one update an element by its number.
 */
function combined(
  data: Tensor,
  updates: Tensor,
  match: Tensor,
  axis: number,
  reduction: Reduction,
  last: (number: Tensor) => Tensor,
): Tensor {
  const count = match.shape[axis + 1]!;
  if (count === 0) return data;
  if (reduction === "none") {
    const numbers = arange(data.trace, count, axis + 1, match.rank);
    const number = numbers.where(match, -1).max(axis + 1);
    return last(number.clamp(0, null)).where(hitOf(number, data.rank), data);
  }
  const wide = updates.unsqueeze(axis);
  const mask = match.reshape([...match.shape, ...new Array<number>(wide.rank - match.rank).fill(1)]);
  const [least, greatest] = extremes(data.dtype);
  switch (reduction) {
    case "add":
      return wide
        .where(mask, 0)
        .sum(axis + 1)
        .add(data);
    case "mul":
      return wide
        .where(mask, 1)
        .prod(axis + 1)
        .mul(data);
    case "max":
      return wide
        .where(mask, filler(wide, least))
        .max(axis + 1)
        .maximum(data);
    case "min":
      return wide
        .where(mask, filler(wide, greatest))
        .min(axis + 1)
        .minimum(data);
    default:
      return reduction satisfies never;
  }
}

/** A constant of the tensor's own dtype; infinities are no integers. */
function filler(x: Tensor, value: number) {
  if (x.dtype === "f32") return { dtype: "f32", shape: [], data: Float32Array.of(value) } as const;
  return x.dtype === "u32"
    ? ({ dtype: "u32", shape: [], data: Uint32Array.of(value) } as const)
    : ({ dtype: "i32", shape: [], data: Int32Array.of(value) } as const);
}

function hitOf(number: Tensor, rank: number): Tensor {
  const hit = number.ge(0);
  return hit.reshape([...hit.shape, ...new Array<number>(rank - hit.rank).fill(1)]);
}

function scatterElements(node: OperatorNode): Tensor {
  const [data, updates] = [node.input(0), node.input(2)];
  const axis = trailingAxis(node, data, 0);
  const indices = indicesOf(node, data);
  if (!sameShape(indices.shape, updates.shape))
    return node.fail("shape", "indices and updates must have one shape.");
  return narrowed(
    node,
    scatterAlong(data, axis, wrapped(indices, data.shape[axis]!), updates, reductionOf(node)),
  );
}

/** `indices` are not negative; dimensions other than `axis` may be shorter than the data's. */
export function scatterAlong(
  data: Tensor,
  axis: number,
  indices: Tensor,
  updates: Tensor,
  reduction: Reduction = "none",
): Tensor {
  const missing = data.shape
    .map((size, i) => [0, i === axis ? 0 : size - indices.shape[i]!])
    .reverse()
    .flat();
  const targets = indices.pad(missing, -1);
  const values = updates.pad(missing);
  const match = targets.unsqueeze(axis).eq(arange(data.trace, data.shape[axis]!, axis, data.rank + 1));
  return combined(data, values, match, axis, reduction, (number) => gatherElements(values, axis, number));
}

function scatterNd(node: OperatorNode): Tensor {
  const [data, indices, updates] = [node.input(0), node.input(1), node.input(2)];
  const depth = indices.shape.at(-1) ?? 0;
  if (depth > data.rank)
    return node.fail("shape", `index vectors of ${depth} for ${data.rank} dimensions do not fit.`);
  const indexed = data.shape.slice(0, depth);
  const [rows, columns] = [elementCount(indexed), elementCount(data.shape.slice(depth))];
  const count = elementCount(indices.shape.slice(0, -1));
  const targets = rowNumbers(indices.reshape([count, depth]), indexed);
  const match = targets.unsqueeze(0).eq(arange(data.trace, rows, 0, 2));
  const values = updates.reshape([count, columns]);
  const flat = data.reshape([rows, columns]);
  const result = combined(flat, values, match, 0, reductionOf(node), (number) => gatherAt(values, 0, number));
  return narrowed(node, result.reshape(data.shape));
}

export const scattering: OperatorFamily = {
  GatherElements: gatherElementsOf,
  GatherND: gatherNd,
  ScatterElements: scatterElements,
  /** The name ScatterElements had before opset 11. */
  Scatter: scatterElements,
  ScatterND: scatterNd,
};
