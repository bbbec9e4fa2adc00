/** Gathering and scattering by index tensors. Of several updates that reach one element, the last is the last. */
import { UserError } from "../errors.ts";
import type { ScatterReduction } from "../ir/ops/placement.ts";
import { formatShape, normalizeAxis, sameShape } from "../ir/shape.ts";
import { arange, gatherElements, notePositions, wrapped } from "./positions.ts";
import type { Operand, Tensor } from "./tensor.ts";

/** How `torch.Tensor.scatter_reduce` names reductions. */
const reductions = { sum: "add", prod: "mul", amax: "max", amin: "min" } as const;
/** How elements that meet become one. */
export type ReductionName = keyof typeof reductions;

/** `y[i, j, …] = x[index[i, j, …], j, …]`, the index in the place of `axis`; other dimensions may be shorter. */
export function gather(x: Tensor, axis: number, index: Operand): Tensor {
  const at = normalizeAxis(axis, x.rank, "gather");
  const positions = checkedIndex(x, at, index, "gather");
  if (x.rank === 0) return x;
  const source = positions.shape.reduce<Tensor>(
    (y, size, i) => (i === at || size === y.shape[i] ? y : y.slice(i, 0, size)),
    x,
  );
  return gatherElements(source, at, positions);
}

/** As `gather`, where `index` and the other dimensions are broadcast. */
export function takeAlongDim(x: Tensor, index: Operand, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank, "takeAlongDim");
  const positions = x.operand(index);
  const common = (mine: number, theirs: number): number => (mine === 1 ? theirs : mine);
  const wide = x.shape.map((size, i) => (i === at ? size : common(size, positions.shape[i] ?? 1)));
  const places = wide.map((size, i) => (i === at ? (positions.shape[i] ?? 1) : size));
  return gather(x.expand(wide), at, positions.expand(places));
}

/** `x` with `source` (or one number) written at `index` along `axis`; of several that reach one element, the last. */
export function scatter(x: Tensor, axis: number, index: Operand, source: Operand): Tensor {
  return scattered(x, axis, index, source, "none", "scatter");
}

/** `x` with `source` added at `index` along `axis`. */
export function scatterAdd(x: Tensor, axis: number, index: Operand, source: Operand): Tensor {
  return scattered(x, axis, index, source, "add", "scatterAdd");
}

/** `x` with `source` combined into it at `index` along `axis`. */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Operand,
  source: Operand,
  reduce: ReductionName,
): Tensor {
  return scattered(x, axis, index, source, reductions[reduce], "scatterReduce");
}

function scattered(
  x: Tensor,
  axis: number,
  index: Operand,
  source: Operand,
  reduction: ScatterReduction,
  asked: string,
): Tensor {
  const at = normalizeAxis(axis, x.rank, asked);
  const positions = checkedIndex(x, at, index, asked);
  const given = (typeof source === "number" ? x.operand(source) : x.operand(source)).to(x.dtype);
  const updates = positions.shape.reduce<Tensor>(
    (y, size, i) => (size < (y.shape[i] ?? 0) ? y.slice(i, 0, size) : y),
    given.rank === 0 ? given.expand(positions.shape) : given,
  );
  if (!sameShape(updates.shape, positions.shape))
    throw new UserError(
      "shape",
      `${asked}: a source of ${formatShape(given.shape)} does not fill an index of ${formatShape(positions.shape)}.`,
    );
  if (x.rank > 0) return scatterAlong(x, at, wrapped(positions, x.shape[at]!), updates, reduction);
  return scattered(x.reshape([1]), 0, positions.reshape([1]), updates.reshape([1]), reduction, asked).reshape(
    [],
  );
}

function checkedIndex(x: Tensor, axis: number, index: Operand, asked: string): Tensor {
  const positions = x.operand(index).to("i32");
  const fits = positions.shape.every((size, i) => i === axis || size <= x.shape[i]!);
  if (positions.rank === x.rank && fits) {
    if (x.rank > 0) notePositions(asked, positions, x, axis);
    return positions;
  }
  throw new UserError(
    "shape",
    `${asked}: an index of ${formatShape(positions.shape)} does not fit ${formatShape(x.shape)} along axis ${axis}.`,
  );
}

/** `indices` are not negative; dimensions other than `axis` may be shorter than the data's. */
export function scatterAlong(
  data: Tensor,
  axis: number,
  indices: Tensor,
  updates: Tensor,
  reduction: ScatterReduction = "none",
): Tensor {
  const missing = data.shape
    .map((size, i) => [0, i === axis ? 0 : size - indices.shape[i]!])
    .reverse()
    .flat();
  return placed(data, axis, indices.pad(missing, -1), updates.pad(missing), reduction);
}

/** As the op `scatter`, for what is true or false, too: a sum is whether any is true, a product whether all are. */
export function placed(
  data: Tensor,
  axis: number,
  positions: Tensor,
  updates: Tensor,
  reduction: ScatterReduction,
): Tensor {
  if (data.dtype === "bool" && reduction !== "none") {
    const [numbers, given] = [data.to("i32"), updates.to("i32")];
    const among = reduction === "add" || reduction === "max" ? "max" : "min";
    return placed(numbers, axis, positions, given, among).to("bool");
  }
  return data.symbol(data.trace.add("scatter", [data.id, positions.id, updates.id], { axis, reduction }));
}

/** `[…]` class numbers to `[…, classes]`, 1 where the position along the new dimension is the number; i32. */
export function oneHot(index: Tensor, classes: number): Tensor {
  const rank = index.rank + 1;
  const range = { least: 0, greatest: classes - 1 };
  if (index.dtype === "i32") index.trace.noteIndex(index.id, range, `oneHot: a class number of ${classes}`);
  return index
    .to("i32")
    .unsqueeze(-1)
    .eq(arange(index, classes, rank - 1, rank))
    .to("i32");
}
