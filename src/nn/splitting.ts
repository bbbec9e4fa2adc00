/** Cutting tensors along a dimension, and laying copies side by side. */
import { UserError } from "../errors.ts";
import { elementCount, formatShape, normalizeAxis } from "../ir/shape.ts";
import type { Tensor } from "./tensor.ts";

/** Parts of `size` elements along `axis`, the last one what is left; or parts of the sizes in a list. */
export function split(x: Tensor, size: number | readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis(axis, x.rank, "split");
  const extent = x.shape[at] ?? 1;
  if (typeof size === "number" && !(Number.isInteger(size) && size > 0))
    throw new UserError("argument", `split: expected parts of a positive whole size, got ${size}.`);
  const sizes =
    typeof size === "number"
      ? Array.from({ length: Math.max(1, Math.ceil(extent / size)) }, (_, i) =>
          Math.min(size, extent - i * size),
        )
      : size;
  if (sizes.reduce((sum, part) => sum + part, 0) !== extent)
    throw new UserError(
      "shape",
      `split: parts of [${sizes.join(", ")}] do not add up to dimension ${at} of ${formatShape(x.shape)}.`,
    );
  let from = 0;
  return sizes.map((part) => x.slice(at, from, (from += part)));
}

/** `chunks` parts of equal size along `axis`; the last may be smaller, and there may be fewer, as in PyTorch. */
export function chunk(x: Tensor, chunks: number, axis = 0): Tensor[] {
  const at = normalizeAxis(axis, x.rank, "chunk");
  if (!(Number.isInteger(chunks) && chunks > 0))
    throw new UserError("argument", `chunk: expected a positive number of parts, got ${chunks}.`);
  return split(x, Math.max(1, Math.ceil(x.shape[at]! / chunks)), at);
}

/** Every position along `axis`, without that dimension. */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  const at = normalizeAxis(axis, x.rank, "unbind");
  return Array.from({ length: x.shape[at] ?? 0 }, (_, position) => x.select(at, position));
}

/** Copies of the whole side by side, `repeats[i]` along dimension i; there may be more repeats than dimensions. */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  if (repeats.length < x.rank)
    throw new UserError(
      "argument",
      `repeat: expected a number for each of ${x.rank} dimensions, got [${repeats.join(", ")}].`,
    );
  const shape = [...new Array<number>(repeats.length - x.rank).fill(1), ...x.shape];
  // [a, b] → [1, a, 1, b] → [r, a, s, b] → [r·a, s·b]
  const wide = x.reshape(shape.flatMap((size) => [1, size]));
  const expanded = wide.expand(shape.flatMap((size, axis) => [repeats[axis]!, size]));
  return expanded.reshape(shape.map((size, axis) => size * repeats[axis]!));
}

/** As `repeat`, where missing numbers in front are 1. */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  return repeat(x, [...new Array<number>(Math.max(0, x.rank - repeats.length)).fill(1), ...repeats]);
}

/** Moves dimensions to other places; the rest keep their order. */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const list = (axes: number | readonly number[]): number[] =>
    [axes].flat().map((axis) => normalizeAxis(axis as number, x.rank, "movedim"));
  const [from, to] = [list(source), list(destination)];
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length)
    throw new UserError(
      "argument",
      `movedim: expected as many different destinations as sources, got [${from.join(", ")}] to [${to.join(", ")}].`,
    );
  const rest = x.shape.map((_, axis) => axis).filter((axis) => !from.includes(axis));
  const order = x.shape.map((_, axis) => (to.includes(axis) ? from[to.indexOf(axis)]! : rest.shift()!));
  return x.permute(order);
}

/** Elements shifted along dimensions; what leaves at the end comes back at the start. Without axes: of the flat tensor. */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  axes?: number | readonly number[],
): Tensor {
  if (axes === undefined) return roll(x.reshape([elementCount(x.shape)]), shifts, [0]).reshape(x.shape);
  const [amounts, along] = [[shifts].flat() as number[], [axes].flat() as number[]];
  if (amounts.length !== along.length)
    throw new UserError("argument", `roll: ${amounts.length} shifts for ${along.length} dimensions.`);
  return along.reduce((y, axis, i) => {
    const at = normalizeAxis(axis, x.rank, "roll");
    const size = y.shape[at] ?? 0;
    if (size === 0) return y;
    const shift = ((amounts[i]! % size) + size) % size;
    return shift === 0 ? y : concatenated(y.slice(at, size - shift), y.slice(at, 0, size - shift), at);
  }, x);
}

function concatenated(a: Tensor, b: Tensor, axis: number): Tensor {
  return a.symbol(a.trace.add("concat", [a.id, b.id], { axis }));
}
