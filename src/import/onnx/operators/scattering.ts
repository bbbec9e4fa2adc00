/** Gathering and scattering by index tensors. */
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
  const offsets = arange(x, batch, 0, 2).mul(elementCount(indexed));
  const taken = gatherAt(rows, 0, rowNumbers(flat, indexed).add(offsets));
  return taken.reshape([...x.shape.slice(0, batchRank), ...places, ...rest]);
}

function reductionOf(node: OperatorNode): ScatterReduction {
  const name = node.string("reduction", "none");
  const known: readonly ScatterReduction[] = ["none", "add", "mul", "max", "min"];
  return known.find((item) => item === name) ?? node.fail("unsupported", `reduction ${name} is not known.`);
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

function scatterNd(node: OperatorNode): Tensor {
  const [data, indices, updates] = [node.input(0), node.input(1), node.input(2)];
  const depth = indices.shape.at(-1) ?? 0;
  if (depth > data.rank)
    return node.fail("shape", `index vectors of ${depth} for ${data.rank} dimensions do not fit.`);
  const indexed = data.shape.slice(0, depth);
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
  const mode = node.string("mode", "linear");
  if (mode !== "linear" && mode !== "circular") return node.fail("unsupported", `mode ${mode} is not known.`);
  const fits = cache.shape.every((size, i) =>
    i === axis ? update.shape[i]! <= size : update.shape[i] === size,
  );
  if (axis === 0 || update.rank !== cache.rank || !fits)
    return node.fail("shape", "the update does not fit into the cache along the axis.");
  const size = checkedLength(node, cache.shape[axis]!, "the cache");
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
