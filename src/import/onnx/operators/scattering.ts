/** Gathering and scattering by index tensors. */
import { checkElements, checkIndexVectors, checkIndices, checkIs } from "./constraints.ts";
import type { ScatterReduction } from "../../../ir/ops/placement.ts";
import { elementCount, sameShape } from "../../../ir/shape.ts";
import { arange, gatherAt, gatherElements, rowNumbers, wrapped } from "../../../nn/positions.ts";
import { placed, scatterAlong } from "../../../nn/scattering.ts";
import type { Tensor } from "../../../nn/tensor.ts";
import type { OperatorFamily, OperatorNode } from "../operator.ts";
import { trailingAxis } from "./axes.ts";
import { checkedLength } from "./checked-length.ts";
import { narrowed } from "./narrow.ts";

function gatherElementsOf(node: OperatorNode): Tensor {
  const x = node.input(0);
  const axis = trailingAxis(node, x, 0);
  return gatherElements(x, axis, indicesOf(node, x, axis));
}

/** Indices along an axis, elsewhere no longer than the data. */
function indicesOf(node: OperatorNode, x: Tensor, axis: number): Tensor {
  const indices = node.input(1);
  if (indices.rank !== x.rank)
    return node.fail("shape", `indices have ${indices.rank} dimensions, the data ${x.rank}.`);
  if (x.rank === 0) return node.fail("shape", "a scalar has no elements along a dimension.");
  const wide = indices.shape.findIndex((size, i) => i !== axis && size > x.shape[i]!);
  if (wide >= 0)
    return node.fail(
      "shape",
      `indices have ${indices.shape[wide]} elements along axis ${wide}, where the data has ${x.shape[wide]}.`,
    );
  checkIndices(node, 1, x.shape[axis]!, axis);
  return indices;
}

function gatherNd(node: OperatorNode): Tensor {
  const [x, indices] = [node.input(0), node.input(1)];
  if (x.rank === 0 || indices.rank === 0)
    return node.fail("shape", "data and indices have at least one dimension.");
  const batchRank = node.int("batch_dims", 0, [0, Math.min(x.rank, indices.rank) - 1]);
  const depth = indices.shape.at(-1)!;
  if (depth < 1) return node.fail("shape", "index vectors have no numbers; expected at least 1.");
  const end = batchRank + depth;
  if (end > x.rank || !sameShape(x.shape.slice(0, batchRank), indices.shape.slice(0, batchRank)))
    return node.fail("shape", `index vectors of ${depth} after ${batchRank} batch dimensions do not fit.`);
  checkIndexVectors(node, 1, x.shape.slice(batchRank, end));
  const batch = elementCount(x.shape.slice(0, batchRank));
  const indexed = x.shape.slice(batchRank, end);
  const rest = x.shape.slice(end);
  const rows = x.reshape([batch * elementCount(indexed), elementCount(rest)]);
  const places = indices.shape.slice(batchRank, -1);
  const flat = indices.reshape([batch, elementCount(places), depth]);
  const offsets = arange(x, batch, 0, 2).mul(elementCount(indexed));
  const taken = gatherAt(rows, 0, rowNumbers(flat, indexed).add(offsets));
  return taken.reshape([...x.shape.slice(0, batchRank), ...places, ...rest]);
}

function reductionOf(node: OperatorNode): ScatterReduction {
  return node.choice<ScatterReduction>("reduction", ["none", "add", "mul", "max", "min"], "none");
}

function scatterElements(node: OperatorNode): Tensor {
  const [data, updates] = [node.input(0), node.input(2)];
  const axis = trailingAxis(node, data, 0);
  const indices = indicesOf(node, data, axis);
  if (!sameShape(indices.shape, updates.shape))
    return node.fail("shape", "indices and updates must have one shape.");
  return narrowed(
    node,
    scatterAlong(data, axis, wrapped(indices, data.shape[axis]!), updates, reductionOf(node)),
  );
}

function scatterNd(node: OperatorNode): Tensor {
  const [data, indices, updates] = [node.input(0), node.input(1), node.input(2)];
  if (data.rank === 0 || indices.rank === 0)
    return node.fail("shape", "data and indices have at least one dimension.");
  const depth = indices.shape.at(-1)!;
  if (depth > data.rank)
    return node.fail("shape", `index vectors of ${depth} for ${data.rank} dimensions do not fit.`);
  const indexed = data.shape.slice(0, depth);
  checkIndexVectors(node, 1, indexed);
  checkIs(node, "updates", updates, [...indices.shape.slice(0, -1), ...data.shape.slice(depth)]);
  const [rows, columns] = [elementCount(indexed), elementCount(data.shape.slice(depth))];
  const count = elementCount(indices.shape.slice(0, -1));
  const targets = rowNumbers(indices.reshape([count, depth]), indexed);
  const values = updates.reshape([count, columns]);
  const flat = data.reshape([rows, columns]);
  const result = placed(flat, 0, targets.reshape([count, 1]), values, reductionOf(node));
  return narrowed(node, result.reshape(data.shape));
}

/** Writes an update into a cache along `axis`, each of the batch from a position of its own. */
function tensorScatter(node: OperatorNode): Tensor {
  const [cache, update] = [node.input(0), node.input(1)];
  const axis = trailingAxis(node, cache, -2);
  const mode = node.choice("mode", ["linear", "circular"], "linear");
  const fits = cache.shape.every((size, i) =>
    i === axis ? update.shape[i]! <= size : update.shape[i] === size,
  );
  if (axis === 0 || update.rank !== cache.rank || !fits)
    return node.fail("shape", "the update does not fit into the cache along the axis.");
  const size = checkedLength(node, cache.shape[axis]!, "the cache");
  const last = mode === "circular" ? size - 1 : size - update.shape[axis]!;
  if (node.has(2)) checkElements(node, 2, "write_indices", [0, last]);
  const steps = arange(cache, update.shape[axis]!, axis, cache.rank);
  const starts = node.optional(2)?.to("i32");
  const batch = starts?.reshape(cache.shape.map((_, i) => (i === 0 ? cache.shape[0]! : 1)));
  const places = batch === undefined ? steps : steps.add(batch);
  const positions = mode === "circular" ? places.to("f32").fmod(size).to("i32") : places;
  return placed(cache, axis, positions, update, "none");
}

export const scattering: OperatorFamily = {
  TensorScatter: tensorScatter,
  GatherElements: gatherElementsOf,
  GatherND: gatherNd,
  ScatterElements: scatterElements,
  /** The name ScatterElements had before opset 11. */
  Scatter: scatterElements,
  ScatterND: scatterNd,
};
